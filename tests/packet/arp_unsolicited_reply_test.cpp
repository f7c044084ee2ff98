// HOSTILE W08 (RFC 826, RFC 5227): nobody's word alone creates or changes a neighbour. A claim that
// contradicts a known neighbour makes us ask the station that we know; a pinned one never changes.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

Packet claim(Mac mac, Ipv4 address = kPeerIp) {
  return padded(frame_of(ArpSegment{
      .eth = {.src = mac}, .arp = {.op = 2, .sha = mac, .spa = address, .tha = kOurMac}}));
}

// A datagram to the peer leaves for that station.
void expect_sends_to(Peer& peer, UdpSocket& socket, Mac mac) {
  socket.send("where to", kPeerEndpoint, 1);
  peer.poll();
  EXPECT_EQ(peer.expects_decoded().eth.dst, mac);
  socket.expects_sent(1);
}

TEST(ArpInput, W08UnsolicitedReplyCreatesNothing) {
  Peer peer({.resolved = false});
  peer.expect_drop(Drop::arp_unsolicited, claim(kOtherMac, kGatewayIp));
  peer.expect_drop(Drop::arp_unsolicited, claim(kPeerMac));
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 0u);
}

TEST(ArpInput, W08SpoofOfAKnownNeighbour) {
  Peer peer;
  UdpSocket socket(peer);
  peer.sends(claim(kOtherMac));
  EXPECT_EQ(peer.dropped(Drop::arp_unsolicited), 1u);
  // The one we know is asked, by unicast.
  const Decoded probe = peer.expects_decoded();
  EXPECT_EQ(probe.eth.dst, kPeerMac);
  EXPECT_EQ(probe.arp->op, 1);
  EXPECT_EQ(probe.arp->tpa, kPeerIp);
  peer.expect_drop(Drop::arp_unsolicited, claim(kOtherMac));  // the liar cannot answer for it
  expect_sends_to(peer, socket, kPeerMac);
  peer.expect_handled(claim(kPeerMac));
  expect_sends_to(peer, socket, kPeerMac);
}

TEST(ArpInput, W08FloodOfSpoofsIsLimited) {
  Peer peer;
  UdpSocket socket(peer);
  const uint64_t before = peer.counters().arp_requests_sent;
  for (int i = 0; i < 100'000; ++i) {  // in a tenth of a second
    peer.sends(claim(kOtherMac));
    for (const Packet& frame : peer.take_all())
      if (decode(frame).arp) peer.sends(claim(kPeerMac));
  }
  EXPECT_LE(peer.counters().arp_requests_sent - before, 2u);
  EXPECT_EQ(peer.dropped(Drop::arp_unsolicited), 100'000u);
  expect_sends_to(peer, socket, kPeerMac);
}

// RFC 5227: addresses may move. When the old station is silent, the new one is asked and believed.
TEST(ArpInput, W08AddressThatReallyMoved) {
  Peer peer;
  UdpSocket socket(peer);
  peer.sends(claim(kOtherMac));
  EXPECT_EQ(peer.expects_decoded().eth.dst, kPeerMac);
  peer.wait(kSecond + kMilli);
  EXPECT_EQ(peer.expects_decoded().eth.dst, kBroadcastMac);
  peer.expect_handled(claim(kOtherMac));
  expect_sends_to(peer, socket, kOtherMac);
}

TEST(ArpInput, W08PinnedNeighbourNeverChanges) {
  PeerOptions options;
  options.resolved = false;
  options.net.neighbours.push_back({.address = kPeerIp, .mac = kPeerMac});
  Peer peer(options);
  UdpSocket socket(peer);
  peer.expect_drop(Drop::arp_pinned, claim(kOtherMac));
  const ArpFields request{.sha = kOtherMac};
  peer.expect_drop(Drop::arp_pinned, padded(frame_of(ArpSegment{
                                         .eth = {.dst = kBroadcastMac, .src = kOtherMac},
                                         .arp = request})));
  expect_sends_to(peer, socket, kPeerMac);
  peer.expect_baseline();  // and it does not age
  expect_sends_to(peer, socket, kPeerMac);
}

// RFC 5227 2.3: an announcement is a request for one's own address.
TEST(ArpInput, W08AnnouncementOfAKnownNeighboursAddress) {
  Peer peer;
  UdpSocket socket(peer);
  peer.sends(padded(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac, .src = kOtherMac},
                                        .arp = {.sha = kOtherMac, .tpa = kPeerIp}})));
  EXPECT_EQ(peer.expects_decoded().eth.dst, kPeerMac);  // asked
  EXPECT_EQ(peer.dropped(Drop::arp_not_ours), 1u);
  expect_sends_to(peer, socket, kPeerMac);
}

}  // namespace
}  // namespace pinion::testing
