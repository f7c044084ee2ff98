// A bond of two ports, active-backup, as its neighbours see it: what comes twice counts once; when
// the link moves, the switches are told (RFC 5227 2.3, RFC 4861 7.2.6), groups are joined anew, and
// TCP loses no byte. What the port does by itself: ../unit/port/bond_port_test.cpp.
#include <gtest/gtest.h>

#include <cerrno>

#include "packet/igmp.h"
#include "packet/ipv6_bed.h"
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

PeerOptions bonded(PeerOptions options = {}) {
  options.bonded = true;
  return options;
}

// The link of the port that works is lost, and the stack has looked and said so.
void pull(Peer& peer) {
  peer.wire().link_is_up = false;
  peer.wait(2 * kMilli);
  peer.poll(2);
}

const Packet kOurAnnouncement = padded(frame_of(
    ArpSegment{.eth = {.dst = kBroadcastMac, .src = kOurMac},
               .arp = {.op = 1, .sha = kOurMac, .spa = kOurIp, .tha = {}, .tpa = kOurIp}}));

TEST(Bond, BroadcastThatComesTwiceCountsOnce) {
  Peer peer(bonded());
  const Packet question = frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}});
  peer.backup.receive(question);
  peer.sends(question);
  EXPECT_EQ(peer.expects_decoded().arp->op, 2);
  peer.expects_nothing();
  EXPECT_EQ(peer.bond->status().rx_dropped, 1u);
}

TEST(Bond, MulticastThatComesTwiceCountsOnceAndGoesOnBehindAMove) {
  Peer peer(bonded());
  UdpSocket feed(peer, {.local = {{}, kOurPort}});
  ASSERT_EQ(feed.join(kFeed), 0);
  peer.wait(2 * kSecond);
  peer.take_all();
  const auto tick = [](const std::string& text) {
    return frame_of(
        UdpSegment{.eth = {.dst = mac_of(kFeed)}, .ip = {.dst = kFeed}, .data = text});
  };
  for (uint64_t context = 1; context <= 3; ++context) feed.receive(context);
  peer.backup.receive(tick("one"));
  peer.sends(tick("one"));
  EXPECT_EQ(feed.expects_received(1), "one");
  pull(peer);
  peer.sends(tick("two"));
  EXPECT_EQ(feed.expects_received(2), "two");
  feed.expects_no_completion();
  peer.take_all();
}

// Within one pass; and from there on the other port is the one.
TEST(Bond, WhatIsSentWhenTheLinkIsLostLeavesByTheOther) {
  Peer peer(bonded());
  UdpSocket socket(peer);
  peer.port.link_is_up = false;
  socket.send("moves", kPeerEndpoint, 1);
  peer.poll(1);
  socket.expects_sent(1);
  EXPECT_EQ(peer.bond->status().active, 1u);
  EXPECT_EQ(peer.expects_decoded().data, "moves");
}

TEST(Bond, AMoveIsAnnouncedTwice) {
  Peer peer(bonded());
  peer.wait(kSecond);
  pull(peer);
  peer.expects(kOurAnnouncement);
  peer.expects_nothing();
  peer.wait(2 * kSecond - 3 * kMilli);
  peer.expects_nothing();
  peer.wait(3 * kMilli);
  peer.expects(kOurAnnouncement);
  peer.wait(60 * kSecond);
  peer.expects_nothing();
}

// RFC 3376 5.1 as on a link that came up: behind the other switch nobody knows.
TEST(Bond, AMoveJoinsGroupsAnew) {
  Peer peer(bonded());
  UdpSocket feed(peer, {.local = {}});
  ASSERT_EQ(feed.join(kFeed), 0);
  peer.wait(3 * kSecond);
  peer.take_all();
  pull(peer);
  peer.expects(kOurAnnouncement);
  EXPECT_EQ(reported(peer), (Records{{kToEx, kFeed, {}}}));
  peer.wait(kSecond);
  EXPECT_EQ(reported(peer), (Records{{kToEx, kFeed, {}}}));
}

