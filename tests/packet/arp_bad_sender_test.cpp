// HOSTILE W11 (RFC 5227 2.1.1, RFC 1812 3.3.2): mappings that cannot be a neighbour's are never
// taken, from requests for us (which would be learned) or replies.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

void expect_refused(Peer& peer, const ArpFields& arp) {
  peer.expect_drop(Drop::arp_sender, padded(frame_of(ArpSegment{.arp = arp})));
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 0u);
}

TEST(ArpInput, W11SenderHardwareAddress) {
  Peer peer({.resolved = false});
  for (const uint16_t op : {1, 2})
    for (const Mac sha : {Mac{}, kBroadcastMac, Mac{{0x01, 0, 0x5e, 0, 0, 1}}, kOurMac})
      expect_refused(peer, {.op = op, .sha = sha});
}

TEST(ArpInput, W11SenderProtocolAddress) {
  Peer peer({.resolved = false});
  const Ipv4 bad[] = {ipv4(127, 0, 0, 1),   ipv4(224, 0, 0, 1), ipv4(239, 255, 255, 255),
                      ipv4(255, 255, 255, 255), ipv4(240, 0, 0, 1), ipv4(0, 0, 0, 1),
                      kSubnetBroadcast,     ipv4(192, 0, 2, 7) /* not on this link */};
  for (const uint16_t op : {1, 2})
    for (const Ipv4 spa : bad) expect_refused(peer, {.op = op, .spa = spa});
}

TEST(ArpInput, W11ReplyFromAddressZero) {
  Peer peer({.resolved = false});
  expect_refused(peer, {.op = 2, .spa = {}});
}

// The one that waits for an answer is not served by a bad one either.
TEST(ArpInput, W11BadReplyToAQuestionOfOurs) {
  Peer peer({.resolved = false});
  UdpSocket socket(peer);
  socket.send("x", kPeerEndpoint, 1);
  peer.poll();
  EXPECT_TRUE(peer.expects_decoded().arp.has_value());
  for (const Mac sha : {Mac{}, kBroadcastMac, kOurMac})
    peer.expect_drop(Drop::arp_sender,
                     padded(frame_of(ArpSegment{.arp = {.op = 2, .sha = sha, .tha = kOurMac}})));
  socket.expects_no_completion();
  peer.expect_handled(padded(frame_of(ArpSegment{.arp = {.op = 2, .tha = kOurMac}})));
  EXPECT_EQ(peer.expects_decoded().eth.dst, kPeerMac);
  socket.expects_sent(1);
}

}  // namespace
}  // namespace pinion::testing
