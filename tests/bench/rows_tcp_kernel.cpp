// TCP against the kernel's: requests to a kernel peer over one and the same veth pair, and
// connections opened and closed.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "bench/raw_ethdev.h"
#include "bench/rows.h"
#include "bench/tcp_bed.h"
#include "bench/veth.h"

namespace pinion::bench {

namespace {

constexpr size_t kConnections = 1'000;  // a window

// A kernel's stream that is never waited for: its owner spins.
class KernelStream {
 public:
  KernelStream() = default;
  KernelStream(KernelStream&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  KernelStream& operator=(KernelStream&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~KernelStream() {
    if (fd_ >= 0) close(fd_);
  }

  // In the network namespace of the calling thread.
  void listen(Ipv4 address) {
    open();
    const int on = 1;
    const sockaddr_in name = socket_address(address, TcpEnd::kPort);
    must_errno(setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "kernel option");
    must_errno(bind(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name), "kernel bind");
    must_errno(::listen(fd_, SOMAXCONN), "kernel listen");
  }
  void connect(Ipv4 address) {
    open();
    const sockaddr_in name = socket_address(address, TcpEnd::kPort);
    must_errno(::connect(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name),
               "kernel connect");
  }
  KernelStream accept() const {
    KernelStream out;
    out.fd_ = must_errno(accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC), "kernel accept");
    return out;
  }
  void send_at_once() const {
    const int on = 1;
    must_errno(setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "kernel option");
  }

  uint64_t round_trip() const {
    std::array<char, kPayloadBytes> data{};
    const uint64_t start = tsc();
    must_errno(static_cast<int>(send(fd_, data.data(), data.size(), MSG_NOSIGNAL)), "kernel send");
    for (size_t got = 0; got < data.size();) {
      const ssize_t n = recv(fd_, data.data(), data.size() - got, MSG_DONTWAIT);
      if (n > 0) got += static_cast<size_t>(n);
      if (n == 0 || tsc() - start > lost_after()) must(-ETIMEDOUT, "kernel round trip");
    }
    return tsc() - start;
  }
  void echo(const std::atomic<bool>& stop) const {
    std::array<char, 2048> data;
    while (!stop.load(std::memory_order_relaxed)) {
      const ssize_t n = recv(fd_, data.data(), data.size(), MSG_DONTWAIT);
      if (n <= 0) continue;
      must_errno(static_cast<int>(send(fd_, data.data(), static_cast<size_t>(n), MSG_NOSIGNAL)),
                 "kernel echo");
    }
  }

 private:
  void open() { fd_ = must_errno(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"); }

  int fd_ = -1;
};

// The stack has an address of its own beside the kernel's on the near end.
struct TcpOverVeth {
  Veth veth{{"10.78.0.1", "10.78.0.2"}};
  KernelStream listener, client, peer_of_client, peer_of_stack;
  std::unique_ptr<EthdevPort> port;
  std::unique_ptr<TcpEnd> application;

  TcpOverVeth() {
    start_eal();
    veth.inside(1, [this] { listener.listen(kVethPeer); });
    veth.inside(0, [this] {
      client.connect(kVethPeer);
      std::string error;
      port = EthdevPort::open({.device = "net_af_packet1,iface=" + Veth::name(0)}, error);
      if (!port) throw Unavailable("net_af_packet: " + error);
      await_link(*port);
    });
    peer_of_client = listener.accept();
    application =
        std::make_unique<TcpEnd>(*port, TcpEndOptions{.local = kVethStack,
                                                      .peer = kVethPeer,
                                                      .peer_mac = veth.mac(1),
                                                      .delayed_ack_us = TcpEnd::kAckRidesUs});
    const rio_socket_t socket = application->begin_connect(kVethPeer);
    application->await_connected(socket, [] {});
    application->use(socket, kPayloadBytes);
    application->poll();
    peer_of_stack = listener.accept();
    for (const KernelStream* s : {&client, &peer_of_client, &peer_of_stack}) s->send_at_once();
  }
};

// The peer of both is a spinning kernel socket on the other processor.
Contest tcp_vs_kernel() {
  auto over = std::make_shared<TcpOverVeth>();
  auto stack = [over](Samples& samples) {
    measure(samples, kVethRoundTrips, [&] { return over->application->round_trip(); });
  };
  auto kernel = [over](Samples& samples) {
    measure(samples, kVethRoundTrips, [&] { return over->client.round_trip(); });
  };
  return {{stack, [over](const std::atomic<bool>& stop) { over->peer_of_stack.echo(stop); }},
          {kernel, [over](const std::atomic<bool>& stop) { over->peer_of_client.echo(stop); }}};
}

struct KernelLoopback {
  KernelStream listener;
  uint32_t opened = 0;

  KernelLoopback() { listener.listen(Ipv4{}); }
  // To many addresses of this machine, or its ports would all be in TIME-WAIT.
  void open_and_close() {
    constexpr uint32_t kAddresses = 1 << 16;
    KernelStream client;
    client.connect({ipv4(127, 1, 0, 1).v + opened++ % kAddresses});
    const KernelStream accepted = listener.accept();
  }
};

// Connections opened and closed, the client first, both ends in one thread: socket, connect,
// accept, close, close. Those in TIME-WAIT give way to new ones when the table is full.
Contest tcp_accept() {
  auto tcp = std::make_shared<TcpPair>(open_net_ring(), TcpEndOptions{.connections_max = 4096});
  auto kernel = std::make_shared<KernelLoopback>();
  auto stack = [tcp](Samples& samples) {
    const uint64_t start = tsc();
    for (size_t i = 0; i < kConnections; ++i) tcp->open_and_close();
    samples.add_each(tsc() - start, kConnections);
  };
  auto loopback = [kernel](Samples& samples) {
    const uint64_t start = tsc();
    for (size_t i = 0; i < kConnections; ++i) kernel->open_and_close();
    samples.add_each(tsc() - start, kConnections);
  };
  return {{stack, {}}, {loopback, {}}};
}

}  // namespace

void add_tcp_kernel_rows(Registry& rows) {
  rows.push_back({"tcp_vs_kernel_veth", "kernel sockets, spinning", 1.0, tcp_vs_kernel});
  // At least 1.5 times as many a second.
  rows.push_back({"tcp_accept", "kernel sockets over loopback", 1 / 1.5, tcp_accept});
}

}  // namespace pinion::bench
