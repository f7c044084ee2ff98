// 802.1Q: an interface is a port and a VLAN. Tagged frames reach the interface of their VLAN and
// no other; a priority tag (VLAN 0) is no VLAN; what leaves carries the interface's tag.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

constexpr Ipv4 kVlanIp = ipv4(10, 7, 0, 1), kVlanPeer = ipv4(10, 7, 0, 2);
constexpr uint16_t kVlan = 7;

PeerOptions with_vlan() {
  PeerOptions o;
  InterfaceConfig vlan{.name = "nic0.7", .addresses = {{kVlanIp, 24}}};
  vlan.vlan_id = kVlan;
  o.net.interfaces.push_back(vlan);
  return o;
}

UdpSegment to_vlan(std::optional<uint16_t> tci) {
  return {.eth = {.vlan_tci = tci}, .ip = {.src = kVlanPeer, .dst = kVlanIp}, .data = "tagged"};
}

TEST(Vlan, TaggedDatagramReachesItsInterface) {
  Peer peer(with_vlan());
  UdpSocket socket(peer, {.local = {kVlanIp, kOurPort}});
  socket.receive(1);
  peer.expect_handled(frame_of(to_vlan(kVlan)));
  EXPECT_EQ(socket.expects_received(1), "tagged");
  // Priority and DEI bits of the tag do not change the VLAN.
  socket.receive(2);
  peer.expect_handled(frame_of(to_vlan(0xf000 | kVlan)));
  EXPECT_EQ(socket.expects_received(2), "tagged");
}

TEST(Vlan, OtherVlanOrNoneDoesNot) {
  Peer peer(with_vlan());
  UdpSocket socket(peer, {.local = {{}, kOurPort}});
  socket.receive(1);
  peer.expect_drop(Drop::vlan_unknown, frame_of(to_vlan(8)));
  peer.expect_drop(Drop::vlan_unknown, frame_of(to_vlan(0x0fff)));
  // Untagged, priority-tagged: the other interface, which does not have this address (RFC 1122
  // 3.3.4.2, the strong model).
  peer.expect_drop(Drop::ipv4_destination, frame_of(to_vlan(std::nullopt)));
  peer.expect_drop(Drop::ipv4_destination, frame_of(to_vlan(0)));
  socket.expects_no_completion();
}

TEST(Vlan, PriorityTagCountsAsUntagged) {
  Peer peer(with_vlan());
  UdpSocket socket(peer);
  socket.receive(1);
  peer.expect_handled(frame_of(UdpSegment{.eth = {.vlan_tci = 0xe000}, .data = "urgent"}));
  EXPECT_EQ(socket.expects_received(1), "urgent");
}

TEST(Vlan, TagStrippedByThePort) {
  Peer peer(with_vlan());
  UdpSocket socket(peer, {.local = {kVlanIp, kOurPort}});
  socket.receive(1);
  Frame& frame = peer.queues(frame_of(to_vlan(std::nullopt)));
  frame.vlan_stripped = true, frame.vlan_tci = kVlan;
  peer.poll();
  EXPECT_EQ(socket.expects_received(1), "tagged");
}

// Two tags (802.1ad): the inner one is a type that nobody speaks here.
TEST(Vlan, SecondTagIsNotSpoken) {
  Peer peer(with_vlan());
  peer.expect_drop(Drop::eth_type,
                   frame_of(EthFields{.type = 0x8100, .vlan_tci = kVlan}, std::string(46, '\0')));
}

TEST(Vlan, ArpAndDatagramLeaveWithTheTag) {
  Peer peer(with_vlan());
  UdpSocket socket(peer, {.local = {kVlanIp, kOurPort}});
  socket.send("hello", Endpoint{kVlanPeer, kPeerPort}, 1);
  peer.poll();
  peer.expects(
      padded(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac, .src = kOurMac, .vlan_tci = kVlan},
                                 .arp = {.sha = kOurMac, .spa = kVlanIp, .tpa = kVlanPeer}})));
  // An answer on another VLAN is not one.
  const ArpFields answer{
      .op = 2, .sha = kPeerMac, .spa = kVlanPeer, .tha = kOurMac, .tpa = kVlanIp};
  peer.expect_drop(Drop::arp_sender, frame_of(ArpSegment{.arp = answer}));
  peer.expect_handled(frame_of(ArpSegment{.eth = {.vlan_tci = kVlan}, .arp = answer}));
  peer.expects(padded(
      frame_of(UdpSegment{.eth = {.dst = kPeerMac, .src = kOurMac, .vlan_tci = kVlan},
                          .ip = {.flags_fragment = kDontFragment, .src = kVlanIp, .dst = kVlanPeer},
                          .udp = {.src = kOurPort, .dst = kPeerPort},
                          .data = "hello"})));
  socket.expects_sent(1);
  peer.expect_baseline();
}

}  // namespace
}  // namespace pinion::testing
