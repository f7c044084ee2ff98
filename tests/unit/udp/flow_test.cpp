// A kept Flow makes no difference to anybody: twins tell (support/twin_beds.h).
#include "socket/flow.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/rng.h"
#include "support/twin_beds.h"

namespace pinion {
namespace {

using namespace testing;

constexpr Endpoint kTo{kPeer, 5000}, kElsewhere{kPeer, 5001}, kFarAway{kFar, 5000};

// From no padding to the most that the MTU leaves; each is sent by what the one before it left.
void compare_all(Twins& twins) {
  compare_lengths(twins, 0, 130);
  compare_lengths(twins, 1460, 1472);
  EXPECT_TRUE(twins.holds(kTo));
  const Packet too_long(1473);
  EXPECT_EQ(twins.send(to(kTo, too_long)), -EMSGSIZE);
  compare_lengths(twins, 7, 7);
}

TEST(UdpFlow, IsWhatIsSent) {
  Twins twins;
  twins.send_and_compare(to(kTo));
  ASSERT_TRUE(twins.holds(kTo));
  constexpr size_t kSourceMac = 6;
  twins.flow.headers[kSourceMac] ^= std::byte{0x40};  // which no stack would put there
  UdpSend send = to(kTo);
  send.flow = &twins.flow;
  ASSERT_EQ(twins.keeps.net.udp_send(send, twins.keeps.now), 0);
  EXPECT_EQ(twins.keeps.sent().at(0).at(kSourceMac), std::byte{0x42});
}

TEST(UdpFlow, EveryLength) {
  for (const bool vlan : {false, true}) {
    for (int offload = 0; offload <= (kTxIpv4Csum | kTxUdpCsum); ++offload) {
      SCOPED_TRACE(offload);
      Twins twins(vlan ? on_vlan() : pinned(), static_cast<uint8_t>(offload));
      compare_all(twins);
    }
  }
}

// The checksum that comes out as zero goes as all ones (RFC 768).
TEST(UdpFlow, EveryChecksum) {
  Twins twins;
  for (uint32_t i = 0; i < 65536; ++i) {
    const be16 word = be16::of(static_cast<uint16_t>(i));
    ASSERT_EQ(twins.send(to(kTo, std::as_bytes(std::span{&word, 1}))), 0);
    const auto out = twins.sent();
    ASSERT_EQ(out.size(), 1u);
    ASSERT_FALSE(out[0][40] == std::byte{0} && out[0][41] == std::byte{0});
    ASSERT_FALSE(HasFailure()) << i;
  }
}

TEST(UdpFlow, WhatDiffersIsNotTheSameFlow) {
  Twins twins;
  UdpSend ttl = to(kTo), tos = to(kTo), port = to(kTo), source = to(kTo);
  ttl.ttl = 3;
  tos.tos = 0xb8;
  port.source.port = 4001;
  source.source.address = kOurs;
  for (int round = 0; round < 2; ++round)
    for (const UdpSend& send :
         {to(kTo), ttl, to(kTo), tos, port, source, to(kElsewhere), to(kFarAway), to(kTo)})
      twins.send_and_compare(send);
  EXPECT_EQ(twins.send(to({kPeer, 0})), -EINVAL);
  source.source.address = kFar;
  EXPECT_EQ(twins.send(source), -ENETUNREACH);
}

TEST(UdpFlow, BroadcastIsNotKept) {
  Twins twins;
  const Ipv4 everybody[] = {ipv4(10, 0, 0, 255), ipv4(255, 255, 255, 255)};
  for (const Ipv4 address : everybody) {
    UdpSend send = to({address, 9});
    send.broadcast_ok = true;
    twins.send_and_compare(send);
    send.broadcast_ok = false;
    EXPECT_EQ(twins.send(send), -EACCES);
  }
  EXPECT_EQ(twins.flow.destination.port, 0);
}

TEST(UdpFlow, FullQueueAndDryPool) {
  NetConfig config = pinned();
  config.tx_queue_max = 4;
  Twins twins(config);
  twins.send_and_compare(to(kTo));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(twins.send(to(kTo)), 0);
  EXPECT_EQ(twins.send(to(kTo)), -EAGAIN);
  EXPECT_EQ(twins.sent().size(), 4u);
  twins.both([](NetBed& bed) { bed.port.pool_frames = 0; });
  EXPECT_EQ(twins.send(to(kTo)), -EAGAIN);
  twins.both([](NetBed& bed) { bed.port.pool_frames = SIZE_MAX; });
  twins.send_and_compare(to(kTo));
}

TEST(UdpFlow, LinkThatGoesAndComes) {
  Twins twins;
  twins.send_and_compare(to(kTo));
  twins.both([](NetBed& bed) { bed.port.link_is_up = false, bed.pass(kSecond); });
  EXPECT_TRUE(twins.sent().empty());
  EXPECT_EQ(twins.send(to(kTo)), -ENETDOWN);
  twins.both([](NetBed& bed) { bed.port.link_is_up = true, bed.pass(kSecond); });
  EXPECT_EQ(twins.sent().size(), 1u) << "the announcement of our address";
  twins.send_and_compare(to(kTo));
}

TEST(UdpFlow, WhatIsParkedIsNotKept) {
  Twins twins(NetConfig{});
  EXPECT_EQ(twins.send(to(kTo)), 0);
  EXPECT_FALSE(twins.holds(kTo));
  twins.both([](NetBed& bed) { bed.receive(arp_frame(kIn, NetBed::reply())); });
  EXPECT_EQ(twins.sent().size(), 2u) << "the question, and what waited";
  twins.send_and_compare(to(kTo));
  EXPECT_TRUE(twins.holds(kTo));
}

// In use, it is asked for now and then as if each send had looked it up; then it moves.
TEST(UdpFlow, NeighbourThatMoves) {
  Twins twins(NetConfig{});
  twins.both([](NetBed& bed) { bed.learn(); });
  for (int second = 0; second < 60; second += 10) {
    twins.send_and_compare(to(kTo));
    twins.both([](NetBed& bed) { bed.pass(10 * kSecond); });
  }
  EXPECT_EQ(twins.sent().size(), 1u) << "the first question, to the known address";
  twins.send_and_compare(to(kTo));
  twins.both([](NetBed& bed) { bed.pass(kSecond); });
  EXPECT_EQ(twins.sent().size(), 1u) << "the second, to all";
  twins.both([](NetBed& bed) {
    EXPECT_EQ(bed.receive(arp_frame({kOurMac, kLiarMac}, NetBed::reply(kPeer, kLiarMac))),
              Drop::none);
  });
  EXPECT_EQ(twins.send(to(kTo)), 0);
  const auto out = twins.sent();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(std::memcmp(out[0].data(), &kLiarMac, sizeof kLiarMac), 0);
}

TEST(UdpFlow, NeighbourThatFails) {
  Twins twins(NetConfig{});
  twins.both([](NetBed& bed) { bed.learn(); });
  twins.both([](NetBed& bed) { bed.pass(59 * kSecond); });
  twins.send_and_compare(to(kTo));
  for (int second = 0; second < 3; ++second) {
    twins.both([](NetBed& bed) { bed.pass(kSecond); });
    EXPECT_EQ(twins.sent().size(), 1u);
  }
  EXPECT_EQ(twins.send(to(kTo)), 0) << "not yet";
  EXPECT_EQ(twins.sent().size(), 1u);
  twins.both([](NetBed& bed) { bed.pass(kSecond); });
  EXPECT_EQ(twins.send(to(kTo)), -EHOSTUNREACH);
}

// The place of the neighbour holds another one, and then the same address with another MAC.
TEST(UdpFlow, NeighbourWhosePlaceIsTaken) {
  NetConfig config;
  config.neighbours_max = 1;
  Twins twins(config);
  twins.both([](NetBed& bed) { bed.learn(); });
  twins.send_and_compare(to(kTo));
  const auto forget = [](NetBed& bed) {
    bed.pass(61 * kSecond);
    EXPECT_EQ(bed.net.neighbours().size(), 0u);
  };
  twins.both(forget);
  const Ipv4 other = ipv4(10, 0, 0, 9);
  twins.both([&](NetBed& bed) { bed.learn(other, kLiarMac); });
  EXPECT_EQ(twins.send(to(kTo)), 0);
  EXPECT_EQ(twins.sent().size(), 1u) << "the question";
  twins.both([](NetBed& bed) {
    EXPECT_EQ(bed.receive(arp_frame(kIn, NetBed::reply())), Drop::none);
  });
  EXPECT_EQ(twins.sent().size(), 1u);
  twins.both(forget);
  twins.both([](NetBed& bed) { bed.learn(kPeer, kLiarMac); });
  EXPECT_EQ(twins.send(to(kTo)), 0);
  const auto out = twins.sent();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(std::memcmp(out[0].data(), &kLiarMac, sizeof kLiarMac), 0);
}

// The same address on another link is another neighbour, even in the same place.
TEST(UdpFlow, NeighbourWhosePlaceIsTakenFromAnotherLink) {
  NetConfig config;
  config.neighbours_max = 1;
  config.interfaces = {{.name = "eth0", .addresses = {{kOurs, 24}}},
                       {.name = "eth0.7", .addresses = {{ipv4(10, 0, 9, 1), 16}}, .vlan_id = 7}};
  Twins twins(config);
  twins.both([](NetBed& bed) { bed.learn(); });
  twins.send_and_compare(to(kTo));
  twins.both([](NetBed& bed) {
    bed.pass(61 * kSecond);
    ArpPacket arp = NetBed::request(kPeer, kPeerMac, ipv4(10, 0, 9, 1));
    EXPECT_EQ(bed.receive(arp_frame({kBroadcastMac, kPeerMac, 7}, arp)), Drop::none);
  });
  EXPECT_EQ(twins.sent().size(), 1u) << "the answer";
  EXPECT_EQ(twins.send(to(kTo)), 0);
  const auto out = twins.sent();
  ASSERT_EQ(out.size(), 1u) << "the question";
  EXPECT_EQ(std::memcmp(out[0].data(), &kBroadcastMac, sizeof kBroadcastMac), 0);
}

// Everything at once, in any order.
struct Chance {
  Twins& twins;
  Rng rng;

