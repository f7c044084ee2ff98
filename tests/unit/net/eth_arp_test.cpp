// Ethernet, 802.1Q and ARP through Net: which frames count as ours, and what they are answered.
#include <gtest/gtest.h>

#include "support/net_bed.h"
#include "wire/vlan.h"

namespace pinion {
namespace {

using namespace testing;

// A request for us, on this link.
Packet ask(const LinkEnds& link, ArpPacket arp = NetBed::request()) { return arp_frame(link, arp); }

TEST(Eth, ShortFramesAreDropped) {
  NetBed bed;
  for (size_t n = 0; n < sizeof(EthHdr); ++n) EXPECT_EQ(bed.receive(Packet(n)), Drop::eth_short);
  EXPECT_EQ(bed.receive(eth_frame(kIn, kEthTypeIpv4, {})), Drop::ipv4_short);
  EXPECT_EQ(bed.receive(eth_frame(kIn, kEthTypeArp, {})), Drop::arp_short);
  EXPECT_EQ(bed.port.outstanding(), 0u);
}

TEST(Eth, OnlyFramesForThisStation) {
  NetBed bed;
  EXPECT_EQ(bed.receive(ask({kPeerMac, kPeerMac})), Drop::eth_not_ours);
  EXPECT_EQ(bed.receive(ask({{{1, 0, 0x5e, 0, 0, 1}}, kPeerMac})), Drop::eth_not_ours);
  EXPECT_EQ(bed.receive(ask({kOurMac, {{3, 0, 0, 0, 0, 2}}})), Drop::eth_source);
  EXPECT_EQ(bed.receive(ask({kOurMac, kOurMac})), Drop::eth_source);
  EXPECT_EQ(bed.receive(eth_frame(kIn, 0x86dd, Packet(40))), Drop::eth_type);
  EXPECT_EQ(bed.receive(eth_frame(kIn, 46, Packet(46))), Drop::eth_type) << "an 802.3 length";
  EXPECT_EQ(bed.receive(ask({kOurMac, kPeerMac})), Drop::none);
}

TEST(Eth, UntaggedInterfaceTakesNoTagButThePriorityTag) {
  NetBed bed;
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac, 7})), Drop::vlan_unknown);
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac, 0})), Drop::none);
  Packet cut = ask({kBroadcastMac, kPeerMac, 0});
  cut.resize(17);
  EXPECT_EQ(bed.receive(cut), Drop::vlan_short);
}

TEST(Eth, VlanInterfacesOnOnePort) {
  NetConfig config;
  config.interfaces = {{.name = "a", .addresses = {{kOurs, 24}}, .vlan_id = 7},
                       {.name = "b", .addresses = {{ipv4(10, 9, 0, 1), 24}}, .vlan_id = 8}};
  NetBed bed{config};
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac})), Drop::vlan_unknown);
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac, 0})), Drop::vlan_unknown);
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac, 8})), Drop::arp_sender)
      << "10.0.0.2 is no neighbour there";
  ASSERT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac, 7})), Drop::none);
  const auto out = bed.sent();
  ASSERT_EQ(out.size(), 1u);
  EthPacket eth;
  VlanTag tag;
  ASSERT_EQ(eth_parse(out[0], eth), Drop::none);
  ASSERT_EQ(eth.type, kEthTypeVlan);
  ASSERT_EQ(vlan_parse(eth.payload, tag), Drop::none);
  EXPECT_EQ(tag.id, 7);
  EXPECT_EQ(tag.type, kEthTypeArp);
}

TEST(Eth, TagTakenOffByThePortCounts) {
  NetConfig config;
  config.interfaces = {{.name = "a", .addresses = {{kOurs, 24}}, .vlan_id = 7}};
  NetBed bed{config};
  Frame& frame = bed.port.receive(ask({kBroadcastMac, kPeerMac}));
  frame.vlan_stripped = true;
  frame.vlan_tci = 0xe007;
  EXPECT_EQ(bed.receive_queued(), Drop::none);
}

