// TCP over devices that two threads of this process share: what the stack adds to bare frames and
// to bare bytes, and what many connections that do nothing cost the one that does.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include "bench/raw_ethdev.h"
#include "bench/raw_tcp.h"
#include "bench/rows.h"
#include "bench/tcp_bed.h"
#include "tcp/tcb.h"
#include "wire/checksum.h"

namespace pinion::bench {

namespace {

constexpr uint32_t kIdle = 50'000;

// Members are destroyed from the last to the first: who uses a port goes before it.
struct AnsweredTcp {
  PortPair ports;
  TcpEnd application;
  RawClient raw;

  explicit AnsweredTcp(PortPair devices)
      : ports(std::move(devices)),
        application(*ports.near, {.peer_mac = ports.far->capabilities().mac,
                                  .delayed_ack_us = TcpEnd::kAckRidesUs}),
        raw(ports.near->port_id(),
            raw_segment({ports.far->capabilities().mac, ports.near->capabilities().mac},
                        application.address(), ipv4(10, 78, 0, 2), kPayloadBytes)) {
    const rio_socket_t socket = application.begin_connect(ipv4(10, 78, 0, 2));
    application.await_connected(socket, [this] { answer_tcp_burst(ports.far->port_id()); });
    application.use(socket, kPayloadBytes);
  }
};

Load bare_frames(const std::shared_ptr<AnsweredTcp>& tcp) {
  auto client = [tcp](Samples& samples) {
    measure(samples, kFrameRoundTrips, [&] {
      const uint64_t start = tsc();
      tcp->raw.round_trip();
      return tsc() - start;
    });
  };
  return {client,
          [tcp](const std::atomic<bool>& stop) { answer_tcp(tcp->ports.far->port_id(), stop); }};
}

// Application and stack in one thread; the peer of both sides is the same bare loop on the other
// processor, which makes the answer out of the segment, so its work is equal. The bare client sends
// a segment as the stack's, from a template.
Contest tcp_inline(PortPair devices) {
  auto tcp = std::make_shared<AnsweredTcp>(std::move(devices));
  const Load bare = bare_frames(tcp);
  auto stack = [tcp](Samples& samples) {
    measure(samples, kFrameRoundTrips, [&] { return tcp->application.round_trip(); });
  };
  return {{stack, bare.server}, bare};
}

// With a stack and an application at the far end, too: it costs the stack twice.
Contest tcp_both_inline(PortPair (*open)()) {
  auto tcp =
      std::make_shared<TcpPair>(open(), TcpEndOptions{.delayed_ack_us = TcpEnd::kAckRidesUs});
  tcp->connect(1);
  auto stack = [tcp](Samples& samples) {
    measure(samples, kFrameRoundTrips, [&] { return tcp->near.round_trip(); });
  };
  auto echo = [tcp](const std::atomic<bool>& stop) { tcp->far.echo(stop); };
  return {{stack, echo}, bare_frames(std::make_shared<AnsweredTcp>(open()))};
}

size_t resident_bytes() {
  size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Both ends in one thread, over a ring: what many connections do to the tables and the timers needs
// no second processor.
std::shared_ptr<TcpPair> pair_with(uint32_t connections, size_t& bytes) {
  const size_t before = resident_bytes();
  auto tcp = std::make_shared<TcpPair>(
      open_net_ring(),
      TcpEndOptions{.connections_max = connections, .delayed_ack_us = TcpEnd::kAckRidesUs});
  tcp->connect(connections);
  bytes = resident_bytes() - before;
  return tcp;
}

Load both_ends(const std::shared_ptr<TcpPair>& tcp) {
  return {[tcp](Samples& samples) {
            measure(samples, kFrameRoundTrips, [&] { return tcp->near.round_trip(&tcp->far); });
          },
          {}};
}

Contest tcp_idle() {
  size_t one_bytes, many_bytes;
  auto one = pair_with(1, one_bytes);
  auto many = pair_with(kIdle + 1, many_bytes);
  const double each =
      (static_cast<double>(many_bytes) - static_cast<double>(one_bytes)) / (2.0 * kIdle);
  std::printf("tcp_idle_50000: %.0f bytes of memory a connection, of which its TCB %zu\n", each,
              sizeof(Tcb));
  return {both_ends(many), both_ends(one)};
}

constexpr uint32_t kBlockBytes = 64 * 1024, kBlocks = 16;
constexpr size_t kBlocksAWindow = 256;
constexpr size_t kSegmentBytes = 1448;

// Bytes that one thread copies into shared memory and the other one out of it again, in as many
// blocks as the application has buffers, each side adding them up on its way as TCP has to.
class BareStream {
 public:
  BareStream() : source_(kBlockBytes), sink_(kBlockBytes), shared_(size_t{kBlocks} * kBlockBytes) {}

  void send(size_t blocks) {
    const uint32_t end = sent_ + static_cast<uint32_t>(blocks);
    while (rio_word_load(&taken_) != end) {
      if (sent_ == end || sent_ - rio_word_load(&taken_) == kBlocks) continue;
      move(source_.data(), block(sent_));
      rio_word_store(&given_, ++sent_);
    }
  }
  void drain(const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) {
      if (rio_word_load(&given_) == received_) continue;
      move(block(received_), sink_.data());
      rio_word_store(&taken_, ++received_);
    }
  }

 private:
  std::byte* block(uint32_t number) { return &shared_[size_t{number % kBlocks} * kBlockBytes]; }
  static void move(const std::byte* from, std::byte* to) {
    uint64_t sum = 0;
    for (size_t at = 0; at < kBlockBytes; at += kSegmentBytes) {
      const size_t length = std::min(kSegmentBytes, size_t{kBlockBytes} - at);
      sum = copy_and_sum(to + at, Bytes(from + at, length), sum);
    }
    volatile uint64_t kept = sum;  // or it would not have to be computed
    (void)kept;
  }

  std::vector<std::byte> source_, sink_, shared_;
  alignas(128) uint32_t given_ = 0;
  alignas(128) uint32_t taken_ = 0;
  alignas(128) uint32_t sent_ = 0;
  alignas(128) uint32_t received_ = 0;
};

// The time of a byte; the ratio of the rates is the inverse of what the table shows.
Contest tcp_stream() {
  auto tcp = std::make_shared<TcpPair>(open_memif(),
                                       TcpEndOptions{.slots = kBlocks, .slot_bytes = kBlockBytes});
  tcp->connect(1, kPayloadBytes, kBlockBytes);
  auto bare = std::make_shared<BareStream>();
  auto stack = [tcp](Samples& samples) {
    const uint64_t start = tsc();
    tcp->near.send_slots(kBlocksAWindow);
    samples.add_each(tsc() - start, kBlocksAWindow * kBlockBytes);
  };
  auto sink = [tcp](const std::atomic<bool>& stop) { tcp->far.drain(stop); };
  auto copy = [bare](Samples& samples) {
    const uint64_t start = tsc();
    bare->send(kBlocksAWindow);
    samples.add_each(tsc() - start, kBlocksAWindow * kBlockBytes);
  };
  auto copy_sink = [bare](const std::atomic<bool>& stop) { bare->drain(stop); };
  return {{stack, sink}, {copy, copy_sink}};
}

}  // namespace

void add_tcp_rows(Registry& rows) {
  rows.push_back({"tcp_inline_net_ring", "bare frames on the same device", 1.7,
                  [] { return tcp_inline(open_net_ring()); }});
  rows.push_back({"tcp_inline_memif", "bare frames on the same device", 1.7,
                  [] { return tcp_inline(open_memif()); }});
  rows.push_back({"tcp_both_inline_memif", "bare frames on such a device", 0,
                  [] { return tcp_both_inline(open_memif); }});
  rows.push_back({"tcp_idle_50000", "one connection", 1.2, tcp_idle});
  rows.push_back({"tcp_stream_memif", "copying and adding up, at each end", 2.5, tcp_stream});
}

}  // namespace pinion::bench