  uint32_t below(uint32_t n) { return static_cast<uint32_t>(rng.next() % n); }
  Ipv4 station() { return ipv4(10, 0, 0, 2 + below(4)); }
  Mac mac() { return below(2) != 0 ? kPeerMac : kLiarMac; }
  void step() {
    switch (below(8)) {
      case 0: return pass();
      case 1: return announce();
      case 2: return answer();
      case 3: return shake();
    }
    const Packet payload(below(80), std::byte{0x42});
    UdpSend send = to({station(), static_cast<uint16_t>(5000 + below(2))}, payload);
    if (below(8) == 0) send.ttl = 1;
    for (uint32_t again = below(3) + 1; again != 0; --again) twins.send(send);
  }
  void pass() {
    const Nanos time = kSecond * (below(6) == 0 ? 40 : below(3));
    twins.both([&](NetBed& bed) { bed.pass(time); });
  }
  void announce() {
    const ArpPacket arp = NetBed::request(station(), mac());
    twins.both([&](NetBed& bed) { bed.port.receive(arp_frame({kBroadcastMac, arp.sha}, arp)); });
  }
  void answer() {
    const ArpPacket arp = NetBed::reply(station(), mac());
    twins.both([&](NetBed& bed) { bed.port.receive(arp_frame({kOurMac, arp.sha}, arp)); });
  }
  void shake() {
    const bool up = below(4) != 0;
    const size_t accepts = below(3) == 0 ? 1 : SIZE_MAX;
    twins.both([&](NetBed& bed) { bed.port.link_is_up = up, bed.port.tx_accepts = accepts; });
  }
};

TEST(UdpFlow, AnyHistory) {
  NetConfig config;
  config.neighbours_max = 3;
  config.tx_queue_max = 8;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Twins twins(config);
    Chance chance{twins, Rng{seed}};
    for (int i = 0; i < 300; ++i) {
      chance.step();
      twins.both([](NetBed& bed) { bed.net.rx(bed.now); });
      twins.sent();
      ASSERT_FALSE(::testing::Test::HasFailure()) << "step " << i;
    }
  }
}

}  // namespace
}  // namespace pinion