TEST(Bond, AMoveIsAdvertised) {  // RFC 4861 7.2.6, and MLD anew (RFC 3810 6.1)
  Ipv6Peer peer(bonded());
  pull(peer);
  std::vector<Ip> advertised;
  int mld = 0;
  for (const Packet& frame : peer.take_all()) {
    if (decode(frame).arp) continue;
    const Sent6 out = sent6(frame);
    EXPECT_EQ(out.fault, "");
    if (out.destination == ip6("ff02::16")) {
      ++mld;
      continue;
    }
    EXPECT_EQ(out.dst, kAllNodesMac);
    EXPECT_EQ(out.src, kOurMac);
    EXPECT_EQ(out.destination, kAllNodes6);
    EXPECT_EQ(out.hop_limit, 255);
    EXPECT_EQ(out.source, out.address(8));
    const std::string said = nd_text(136, 1u << 29, out.address(8), kOurMac);  // override
    EXPECT_EQ(out.payload.substr(0, 2), said.substr(0, 2));
    EXPECT_EQ(out.payload.substr(4), said.substr(4)) << "behind the checksum";
    advertised.push_back(out.address(8));
  }
  EXPECT_EQ(mld, 1);
  EXPECT_EQ(advertised, (std::vector<Ip>{kOurLinkLocal, kOurIp6}));
}

TEST(Bond, TheOneThatComesBackStandsBy) {
  Peer peer(bonded());
  pull(peer);
  peer.wait(3 * kSecond);
  peer.take_all();
  // What the NIC still had may leave there now: switches are told that we are elsewhere.
  peer.port.link_is_up = true;
  peer.wait(2 * kMilli);
  EXPECT_EQ(peer.expects_frame(), kOurAnnouncement);
  peer.wait(2 * kSecond);
  EXPECT_EQ(peer.expects_frame(), kOurAnnouncement);
  peer.wait(3 * kSecond);
  peer.expects_nothing();
  EXPECT_EQ(peer.bond->status().active, 1u);
  pull(peer);
  EXPECT_EQ(peer.bond->status().active, 0u);
  EXPECT_EQ(peer.bond->status().moves, 2u);
  peer.expects(kOurAnnouncement);
}

TEST(Bond, WithoutBothTheLinkIsDown) {
  for (const bool first : {true, false}) {
    Peer peer(bonded());
    UdpSocket socket(peer);
    peer.port.link_is_up = peer.backup.link_is_up = false;
    peer.wait(2 * kMilli);
    socket.send("x", kPeerEndpoint, 1);
    peer.poll();
    EXPECT_EQ(socket.expects_completion().status, -ENETDOWN);
    EXPECT_FALSE(peer.kernel->net().interface_status(0).link_up);
    peer.expects_nothing();
    (first ? peer.port : peer.backup).link_is_up = true;
    peer.wait(2 * kMilli);
    EXPECT_TRUE(peer.kernel->net().interface_status(0).link_up);
    EXPECT_EQ(peer.expects_frame(), kOurAnnouncement);
    socket.send("y", kPeerEndpoint, 2);
    peer.poll(2);
    socket.expects_sent(2);
    peer.take_all();
  }
}

// Half of what left arrives and the link moves: the peer gets the rest, and what had come from it
// into the old port is not lost either.
TEST(Bond, TcpLosesNoByte) {
  TcpBedOptions options;
  options.peer = bonded();
  TcpBed bed(TcpState::established, options);
  constexpr uint32_t kSegments = 8, kArrived = 4;
  app_sends(bed, kSegments);
  bed.remote.expects_data(1, 1 + kSegments * kMss, kMss);
  bed.remote.sends({.seq = 1, .ack = 1 + kArrived * kMss});
  bed.socket->receive(100);
  bed.remote.queues({.seq = 1, .ack = 1 + kArrived * kMss, .data = "on its way"});
  pull(bed.peer);
  EXPECT_EQ(bed.socket->expects_received(100), "on its way");
  uint32_t got = 1 + kArrived * kMss;
  for (int i = 0; i < 100 && got < 1 + kSegments * kMss; ++i) {
    bed.wait(20 * kMilli);
    for (const Packet& frame : bed.peer.take_all()) {
      const Decoded d = decode(frame);
      if (!d.tcp || d.data.empty()) continue;
      const uint32_t at = d.tcp->seq - bed.remote.irs;
      EXPECT_EQ(d.data, stream_bytes(at - 1, d.data.size()));
      if (at == got) got += static_cast<uint32_t>(d.data.size());
    }
    bed.remote.sends({.seq = 11, .ack = got});
  }
  EXPECT_EQ(got, 1 + kSegments * kMss);
  EXPECT_EQ(bed.socket->expects_completion().request_context, 1u);
  bed.peer.take_all();
}

}  // namespace
}  // namespace pinion::testing