TEST(Arp, RequestIsAnsweredInAZeroPaddedFrame) {
  NetBed bed;
  ASSERT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac})), Drop::none);
  const auto out = bed.sent();
  ASSERT_EQ(out.size(), 1u);
  Packet expected = arp_frame({kPeerMac, kOurMac}, {ArpOp::reply, kOurMac, kOurs, kPeerMac, kPeer});
  expected.resize(kEthFrameMin);
  EXPECT_EQ(out[0], expected);
  EXPECT_EQ(bed.counters.arp_replies_sent, 1u);
}

TEST(Arp, ProbeIsAnsweredAndTeachesNothing) {
  NetBed bed;
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac}, NetBed::request({}))), Drop::none);
  EXPECT_EQ(bed.sent().size(), 1u);
  EXPECT_EQ(bed.net.neighbours().size(), 0u);
}

TEST(Arp, SendersThatCannotBeNeighbours) {
  NetBed bed;
  const LinkEnds link{kBroadcastMac, kPeerMac};
  for (const Mac mac : {Mac{}, kBroadcastMac, Mac{{1, 0, 0x5e, 0, 0, 1}}, kOurMac})
    EXPECT_EQ(bed.receive(ask(link, NetBed::request(kPeer, mac))), Drop::arp_sender);
  for (const Ipv4 from : {ipv4(127, 0, 0, 1), ipv4(224, 0, 0, 1), ipv4(255, 255, 255, 255),
                          ipv4(240, 0, 0, 1), ipv4(10, 0, 0, 255), kFar})
    EXPECT_EQ(bed.receive(ask(link, NetBed::request(from))), Drop::arp_sender);
  EXPECT_EQ(bed.receive(ask(link, NetBed::reply({}))), Drop::arp_sender);
  EXPECT_EQ(bed.receive(ask(link, NetBed::request(kOurs))), Drop::arp_conflict);
  EXPECT_EQ(bed.receive(ask(link, NetBed::request(kPeer, kPeerMac, kGateway))), Drop::arp_not_ours);
  EXPECT_EQ(bed.net.neighbours().size(), 0u);
  EXPECT_TRUE(bed.sent().empty());
}

TEST(Arp, UnsolicitedRepliesCreateAndChangeNothing) {
  NetBed bed;
  EXPECT_EQ(bed.receive(arp_frame(kIn, NetBed::reply())), Drop::arp_unsolicited);
  EXPECT_EQ(bed.net.neighbours().size(), 0u);
  bed.learn();
  bed.pass(5 * kSecond);
  // One question to the station that we know, however many lies come within the second.
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(bed.receive(arp_frame(kIn, NetBed::reply(kPeer, kLiarMac))), Drop::arp_unsolicited);
  const auto out = bed.sent();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(std::memcmp(out[0].data(), &kPeerMac, 6), 0);
  ASSERT_EQ(bed.send(kPeer, {}), 0);
  EXPECT_EQ(std::memcmp(bed.sent().at(0).data(), &kPeerMac, 6), 0);
}

TEST(Arp, PinnedNeighbourCannotBeMoved) {
  NetConfig config;
  config.neighbours = {{kPeer, kPeerMac, 0}};
  NetBed bed{config};
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kLiarMac}, NetBed::request(kPeer, kLiarMac))),
            Drop::arp_pinned);
  EXPECT_EQ(bed.receive(arp_frame(kIn, NetBed::reply(kPeer, kLiarMac))), Drop::arp_pinned);
  EXPECT_TRUE(bed.sent().empty());
  ASSERT_EQ(bed.send(kPeer, {}), 0);
  EXPECT_EQ(std::memcmp(bed.sent().at(0).data(), &kPeerMac, 6), 0);
}

TEST(Arp, RepliesAreLimited) {
  NetConfig config;
  config.arp_replies_per_s = 10;
  NetBed bed{config};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac})), Drop::none);
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac})), Drop::arp_rate);
  bed.pass(kSecond / 10);
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac})), Drop::none);
  EXPECT_EQ(bed.receive(ask({kBroadcastMac, kPeerMac})), Drop::arp_rate);
}

}  // namespace
}  // namespace pinion
