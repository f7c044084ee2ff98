// See kernel_sockets.h.
#include "demo/kernel_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "demo/samples.h"

namespace pinion::demo {

namespace {

constexpr uint32_t kBytesMax = 1472;

sockaddr_in endpoint(const std::string& address, uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  errno = EINVAL;
  must(inet_pton(AF_INET, address.c_str(), &a.sin_addr) == 1, address.c_str());
  return a;
}

class Client {
 public:
  explicit Client(const ClientOptions& options) : o_(options), slots_(o_.window) {
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const sockaddr_in peer = endpoint(o_.address, o_.port);
    must(fd_ >= 0 && connect(fd_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0,
         "connect");
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::vector<uint64_t> run() {
    const uint64_t end = now_ns() + static_cast<uint64_t>(o_.seconds * 1e9);
    uint64_t now = now_ns();
    while (now < end && sent_ < o_.messages) {
      if (on_their_way_ < o_.window) send_one(now);
      if (on_their_way_ == o_.window) wait();
      now = now_ns();
      give_up(now);
    }
    while (on_their_way_ > 0) {
      wait();
      give_up(now_ns());
    }
    return std::move(round_trips_);
  }

 private:
  struct Slot {
    uint64_t number = 0;  // 0: free
    uint64_t sent_ns = 0;
  };

  // A message begins with its number and its slot; every other byte follows from the number.
  void fill(unsigned char* out, uint64_t number, uint32_t slot) const {
    std::memset(out, static_cast<int>(number & 0xff), o_.bytes);
    std::memcpy(out, &number, sizeof number);
    std::memcpy(out + sizeof number, &slot, sizeof slot);
  }

  void send_one(uint64_t now) {
    const auto free =
        std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.number == 0; });
    *free = {++sent_, now};
    unsigned char message[kBytesMax];
    fill(message, sent_, static_cast<uint32_t>(free - slots_.begin()));
    // Refused (an ICMP error of before, a full queue): it will count as lost.
    (void)!send(fd_, message, o_.bytes, 0);
    ++on_their_way_;
  }

  void wait() {
    if (!o_.spin) {
      pollfd p{fd_, POLLIN, 0};
      poll(&p, 1, 100);
    }
    unsigned char got[kBytesMax + 1], wanted[kBytesMax];
    ssize_t n;
    while ((n = recv(fd_, got, sizeof got, MSG_DONTWAIT)) > 0) {
      const uint64_t now = now_ns();
      uint64_t number;
      uint32_t slot;
      std::memcpy(&number, got, sizeof number);
      std::memcpy(&slot, got + sizeof number, sizeof slot);
      if (static_cast<uint32_t>(n) != o_.bytes || slot >= slots_.size() || number == 0) continue;
      fill(wanted, number, slot);
      if (slots_[slot].number != number || std::memcmp(got, wanted, o_.bytes) != 0) continue;
      settle(slots_[slot], now - slots_[slot].sent_ns);
    }
  }

  void give_up(uint64_t now) {
    for (Slot& s : slots_)
      if (s.number != 0 && now - s.sent_ns > kPatienceNs) settle(s, kLost);
  }

  void settle(Slot& slot, uint64_t round_trip) {
    round_trips_.push_back(round_trip);
    slot.number = 0;
    --on_their_way_;
  }

  ClientOptions o_;
  int fd_ = -1;
  std::vector<Slot> slots_;
  std::vector<uint64_t> round_trips_;
  uint64_t sent_ = 0;
  uint32_t on_their_way_ = 0;
};

}  // namespace

int run_client(const ClientOptions& options) {
  append_samples(options.samples, Client(options).run());
  return 0;
}

int run_kernel_echo(const std::string& address, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_in local = endpoint(address, port);
  must(fd >= 0 && bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0, "bind");
  stop_on_signals();
  std::printf("ready\n");
  std::fflush(stdout);
  uint64_t messages = 0, calls = 0;
  unsigned char bytes[kBytesMax];
  while (!stopped()) {
    sockaddr_in peer;
    socklen_t length = sizeof peer;
    auto* at = reinterpret_cast<sockaddr*>(&peer);
    const ssize_t n = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, at, &length);
    if (n < 0) continue;
    messages += sendto(fd, bytes, static_cast<size_t>(n), 0, at, length) == n;
    calls += 2;
  }
  close(fd);
  std::printf("messages=%llu calls=%llu\n", static_cast<unsigned long long>(messages),
              static_cast<unsigned long long>(calls));
  return 0;
}

}  // namespace pinion::demo
