// What Linux's own TCP makes of the link that `sim --goodput` gives to ours: the same losses (by
// the same seed), the same delay, as many bytes, the same congestion control. Two network
// namespaces, a TAP device in each, and this program as the wire between them, in real time:
//   linux_goodput [--seed=N] [--seeds=N] [--newreno]
// Needs root, and a processor that is idle otherwise; nothing it makes outlives it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rio/control.h>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "sim/goodput.h"
#include "sim/link.h"

namespace pinion::sim {
namespace {

constexpr uint16_t kPort = 5000;
constexpr int kFrameMax = 1600;
constexpr Nanos kGiveUp = 120 * kSecond;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "linux_goodput: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

Nanos now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

sockaddr_in address(uint32_t host) {
  sockaddr_in a{};
  a.sin_family = AF_INET, a.sin_port = htons(kPort);
  a.sin_addr.s_addr = htonl(0x0a000001 + host);
  return a;
}

// One end of the wire, in a namespace of its own that this thread enters.
struct End {
  int ns = -1, tap = -1;

  explicit End(uint32_t host) {
    if (unshare(CLONE_NEWNET) != 0) die("a network namespace");
    ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    std::strcpy(request.ifr_name, "tap0");
    if (ns < 0 || tap < 0 || ioctl(tap, TUNSETIFF, &request) != 0) die("a TAP device");
    const std::string text = "ip addr add 10.0.0." + std::to_string(host + 1) +
                             "/24 dev tap0 && ip link set tap0 addrgenmode none up";
    if (std::system(text.c_str()) != 0) die("ip");
  }
};

// A socket of that namespace.
int stream_of(const End& end) {
  if (setns(end.ns, CLONE_NEWNET) != 0) die("setns");
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  return fd;
}

struct Wire {
  struct Arrival {
    Nanos at;
    Packet frame;
  };
  int from, to;
  Link link;
  std::deque<Arrival> arrivals;

  void carry() {
    std::byte bytes[kFrameMax];
    for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;)
      for (Link::Copy& copy : link.carry(Packet(bytes, bytes + n), now()))
        arrivals.push_back({copy.at, std::move(copy.frame)});
    for (; !arrivals.empty() && arrivals.front().at <= now(); arrivals.pop_front())
      if (write(to, arrivals.front().frame.data(), arrivals.front().frame.size()) < 0) return;
  }
};

void serve(int listener, uint64_t bytes, std::atomic<Nanos>& done) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  std::vector<char> buffer(1 << 20);
  for (uint64_t got = 0; got < bytes;) {
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) die("recv");
    got += static_cast<uint64_t>(n);
  }
  done = now();
  close(fd);
}

void push(const End& end, const GoodputOptions& o, std::atomic<Nanos>& begun) {
  const int fd = stream_of(end);
  const std::string control = o.congestion == RIO_CONGESTION_NEWRENO ? "reno" : "cubic";
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control.data(),
                 static_cast<socklen_t>(control.size())) != 0)
    die("congestion control " + control);
  const timeval patience{.tv_sec = 10, .tv_usec = 0};  // its last words may be lost on the wire
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const sockaddr_in to = address(1);
  begun = now();
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) die("connect");
  const std::vector<char> buffer(1 << 20);
  for (uint64_t sent = 0; sent < o.bytes;) {
    const ssize_t n = send(fd, buffer.data(), buffer.size(), MSG_NOSIGNAL);
    if (n <= 0) break;  // the server has enough, and is gone
    sent += static_cast<uint64_t>(n);
  }
  close(fd);
}

// In real time: bytes over the wire, and how long that took.
Goodput measure_linux(const GoodputOptions& o) {
  const End client(0), server(1);
  const LinkFaults faults{.loss = o.loss, .delay = o.rtt / 2};
  Wire wires[2] = {{client.tap, server.tap, Link{faults, o.seed}, {}},
                   {server.tap, client.tap, Link{faults, o.seed + 1}, {}}};
  const int listener = stream_of(server);
  const sockaddr_in at = address(1);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) die("bind");
  if (listen(listener, 1) != 0) die("listen");
  std::atomic<Nanos> begun{0}, done{0};
  std::thread receiver(serve, listener, o.bytes, std::ref(done));
  std::thread sender([&] { push(client, o, begun); });
  const Nanos end = now() + kGiveUp;
  while (done == 0)
    for (Wire& wire : wires) {
      wire.carry();
      if (now() > end) die("not finished in time");
    }
  // The sender's rest has nobody to go to.
  receiver.join();
  for (const Nanos until = now() + kSecond / 10; now() < until;)
    for (Wire& wire : wires) wire.carry();
  close(listener);
  for (const End* e : {&client, &server}) close(e->tap), close(e->ns);
  sender.join();
  return {.bytes = o.bytes, .lost = wires[0].link.lost(), .time = done - begun};
}

}  // namespace
}  // namespace pinion::sim

int main(int argc, char** argv) {
  using namespace pinion::sim;
  uint64_t seed = 1, seeds = 5;
  uint8_t congestion = RIO_CONGESTION_CUBIC;
  for (int i = 1; i < argc; ++i) {
    const bool known = std::sscanf(argv[i], "--seed=%" SCNu64, &seed) == 1 ||
                       std::sscanf(argv[i], "--seeds=%" SCNu64, &seeds) == 1;
    const bool newreno = std::strcmp(argv[i], "--newreno") == 0;
    if (newreno) congestion = RIO_CONGESTION_NEWRENO;
    if (known || newreno) continue;
    std::fprintf(stderr, "usage: linux_goodput [--seed=N] [--seeds=N] [--newreno]\n");
    return 2;
  }
  std::printf("seed   Linux MB/s  lost   Pinion MB/s  lost   Pinion / Linux\n");
  for (uint64_t n = seed; n - seed < seeds; ++n) {
    const GoodputOptions options{.seed = n, .congestion = congestion};
    const Goodput theirs = measure_linux(options), ours = measure_goodput(options);
    std::printf("%-6" PRIu64 " %10.1f %5" PRIu64 " %13.1f %5" PRIu64 " %16.2f %s\n", n,
                theirs.megabytes_per_s(), theirs.lost, ours.megabytes_per_s(), ours.lost,
                ours.megabytes_per_s() / theirs.megabytes_per_s(), ours.failure.c_str());
    std::fflush(stdout);
  }
  return 0;
}
