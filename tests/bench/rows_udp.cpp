// Datagrams over devices that two threads of this process share: what the stack adds to bare
// frames, and what a core of its own adds to the stack inline.
#include <memory>
#include <utility>
#include <vector>

#include "bench/bed.h"
#include "bench/raw_ethdev.h"
#include "bench/rows.h"
#include "bench/udp_bed.h"
#include "wire/eth.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

namespace pinion::bench {

namespace {

constexpr size_t kForwarded = 100'000;
constexpr uint32_t kCirculating = 256;  // frames
constexpr uint32_t kGroups = 1000;
constexpr size_t kFrameBytes = sizeof(EthHdr) + sizeof(Ipv4Hdr) + sizeof(UdpHdr) + kPayloadBytes;

// The peer of a forwarding client; the first one puts the frames on their way.
template <class Forwarding>
Server generator(const std::shared_ptr<Forwarding>& forwarding) {
  auto begun = std::make_shared<bool>(false);
  return [=](const std::atomic<bool>& stop) {
    if (!std::exchange(*begun, true)) forwarding->starter.send(kCirculating);
    reflect(forwarding->ports.far->port_id(), stop);
  };
}

// Members are destroyed from the last to the first: who uses a port goes before it.
struct InlineUdp {
  PortPair ports;
  UdpBed application;
  RawClient raw;

  explicit InlineUdp(PortPair devices)
      : ports(std::move(devices)),
        application(*ports.near, {.peer_mac = ports.far->capabilities().mac}),
        raw(ports.near->port_id(), application.request()) {}
};

// Application and stack in one thread; the peer of both sides is the same bare loop on the other
// processor, which swaps the addresses of a frame, so its work is equal. The bare client sends the
// frame that the stack would, from a template.
Contest udp_inline(PortPair devices) {
  auto udp = std::make_shared<InlineUdp>(std::move(devices));
  auto peer = [udp](const std::atomic<bool>& stop) { reflect(udp->ports.far->port_id(), stop); };
  auto stack = [udp](Samples& samples) {
    measure(samples, kFrameRoundTrips, [&] { return udp->application.round_trip(); });
  };
  auto bare = [udp](Samples& samples) {
    measure(samples, kFrameRoundTrips, [&] {
      const uint64_t start = tsc();
      udp->raw.round_trip();
      return tsc() - start;
    });
  };
  return {{stack, peer}, {bare, peer}};
}

// A core whose port leads into a ring, whose other end is reflected by the core's own thread: the
// way of a datagram that needs no second processor.
struct ReflectedUdp {
  PortPair ports = open_net_ring();
  UdpBed application;

  explicit ReflectedUdp(bool threaded)
      : application(*ports.near, {.threaded = threaded,
                                  .peer_mac = ports.far->capabilities().mac,
                                  .reflected = ports.far->port_id()}) {}
};

// What one endpoint pays for a core of its own: the round trip of a datagram through a core on the
// other processor, less the same round trip with application and core in one thread (of the same
// window). To the nop round trip, which is the least that crossing over to a core and back can
// cost. A ping-pong of two such endpoints pays it twice.
Contest core_hop() {
  struct Both {
    ReflectedUdp apart{true}, together{false};
  };
  auto both = std::make_shared<Both>();
  auto client = [both](Samples& samples) {
    std::vector<double> together(kFrameRoundTrips);
    for (double& ticks : together)
      ticks = static_cast<double>(both->together.application.round_trip());
    const double inline_ticks = middle(together);
    samples.reserve(kFrameRoundTrips);
    for (size_t i = 0; i < kFrameRoundTrips; ++i) {
      const auto ticks = static_cast<double>(both->apart.application.round_trip());
      samples.add_difference(ticks - inline_ticks);
    }
  };
  auto core = [both](const std::atomic<bool>& stop) { both->apart.application.serve(stop); };
  return {{client, core}, nop_round_trips()};
}

struct ForwardingUdp {
  PortPair ports = open_memif();
  UdpBed application{*ports.near,
                     {.peer_mac = ports.far->capabilities().mac, .slots = kCirculating}};
  RawClient starter{ports.far->port_id(), application.answer()};
};
struct ForwardingBare {
  PortPair ports = open_memif();
  RawClient starter{ports.far->port_id(), testing::Packet(kFrameBytes)};
};

// Frames a second through the rings. The application sends every datagram back out of the buffer
// that it came in; the bare side is testpmd's io forwarding loop, in this process: as one of its
// own testpmd would stand in the way of the windows' brackets, and want a third processor for its
// main thread. The generator of both is the reflector on the other processor, among which and
// the client a fixed number of frames goes round. Each side has a device of its own, because
// frames stay on their way when a window ends.
Contest udp_pps() {
  auto stack = std::make_shared<ForwardingUdp>();
  auto bare = std::make_shared<ForwardingBare>();
  auto echo = [stack](Samples& samples) {
    const uint64_t start = tsc();
    stack->application.echo(kForwarded);
    samples.add_each(tsc() - start, kForwarded);
  };
  auto io = [bare](Samples& samples) {
    const uint64_t start = tsc();
    forward(bare->ports.near->port_id(), kForwarded);
    samples.add_each(tsc() - start, kForwarded);
  };
  return {{echo, generator(stack)}, {io, generator(bare)}};
}

// Round trips through a stack inline, and a bare loop behind its device.
struct RingUdp {
  PortPair ports = open_net_ring();
  UdpBed application;

