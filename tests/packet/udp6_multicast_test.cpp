// HOSTILE W34 on IPv6 (RFC 4291 2.7, RFC 3810 4): each member socket gets its copy of what comes to
// its groups, NICs and sources, and nobody anything else; and what sockets send to groups.
#include <gtest/gtest.h>

#include "packet/group_members.h"
#include "packet/mld.h"

namespace pinion::testing {
namespace {

Packet feed6(Ip group, Ip source, uint16_t port, const std::string& data) {
  return v6_frame({.dst_mac = mac_of(group), .src = source, .dst = group}, kNextUdp,
                  udp6_text(5000, port, data));
}

TEST(Udp6Input, W34GroupNobodyJoined) {
  Ipv6Peer peer;
  UdpSocket wildcard(peer, {.local = {kAnyIpv6, kOurPort}});
  wildcard.receive(1);
  for (const Ip group : {kFeed6, kLinkFeed6, kSsmFeed6, ip6("ff0e::2:2:3") /* kFeed6's MAC */})
    for (const Mac dst : {mac_of(group), kOurMac, kBroadcastMac})
      peer.expect_drop(
          Drop::ipv6_group_not_joined,
          v6_frame({.dst_mac = dst, .dst = group}, kNextUdp, udp6_text(5000, kOurPort, "feed")));
  // The groups of our own addresses are neighbour discovery's.
  peer.expect_drop(Drop::udp_multicast_not_joined, feed6(kOurGroup6, kPeerIp6, kOurPort, "feed"));
  wildcard.expects_no_completion();
  EXPECT_EQ(peer.counters().icmp_errors_sent, 0u);
}

const GroupWorld kWorld6{.any = kAnyIpv6,
                         .feed = kFeed6,
                         .other_feed = kOtherFeed6,
                         .ssm_feed = kSsmFeed6,
                         .source_a = kSource6A,
                         .source_b = kSource6B,
                         .not_joined = Drop::ipv6_group_not_joined,
                         .frame = feed6};

TEST(Udp6Input, W34EveryMemberGetsACopy) {
  Ipv6Peer peer;
  every_member_gets_a_copy(peer, kWorld6);
}

TEST(Udp6Input, W34SourcesAreFiltered) {
  Ipv6Peer peer;
  sources_are_filtered(peer, kWorld6);
}

// A group counts on the NIC that it was joined on; one of the link's scope is another on each.
TEST(Udp6Input, W34OtherInterface) {
  PeerOptions options;
  options.net.interfaces.push_back(
      {.name = "nic1", .addresses = {{ip6("2001:db8:1::1"), 64}}, .vlan_id = 9});
  Ipv6Peer peer(options);
  UdpSocket socket(peer, {.local = {kAnyIpv6, kOurPort}});
  ASSERT_EQ(socket.join(kLinkFeed6, {}, "nic1"), 0);
  socket.receive(1);
  peer.poll(), peer.take_all();
  peer.expect_drop(Drop::ipv6_group_not_joined, feed6(kLinkFeed6, kPeerLinkLocal, kOurPort, "0"));
  Packet tagged = feed6(kLinkFeed6, kPeerLinkLocal, kOurPort, "nic1");
  const std::string tag = bytes8({0x81, 0x00, 0, 9});
  const auto* at = reinterpret_cast<const std::byte*>(tag.data());
  tagged.insert(tagged.begin() + 12, at, at + tag.size());
  peer.expect_handled(tagged);
  EXPECT_EQ(socket.expects_received(1), "nic1");
  peer.wait(2 * kSecond), peer.take_all();
}

// RFC 6724: from an address of the group's scope; the hop limit is the option's.
TEST(Udp6Output, SendToAGroup) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kAnyIpv6, kOurPort}});
  EXPECT_EQ(socket.option(RIO_SO_MULTICAST_TTL), 1);
  const std::pair<Ip, Ip> cases[] = {
      {kFeed6, kOurIp6}, {kOtherFeed6, kOurIp6}, {kLinkFeed6, kOurLinkLocal}};
  for (const auto& [group, source] : cases) {
    for (const uint8_t hops : {1, 17}) {
      ASSERT_EQ(socket.set_option(RIO_SO_MULTICAST_TTL, hops), 0);
      socket.send("tick", Endpoint{group, 6000}, 1);
      peer.poll();
      socket.expects_sent(1);
      const Sent6 out = peer.expects6();
      EXPECT_EQ(out.dst, mac_of(group));
      EXPECT_EQ(out.source, source);
      EXPECT_EQ(out.destination, group);
      EXPECT_EQ(out.hop_limit, hops);
      EXPECT_EQ(out.payload.substr(8), "tick");
    }
  }
}

// RIO_SO_MULTICAST_LOOP: members on this core get what is sent, also of the sender's own session.
TEST(Udp6Output, SendToAGroupIsLoopedBack) {
  Ipv6Peer peer;
  UdpSocket sender(peer, {.local = {kOurIp6, kOurPort}});
  UdpSocket member(peer, {.session = 1, .local = {kAnyIpv6, 6000}});
  ASSERT_EQ(member.join(kFeed6), 0);
  member.receive(1), member.receive(2);
  peer.wait(2 * kSecond), peer.take_all();
  sender.send("to the wire", Endpoint{kFeed6, 6000}, 1);
  peer.poll();
  member.expects_no_completion();
  ASSERT_EQ(sender.set_option(RIO_SO_MULTICAST_LOOP, 1), 0);
  sender.send("to both", Endpoint{kFeed6, 6000}, 2);
  peer.poll();
  EXPECT_EQ(member.expects_received(1), "to both");
  sender.expects_sent(1), sender.expects_sent(2);
  EXPECT_EQ(peer.take_all().size(), 2u);
}

}  // namespace
}  // namespace pinion::testing
