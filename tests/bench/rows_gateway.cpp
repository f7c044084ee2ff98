// The trading gateway: an order from its FIX bytes to its OUCH bytes, over frames and against the
// kernel's sockets, and market data into books.
#include <cstring>
#include <memory>
#include <vector>

#include "bench/bare_network.h"
#include "bench/bed.h"
#include "bench/gateway_bed.h"
#include "bench/memory_network.h"
#include "bench/raw_ethdev.h"
#include "bench/rows.h"
#include "bench/veth.h"
#include "exchange-sim/traders.h"
#include "gateway/book/feed.h"
#include "gateway/net/kernel_network.h"
#include "gateway/net/rio_network.h"
#include "pmd-glue/eal.h"
#include "support/packets.h"

namespace pinion::bench {

namespace {

constexpr size_t kOrders = 1'000;  // a window
constexpr gateway::NetworkConfig kSizes{.streams_max = 8, .datagrams_max = 64};

// From the order's bytes to those of what the venue gets.
uint64_t order_to_order(Counterparties& peers) {
  peers.prepare_order();
  const uint64_t start = tsc();
  const uint64_t patience = lost_after();
  peers.send_order();
  while (peers.orders_arrived() < peers.orders_sent()) {
    peers.poll();
    if (tsc() - start > patience) must(-ETIMEDOUT, "order");
  }
  return tsc() - start;
}

void measure_orders(Samples& samples, Counterparties& peers) {
  measure(samples, kOrders, [&] { return order_to_order(peers); });
}

BedOptions gateway_bed_options(Port& port, Ipv4 local, Ipv4 peer, Mac peer_mac) {
  BedOptions bed{.threaded = false, .sockets_max = 2 * kSizes.streams_max};
  bed.net.interfaces = {{.name = "bench0", .port = &port, .addresses = {{.address = local}}}};
  bed.net.neighbours = {{.address = peer, .mac = peer_mac, .interface = 0}};
  bed.net.tcp.delayed_ack = kMilli;  // on what is sent soon, as the kernel's
  bed.net.secret[0] = 1, bed.net.secret[1] = 2;
  return bed;
}

// The gateway with its stack in the same thread. Members are destroyed from the last to the first.
struct InlineGateway {
  Bed bed;
  gateway::RioNetwork network;
  std::unique_ptr<GatewayBed> gateway;

  InlineGateway(const BedOptions& options, const GatewayPlaces& places)
      : bed(options), network(kSizes, bed.session(), 0, gateway::ControlCalls::inline_host) {
    must(network.open(), "gateway's network");
    gateway = std::make_unique<GatewayBed>(network, places);
  }
  void turn() {
    gateway->turn();
    bed.poll();
  }
  void serve(const std::atomic<bool>& stop) {
    const int registered = eal_register_thread();
    while (!stop.load(std::memory_order_relaxed)) turn();
    if (registered == 0) eal_unregister_thread();
  }
};

constexpr Ipv4 kPeer = ipv4(10, 78, 0, 2);

struct OverFrames {
  PortPair ports = open_net_ring();
  BareNetwork network{{*ports.far, ports.near->capabilities().mac, kPeer, ipv4(10, 78, 0, 1)}};
  InlineGateway inside{gateway_bed_options(*ports.near, ipv4(10, 78, 0, 1), kPeer,
                                           ports.far->capabilities().mac),
                       {}};
  Counterparties peers{network, {}};

  OverFrames() {
    peers.listen();
    peers.connect();
    open_for_trading(*inside.gateway, peers, [this] { inside.turn(); });
  }
};

// The same code without a transport, and a frame's round trip without the code.
struct InMemory {
  MemoryNetwork inside, outside;
  std::unique_ptr<GatewayBed> gateway;
  Counterparties peers{outside, {}};
  PortPair ports = open_net_ring();
  RawClient raw;

  InMemory() : raw(ports.far->port_id(), frame(ports)) {
    MemoryNetwork::join(inside, outside);
    gateway = std::make_unique<GatewayBed>(inside, GatewayPlaces{});
    peers.listen();
    peers.connect();
    open_for_trading(*gateway, peers, [this] { gateway->turn(); });
  }

