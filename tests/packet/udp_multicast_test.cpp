// HOSTILE W34 (RFC 1112, RFC 1122 3.3.7): multicast that nobody joined is dropped in silence, also
// when it shares its Ethernet group with another, and when a wildcard socket holds the port.
#include <gtest/gtest.h>

#include "packet/group_members.h"
#include "packet/igmp.h"

namespace pinion::testing {
namespace {

// What a source sends to a group.
Packet feed(Ipv4 group, Ipv4 source, uint16_t port, const std::string& data) {
  return frame_of(UdpSegment{.eth = {.dst = mac_of(group)},
                             .ip = {.src = source, .dst = group},
                             .udp = {.dst = port},
                             .data = data});
}

TEST(UdpInput, W34GroupNobodyJoined) {
  Peer peer;
  UdpSocket wildcard(peer, {.local = {{}, kOurPort}});
  wildcard.receive(1);
  const Ipv4 groups[] = {ipv4(224, 0, 0, 1), ipv4(224, 0, 0, 251), ipv4(239, 1, 2, 3),
                         ipv4(224, 1, 2, 3), ipv4(232, 129, 2, 3) /* same Ethernet group */};
  for (const Ipv4 group : groups)
    for (const Mac dst : {mac_of(group), kOurMac, kBroadcastMac})
      for (const uint16_t port : {kOurPort, uint16_t{9999}})
        peer.expect_drop(
            Drop::udp_multicast_not_joined,
            frame_of(UdpSegment{
                .eth = {.dst = dst}, .ip = {.dst = group}, .udp = {.dst = port}, .data = "feed"}));
  wildcard.expects_no_completion();
  EXPECT_EQ(peer.counters().icmp_errors_sent, 0u);
}

const GroupWorld kWorld{
    .any = {},
    .feed = kFeed,
    .other_feed = kOtherFeed,
    .ssm_feed = kSsmFeed,
    .source_a = kSourceA,
    .source_b = kSourceB,
    .not_joined = Drop::udp_multicast_not_joined,
    .frame = [](Ip group, Ip source, uint16_t port, const std::string& data) {
      return feed(group.v4(), source.v4(), port, data);
    }};

TEST(UdpInput, W34EveryMemberGetsACopy) {
  Peer peer;
  every_member_gets_a_copy(peer, kWorld);
}

TEST(UdpInput, W34SourcesAreFiltered) {
  Peer peer;
  sources_are_filtered(peer, kWorld);
}

// A group counts on the NIC that it was joined on.
TEST(UdpInput, W34OtherInterface) {
  PeerOptions options;
  options.net.interfaces.push_back(
      {.name = "nic1", .addresses = {{ipv4(10, 1, 0, 1), 24}}, .vlan_id = 9});
  Peer peer(options);
  UdpSocket socket(peer, {.local = {{}, kOurPort}});
  ASSERT_EQ(socket.join(kFeed, {}, "nic1"), 0);
  socket.receive(1);
  peer.poll(), peer.take_all();
  peer.expect_drop(Drop::udp_multicast_not_joined, feed(kFeed, kSourceA, kOurPort, "nic0"));
  peer.expect_handled(frame_of(UdpSegment{.eth = {.dst = mac_of(kFeed), .vlan_tci = 9},
                                          .ip = {.src = kSourceA, .dst = kFeed},
                                          .data = "nic1"}));
  EXPECT_EQ(socket.expects_received(1), "nic1");
  peer.wait(2 * kSecond), peer.take_all();
}

// A slow member loses its own copies; the others get theirs.
TEST(UdpInput, W34SlowMember) {
  Peer peer;
  UdpSocket slow(peer, {.local = {}, .backlog = 2}), quick(peer, {.session = 1, .local = {}});
  for (UdpSocket* socket : {&slow, &quick}) {
    ASSERT_EQ(socket->set_option(RIO_SO_REUSEADDR, 1), 0);
    ASSERT_EQ(socket->app().bind(socket->handle(), {{}, kOurPort}).status, 0);
    ASSERT_EQ(socket->join(kFeed), 0);
  }
  peer.poll(), peer.take_all();
  for (uint64_t i = 0; i < 10; ++i) {
    quick.receive(i);
    peer.poll();
    peer.expect_handled(feed(kFeed, kSourceA, kOurPort, "tick"));
    EXPECT_EQ(quick.expects_received(i), "tick");
  }
  EXPECT_EQ(slow.option(RIO_SO_DROPPED), 8);
  peer.wait(2 * kSecond), peer.take_all();
}

TEST(UdpOutput, SendToAGroup) {
  Peer peer;
  UdpSocket socket(peer);
  EXPECT_EQ(socket.option(RIO_SO_MULTICAST_TTL), 1);
  const Endpoint to{kFeed, 6000};
  for (const uint8_t ttl : {1, 17}) {
    ASSERT_EQ(socket.set_option(RIO_SO_MULTICAST_TTL, ttl), 0);
    socket.send("tick", to, 1);
    peer.poll();
    socket.expects_sent(1);
    const Decoded d = peer.expects_decoded();
    EXPECT_EQ(d.fault, "");
    EXPECT_EQ(d.eth.dst, mac_of(kFeed));
    ASSERT_TRUE(d.ip && d.udp);
    EXPECT_EQ(d.ip->src, kOurIp);
    EXPECT_EQ(d.ip->dst, kFeed);
    EXPECT_EQ(d.ip->ttl, ttl);
    EXPECT_EQ(d.udp->dst, 6000);
    EXPECT_EQ(d.data, "tick");
  }
}

// RIO_SO_MULTICAST_LOOP: members on this core get what is sent, also of the sender's own session.
TEST(UdpOutput, SendToAGroupIsLoopedBack) {
  Peer peer;
  UdpSocket sender(peer), member(peer, {.session = 1, .local = {{}, 6000}});
  ASSERT_EQ(member.join(kFeed), 0);
  member.receive(1), member.receive(2);
  peer.wait(2 * kSecond), peer.take_all();
  sender.send("to the wire", Endpoint{kFeed, 6000}, 1);
  peer.poll();
  member.expects_no_completion();
  ASSERT_EQ(sender.set_option(RIO_SO_MULTICAST_LOOP, 1), 0);
  sender.send("to both", Endpoint{kFeed, 6000}, 2);
  peer.poll();
  EXPECT_EQ(member.expects_received(1), "to both");
  sender.expects_sent(1), sender.expects_sent(2);
  EXPECT_EQ(peer.take_all().size(), 2u);
}

}  // namespace
}  // namespace pinion::testing
