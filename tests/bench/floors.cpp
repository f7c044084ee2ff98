// The floors. State of a load lives as long as its two functions (a shared_ptr in both).
#include "bench/floors.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace pinion::bench {

namespace {

// One producer, one consumer, one line an entry. The users below never have more than kSlots
// entries in flight, so there is no flow control to pay for.
class SlotRing {
 public:
  void push(uint64_t value) {
    Slot& slot = slots_[produced_ % kSlots];
    slot.value = value;
    rio_ring_publish(&slot.sequence, produced_++);
  }
  bool pop(uint64_t& value) {
    const Slot& slot = slots_[consumed_ % kSlots];
    if (!rio_ring_ready(&slot.sequence, consumed_)) return false;
    value = slot.value;
    ++consumed_;
    return true;
  }
  static constexpr size_t kSlots = 1024;

 private:
  struct alignas(64) Slot {
    uint32_t sequence = 0;
    uint64_t value = 0;
  };
  alignas(128) std::array<Slot, kSlots> slots_{};
  alignas(128) uint32_t produced_ = 0;
  alignas(128) uint32_t consumed_ = 0;
};

struct Rings {
  SlotRing requests, completions;
};

void echo(Rings& rings, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    uint64_t value;
    while (!rings.requests.pop(value)) {
    }
    rings.completions.push(value);
  }
}

// A descriptor to block on, beside the words that the two threads share.
struct SocketWake : Wake {
  std::array<int, 2> fds{-1, -1};

  SocketWake() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) std::abort();
  }
  ~SocketWake() {
    close(fds[0]);
    close(fds[1]);
  }
  SocketWake(const SocketWake&) = delete;
  SocketWake& operator=(const SocketWake&) = delete;
};

}  // namespace

void LinePair::serve(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed)) {
    if (rio_word_load(&ping_) == server_) continue;
    rio_word_store(&pong_, ++server_);
  }
}

Load line_ping_pong() {
  auto lines = std::make_shared<LinePair>();
  auto client = [lines](Samples& samples) {
    measure(samples, kRingRoundTrips, [&] { return lines->round_trip(); });
  };
  return {client, [lines](const std::atomic<bool>& stop) { lines->serve(stop); }};
}

Load slot_rings_round_trip() {
  auto rings = std::make_shared<Rings>();
  auto client = [rings](Samples& samples) {
    samples.reserve(kRingRoundTrips);
    for (size_t i = 0; i < kRingRoundTrips; ++i) {
      uint64_t value;
      const uint64_t start = tsc();
      rings->requests.push(i);
      while (!rings->completions.pop(value)) {
      }
      samples.add(tsc() - start);
      if (value != i) std::abort();
    }
  };
  return {client, [rings](const std::atomic<bool>&) { echo(*rings, kRingRoundTrips); }};
}

Load slot_rings_pipelined(size_t depth) {
  if (depth == 0 || depth > SlotRing::kSlots) std::abort();
  auto rings = std::make_shared<Rings>();
  auto client = [rings, depth](Samples& samples) {
    size_t sent = 0, received = 0;
    uint64_t value;
    const uint64_t start = tsc();
    while (received < kPipelined) {
      while (sent < kPipelined && sent - received < depth) rings->requests.push(sent++);
      while (rings->completions.pop(value)) ++received;
    }
    samples.add_each(tsc() - start, kPipelined);
  };
  return {client, [rings](const std::atomic<bool>&) { echo(*rings, kPipelined); }};
}

void wait_readable(int fd) {
  char byte;
  pollfd entry{fd, POLLIN, 0};
  if (poll(&entry, 1, -1) != 1 || recv(fd, &byte, 1, MSG_DONTWAIT) != 1) std::abort();
}

Load socketpair_wake() {
  auto wake = std::make_shared<SocketWake>();
  auto client = [wake](Samples& samples) {
    wake->run(
        samples, [] {},
        [&] {
          const char byte = 0;
          if (send(wake->fds[0], &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) std::abort();
        });
  };
  auto server = [wake](const std::atomic<bool>&) {
    wake->sleep([] {}, [&] { wait_readable(wake->fds[1]); });
  };
  return {client, server};
}

}  // namespace pinion::bench