  // As long as an order's.
  static testing::Packet frame(const PortPair& ports) {
    return testing::udp_frame({ports.near->capabilities().mac, ports.far->capabilities().mac},
                              {kPeer, ipv4(10, 78, 0, 1), 5555, 7777}, testing::Packet(200));
  }
  uint64_t order_and_frame() {
    peers.prepare_order();
    peers.send_order();
    const uint64_t start = tsc();
    gateway->turn();
    const uint64_t turned = tsc();
    raw.round_trip();
    const uint64_t end = tsc();
    peers.poll();
    if (peers.orders_arrived() != peers.orders_sent()) must(-EPROTO, "order in memory");
    return (turned - start) + (end - turned);
  }
};

Contest gateway_order() {
  auto over = std::make_shared<OverFrames>();
  auto memory = std::make_shared<InMemory>();
  auto orders = [over](Samples& samples) { measure_orders(samples, over->peers); };
  auto parts = [memory](Samples& samples) {
    measure(samples, kOrders, [&] { return memory->order_and_frame(); });
  };
  return {{orders, [over](const std::atomic<bool>& stop) { over->inside.serve(stop); }},
          {parts, [memory](const std::atomic<bool>& stop) {
             reflect(memory->ports.near->port_id(), stop);
           }}};
}

// The counterparties are spinning kernel sockets at the far end, the gateways at the near one: with
// a stack of its own, which has an address beside the kernel's, and over the kernel.
struct BothGateways {
  Veth veth{{"10.78.0.1", "10.78.0.2"}};
  GatewayPlaces on_stack{.gateway_ip = "10.78.0.3"};
  GatewayPlaces on_kernel{.venue_port = 8004, .line_port = 26478};
  gateway::KernelNetwork stack_peer{kSizes}, kernel_peer{kSizes}, kernel_network{kSizes};
  std::unique_ptr<EthdevPort> port;
  std::unique_ptr<InlineGateway> stack;
  std::unique_ptr<GatewayBed> kernel;
  Counterparties stack_peers{stack_peer, on_stack}, kernel_peers{kernel_peer, on_kernel};

  BothGateways() {
    start_eal();
    veth.inside(1, [this] {
      stack_peers.listen();
      kernel_peers.listen();
    });
    veth.inside(0, [this] {
      std::string error;
      port = EthdevPort::open({.device = "net_af_packet2,iface=" + Veth::name(0)}, error);
      if (!port) throw Unavailable("net_af_packet: " + error);
      await_link(*port);
      kernel = std::make_unique<GatewayBed>(kernel_network, on_kernel);
      kernel->turn();  // its socket to the venue is of this namespace
    });
    stack = std::make_unique<InlineGateway>(
        gateway_bed_options(*port, kVethStack, kVethPeer, veth.mac(1)), on_stack);
    veth.inside(1, [this] {
      stack_peers.connect();
      kernel_peers.connect();
    });
    open_for_trading(*stack->gateway, stack_peers, [this] { stack->turn(); });
    open_for_trading(*kernel, kernel_peers, [this] { kernel->turn(); });
  }
};

Contest gateway_vs_kernel() {
  auto both = std::make_shared<BothGateways>();
  auto over_stack = [both](Samples& samples) { measure_orders(samples, both->stack_peers); };
  auto over_kernel = [both](Samples& samples) { measure_orders(samples, both->kernel_peers); };
  auto kernel_server = [both](const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) both->kernel->turn();
  };
  return {{over_stack, [both](const std::atomic<bool>& stop) { both->stack->serve(stop); }},
          {over_kernel, kernel_server}};
}

// A morning of the simulator's traders.
class Morning {
 public:
  Morning() : market_({"AAPL", "MSFT", "META"}, {kMessages, kMessages * kMessageBytes}) {
    exchange::Accounts accounts(market_, {}, {1, 1});
    exchange::Traders traders({.seed = 7}, market_, accounts);
    market_.open(1);
    for (uint64_t t = 2; market_.stream().next() + kOfAnAction < kMessages; ++t) traders.act(t);
    for (uint64_t i = 1; i < market_.stream().next(); ++i) {
      const Bytes message = market_.stream().get(i);
      bytes_.insert(bytes_.end(), message.begin(), message.end());
    }
    copy_.resize(bytes_.size());
  }
  size_t messages() const { return market_.stream().next() - 1; }

  // Into new books: each order is added once.
  uint64_t apply() {
    book::Books books({{"AAPL", "MSFT", "META"}, 1 << 17, 1 << 12});
    book::Feed feed(books, {1, 1});
    const uint64_t start = tsc();
    for (uint64_t i = 1; i <= messages(); ++i) feed.message(i, market_.stream().get(i));
    const uint64_t ticks = tsc() - start;
    if (books.counters().corrupt != 0 || books.counters().full != 0) must(-EPROTO, "books");
    return ticks;
  }
  uint64_t copy() {
    const uint64_t start = tsc();
    std::memcpy(copy_.data(), bytes_.data(), bytes_.size());
    const uint64_t ticks = tsc() - start;
    volatile std::byte kept = copy_[copy_.size() / 2];  // or it would not have to be copied
    (void)kept;
    return ticks;
  }

 private:
  static constexpr size_t kMessages = 100'000, kMessageBytes = 50;
  static constexpr size_t kOfAnAction = 1'000;  // at most

  exchange::Market market_;
  std::vector<std::byte> bytes_, copy_;
};

Contest itch_messages() {
  auto morning = std::make_shared<Morning>();
  auto books = [morning](Samples& samples) {
    samples.add_each(morning->apply(), morning->messages());
  };
  auto copy = [morning](Samples& samples) {
    samples.add_each(morning->copy(), morning->messages());
  };
  return {{books, {}}, {copy, {}}};
}

}  // namespace

void add_gateway_rows(Registry& rows) {
  rows.push_back({"gateway_order", "its code in memory + a bare frame", 1.4, gateway_order});
  rows.push_back({"gateway_vs_kernel", "the same over kernel sockets", 1.0, gateway_vs_kernel});
  rows.push_back({"itch_messages", "memcpy of the same bytes", 0, itch_messages});
}

}  // namespace pinion::bench
