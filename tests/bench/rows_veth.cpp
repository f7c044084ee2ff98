// Against the kernel: datagrams to a kernel socket and back, over one and the same veth pair.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "bench/raw_ethdev.h"
#include "bench/rows.h"
#include "bench/udp_bed.h"
#include "bench/veth.h"

namespace pinion::bench {

namespace {

constexpr uint16_t kPort = UdpBed::kPeerPort;

// A kernel UDP socket that is never waited for: its owner spins.
class KernelSocket {
 public:
  // In the network namespace of the calling thread.
  void open() {
    fd_ = must_errno(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  }
  ~KernelSocket() {
    if (fd_ >= 0) close(fd_);
  }
  void bind_to(Ipv4 address) {
    const sockaddr_in name = socket_address(address, kPort);
    must_errno(bind(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name), "kernel bind");
  }
  void connect_to(Ipv4 address) {
    const sockaddr_in name = socket_address(address, kPort);
    must_errno(connect(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name),
               "kernel connect");
  }

  uint64_t round_trip() {
    std::array<char, kPayloadBytes> data{};
    const uint64_t start = tsc();
    must_errno(static_cast<int>(send(fd_, data.data(), data.size(), 0)), "kernel send");
    while (recv(fd_, data.data(), data.size(), 0) != ssize_t{kPayloadBytes}) {
      if (tsc() - start > lost_after()) must(-ETIMEDOUT, "kernel round trip");
    }
    return tsc() - start;
  }
  void echo(const std::atomic<bool>& stop) {
    std::array<char, 2048> data;
    sockaddr_in from{};
    auto* name = reinterpret_cast<sockaddr*>(&from);
    while (!stop.load(std::memory_order_relaxed)) {
      socklen_t length = sizeof from;
      const ssize_t n = recvfrom(fd_, data.data(), data.size(), 0, name, &length);
      if (n < 0) continue;
      must_errno(
          static_cast<int>(sendto(fd_, data.data(), static_cast<size_t>(n), 0, name, length)),
          "kernel echo");
    }
  }

 private:
  int fd_ = -1;
};

// The stack has an address of its own beside the kernel's on the near end.
struct UdpOverVeth {
  Veth veth{{"10.78.0.1", "10.78.0.2"}};
  KernelSocket client, peer;
  std::unique_ptr<EthdevPort> port;
  std::unique_ptr<UdpBed> application;

  UdpOverVeth() {
    start_eal();
    veth.inside(0, [this] {
      client.open();
      client.connect_to(kVethPeer);
      std::string error;
      port = EthdevPort::open({.device = "net_af_packet0,iface=" + Veth::name(0)}, error);
      if (!port) throw Unavailable("net_af_packet: " + error);
      await_link(*port);
    });
    veth.inside(1, [this] {
      peer.open();
      peer.bind_to(kVethPeer);
    });
    application = std::make_unique<UdpBed>(
        *port, UdpBedOptions{.local = kVethStack, .peer = kVethPeer, .peer_mac = veth.mac(1)});
  }
};

// The peer of both is the same spinning kernel socket on the other processor.
Contest udp_vs_kernel() {
  auto over = std::make_shared<UdpOverVeth>();
  auto peer = [over](const std::atomic<bool>& stop) { over->peer.echo(stop); };
  auto stack = [over](Samples& samples) {
    measure(samples, kVethRoundTrips, [&] { return over->application->round_trip(); });
  };
  auto kernel = [over](Samples& samples) {
    measure(samples, kVethRoundTrips, [&] { return over->client.round_trip(); });
  };
  return {{stack, peer}, {kernel, peer}};
}

}  // namespace

void add_veth_rows(Registry& rows) {
  rows.push_back({"udp_vs_kernel_veth", "kernel sockets, spinning", 1.0, udp_vs_kernel});
}

}  // namespace pinion::bench
