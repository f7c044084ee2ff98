// Payloads that a port reads from where they lie: when the send counts as sent, and that nothing
// but the port ever refers to them once a pass is over.
#include <gtest/gtest.h>

#include <cerrno>

#include "support/net_bed.h"
#include "support/twin_beds.h"
#include "upcalls/fake_upcalls.h"
#include "wire/udp.h"

namespace pinion {
namespace {

using namespace testing;
using Outcomes = std::vector<RecordedUpcalls::Outcome>;

struct Attach : ::testing::Test {
  NetBed bed = NetBed::attaching({});
  Packet payload = Packet(300, std::byte{0x42});
  void SetUp() override {
    upcalls() = {};
    bed.learn();
  }
  // The payload of the one datagram that was sent, with right checksums; else empty.
  Packet sent_payload() {
    const auto frames = bed.sent();
    EthPacket eth;
    Ipv4Packet ip;
    UdpDatagram udp;
    const bool whole = frames.size() == 1 && eth_parse(frames[0], eth) == Drop::none &&
                       ipv4_parse(eth.payload, ip) == Drop::none &&
                       udp_parse(ip.payload, udp) == Drop::none &&
                       udp_checksum_ok(ip.payload, udp, ip.header.source, ip.header.destination);
    EXPECT_TRUE(whole) << frames.size() << " frames";
    return whole ? Packet(udp.payload.begin(), udp.payload.end()) : Packet{};
  }
};

TEST_F(Attach, IsSentWhenThePortLetsGo) {
  bed.port.reads_late = true;
  ASSERT_EQ(bed.send(kPeer, payload, 7), 0);
  EXPECT_TRUE(bed.sent().empty());
  EXPECT_TRUE(upcalls().outcomes.empty());
  EXPECT_EQ(bed.net.attached(), 1u);
  payload[0] = std::byte{0x43};  // still the sender's risk: it is read where it lies
  bed.port.let_go();
  EXPECT_EQ(sent_payload(), payload);
  EXPECT_EQ(upcalls().outcomes, (Outcomes{{7, 0, &bed}}));
  EXPECT_EQ(bed.net.attached(), 0u);
  EXPECT_EQ(bed.port.outstanding(), 0u);
  EXPECT_EQ(bed.counters.tx_bytes, 60u + 42 + 300);  // with the ARP reply of SetUp
}

TEST_F(Attach, WhatAFullPortDoesNotTakeIsCopied) {
  bed.port.tx_accepts = 0;
  ASSERT_EQ(bed.send(kPeer, payload, 7), 0);
  EXPECT_TRUE(bed.sent().empty());
  EXPECT_EQ(bed.net.attached(), 0u);
  const Packet before = payload;
  payload.assign(payload.size(), std::byte{0});
  bed.port.tx_accepts = SIZE_MAX;
  EXPECT_EQ(sent_payload(), before);
  EXPECT_EQ(upcalls().outcomes, (Outcomes{{7, 0, &bed}}));
}

TEST_F(Attach, WhatWaitsForItsNeighbourIsCopied) {
  const Ipv4 other = ipv4(10, 0, 0, 3);
  ASSERT_EQ(bed.send(other, payload, 7), 0);
  EXPECT_EQ(bed.sent().size(), 1u);  // the question
  const Packet before = payload;
  payload.assign(payload.size(), std::byte{0});
  const Mac mac{{2, 0, 0, 0, 0, 3}};
  EXPECT_EQ(bed.receive(arp_frame({kOurMac, mac}, NetBed::reply(other, mac))), Drop::none);
  EXPECT_EQ(sent_payload(), before);
  EXPECT_EQ(upcalls().outcomes, (Outcomes{{7, 0, &bed}}));
}

TEST_F(Attach, ALinkThatGoesDownLetsGo) {
  bed.port.tx_accepts = 0;
  ASSERT_EQ(bed.send(kPeer, payload, 7), 0);
  bed.port.link_is_up = false;
  bed.pass(kSecond);
  EXPECT_TRUE(bed.sent().empty());
  EXPECT_EQ(upcalls().outcomes, (Outcomes{{7, -ENETDOWN, &bed}}));
  EXPECT_EQ(bed.net.attached(), 0u);
  EXPECT_EQ(bed.port.outstanding(), 0u);
}

TEST_F(Attach, ManyAtOnceAreToldOnceEach) {
  bed.port.reads_late = true;
  for (uint64_t token = 1; token <= 200; ++token) ASSERT_EQ(bed.send(kPeer, payload, token), 0);
  // What does not fit into the first burst is copied, and sent at once.
  size_t copied = 0;
  for (int i = 0; i < 4; ++i) copied += bed.sent().size();
  EXPECT_EQ(upcalls().outcomes.size(), copied);
  EXPECT_EQ(bed.net.attached() + copied, 200u);
  bed.port.let_go();
  EXPECT_EQ(bed.sent().size() + copied, 200u);
  std::vector<bool> told(201);
  for (const auto& o : upcalls().outcomes) {
    EXPECT_EQ(o.status, 0);
    EXPECT_FALSE(told[o.token]);
    told[o.token] = true;
  }
  EXPECT_EQ(upcalls().outcomes.size(), 200u);
}

// As if each send had found its way by itself. Long enough to need no padding: a frame with
// attached bytes has none.
TEST(AttachedFlow, EveryLength) {
  for (const bool vlan : {false, true}) {
    upcalls() = {};
    Twins twins(Twins::Attaching{}, vlan ? on_vlan() : pinned());
    compare_lengths(twins, 60, 130);
    compare_lengths(twins, 1460, 1472);
    EXPECT_EQ(twins.flow.destination.address, kPeer);
    twins.sent();  // and the last ones are let go of
  }
}

}  // namespace
}  // namespace pinion