  explicit RingUdp(UdpBedOptions options)
      : application(*ports.near, (options.peer_mac = ports.far->capabilities().mac, options)) {}
};

Load ring_round_trips(const UdpBedOptions& options) {
  auto udp = std::make_shared<RingUdp>(options);
  auto client = [udp](Samples& samples) {
    measure(samples, kFrameRoundTrips, [&] { return udp->application.round_trip(); });
  };
  auto peer = [udp](const std::atomic<bool>& stop) { reflect(udp->ports.far->port_id(), stop); };
  return {client, peer};
}

// What the longer header and addresses cost: the same round trip over IPv6, to IPv4's.
Contest udp6_inline() {
  constexpr Ip kLocal6{0x2001'0db8'0000'0000, 1}, kPeer6{0x2001'0db8'0000'0000, 2};
  return {ring_round_trips({.local = kLocal6, .peer = kPeer6}), ring_round_trips({})};
}

// A feed of as many different frames on either side, so that the source does the same: to a group
// each, or all to the one that is joined.
struct FeedUdp {
  PortPair ports = open_net_ring();
  UdpBed application;
  RawFeed feed;

  explicit FeedUdp(uint32_t groups)
      : application(
            *ports.near,
            {.peer_mac = ports.far->capabilities().mac, .slots = kCirculating, .groups = groups}),
        feed(*ports.far, frames(application, groups)) {}

  static std::vector<testing::Packet> frames(const UdpBed& bed, uint32_t groups) {
    std::vector<testing::Packet> all;
    for (uint32_t i = 0; i < kGroups; ++i) all.push_back(bed.of_group(i % groups));
    return all;
  }
};

Load group_feed(uint32_t groups) {
  auto udp = std::make_shared<FeedUdp>(groups);
  auto client = [udp](Samples& samples) {
    const uint64_t start = tsc();
    udp->application.take(kForwarded);
    samples.add_each(tsc() - start, kForwarded);
  };
  auto source = [udp](const std::atomic<bool>& stop) { udp->feed.serve(stop); };
  return {client, source};
}

}  // namespace

void add_udp_rows(Registry& rows) {
  rows.push_back({"udp_inline_net_ring", "bare frames on the same device", 1.5,
                  [] { return udp_inline(open_net_ring()); }});
  rows.push_back({"udp_inline_memif", "bare frames on the same device", 1.5,
                  [] { return udp_inline(open_memif()); }});
  rows.push_back({"core_hop", "nop round trip", 1.5, core_hop});
  rows.push_back({"udp6_inline_net_ring", "the same over IPv4", 1.1, udp6_inline});
  // Of times for a datagram: a rate of 0.85 at least is a ratio of 1 / 0.85 at most.
  rows.push_back({"multicast_1000_groups", "one joined group", 1.18, [] {
                    return Contest{group_feed(kGroups), group_feed(1)};
                  }});
  rows.push_back({"udp_pps_memif", "bare forwarding as testpmd's io", 2.5, udp_pps});
}

}  // namespace pinion::bench
