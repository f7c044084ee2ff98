// A Net with one interface, 10.0.0.1/24, on a MemoryPort, beside a peer 10.0.0.2 that a test speaks
// for: the bed for tests of the layers below rio.
#pragma once
#include <gtest/gtest.h>

#include <vector>

#include "net/net.h"
#include "support/memory_port.h"
#include "support/packets.h"
#include "wire/eth.h"

namespace pinion::testing {

inline constexpr Mac kOurMac{{2, 0, 0, 0, 0, 1}}, kPeerMac{{2, 0, 0, 0, 0, 2}};
inline constexpr Mac kLiarMac{{2, 0, 0, 0, 0, 0x66}}, kGatewayMac{{2, 0, 0, 0, 0, 0xfe}};
inline constexpr Ipv4 kOurs = ipv4(10, 0, 0, 1), kPeer = ipv4(10, 0, 0, 2);
inline constexpr Ipv4 kGateway = ipv4(10, 0, 0, 254), kFar = ipv4(192, 0, 2, 7);
inline constexpr LinkEnds kIn{kOurMac, kPeerMac};  // the peer to us

struct NetBed {
  MemoryPort port;
  Counters counters;
  Net net;
  Nanos now = kSecond;

  explicit NetBed(NetConfig config = {}, uint8_t tx_offload = kTxNone)
      : NetBed(std::move(config), tx_offload, false) {}
  static NetBed attaching(NetConfig config) { return {std::move(config), kTxNone, true}; }
  // I2: after 120 s of silence nothing is left but what was pinned.
  ~NetBed() {
    port.pool_frames = port.tx_accepts = SIZE_MAX;
    port.link_is_up = true;
    for (Nanos end = now + 120 * kSecond; now < end;) pass(kSecond), net.tx(now);
    EXPECT_EQ(net.next_deadline(), kNever);
    EXPECT_EQ(net.neighbours().parked(), 0u);
    EXPECT_TRUE(net.idle());
    EXPECT_EQ(port.outstanding(), 0u);
    for (const Neighbour& n : net.neighbours().entries())
      EXPECT_TRUE(n.state == NeighbourState::free || n.state == NeighbourState::pinned);
  }
  NetBed(const NetBed&) = delete;
  NetBed& operator=(const NetBed&) = delete;

  // Receives one frame and returns the reason for which it was dropped, if it was: exactly one
  // counter may move, and no frame may stay behind but those that wait to be sent.
  Drop receive(const Packet& frame) {
    port.receive(frame);
    return receive_queued();
  }
  Drop receive_queued() {
    const Counters before = counters;
    net.rx(now);
    Drop found = Drop::none;
    for (size_t i = 0; i < kDropCount; ++i) {
      const uint64_t moved = counters.drops[i] - before.drops[i];
      if (moved == 0) continue;
      EXPECT_EQ(moved, 1u);
      EXPECT_EQ(found, Drop::none) << "two counters moved";
      found = static_cast<Drop>(i);
    }
    return found;
  }
  // Transmits what waits, and returns it.
  std::vector<Packet> sent() {
    net.tx(now);
    return port.take_sent();
  }
  void pass(Nanos time) {
    now += time;
    net.expire(now);
  }
  // As if the peer had asked for us.
  void learn(Ipv4 address = kPeer, Mac mac = kPeerMac) {
    EXPECT_EQ(receive(arp_frame({kBroadcastMac, mac}, request(address, mac))), Drop::none);
    EXPECT_EQ(sent().size(), 1u);
  }
  static ArpPacket request(Ipv4 from = kPeer, Mac mac = kPeerMac, Ipv4 target = kOurs) {
    return {ArpOp::request, mac, from, {}, target};
  }
  static ArpPacket reply(Ipv4 from = kPeer, Mac mac = kPeerMac) {
    return {ArpOp::reply, mac, from, kOurMac, kOurs};
  }
  int send(Ipv4 to, Bytes payload, uint64_t token = 0) {
    return net.udp_send({.source = {{}, 4000},
                         .destination = {to, 5000},
                         .payload = payload,
                         .token = token,
                         .may_attach = port.capabilities().tx_attach},
                        now);
  }

 private:
  NetBed(NetConfig config, uint8_t tx_offload, bool attaches)
      : port(kOurMac, 1500, tx_offload),
        net(complete(std::move(config), attaches), counters, this) {}
  NetConfig complete(NetConfig config, bool attaches) {
    if (attaches) port.attach_payloads();
    if (config.interfaces.empty())
      config.interfaces = {{.name = "eth0", .addresses = {{kOurs, 24}}}};
    for (InterfaceConfig& i : config.interfaces)
      if (!i.port) i.port = &port;
    config.udp_sockets_max = 64;
    if (config.tcp.connections_max == TcpConfig{}.connections_max) {
      config.tcp.connections_max = config.tcp.bound_max = 64;
      config.tcp.segments_max = 1024;
    }
    return config;
  }
};

}  // namespace pinion::testing
