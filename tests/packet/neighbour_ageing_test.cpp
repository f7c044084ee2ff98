// RFC 1122 2.3.2.1: what is known of a neighbour gets old. One that is used is asked by unicast and
// stays while it answers; one that is not used is forgotten; one that is silent fails.
#include <gtest/gtest.h>

#include <cerrno>

#include "support/peer.h"

namespace pinion::testing {
namespace {

constexpr Nanos kTimeout = 60 * kSecond;

TEST(Neighbour, UnusedIsForgotten) {
  Peer peer;
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 1u);
  peer.wait(kTimeout + kSecond);
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 0u);
  peer.expects_nothing();
}

TEST(Neighbour, UsedIsAskedAndStays) {
  Peer peer;
  UdpSocket socket(peer);
  for (int minute = 0; minute < 3; ++minute) {
    peer.wait(kTimeout - kSecond);
    socket.send("busy", kPeerEndpoint, 1);
    peer.poll();
    socket.expects_sent(1);
    peer.wait(2 * kSecond);
    EXPECT_EQ(peer.expects_decoded().data, "busy");
    const Decoded question = peer.expects_decoded();
    EXPECT_EQ(question.eth.dst, kPeerMac);
    ASSERT_TRUE(question.arp.has_value());
    peer.take_all();
    peer.sends(padded(frame_of(ArpSegment{.arp = {.op = 2, .tha = kOurMac}})));
  }
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 1u);
  peer.expect_baseline();
}

TEST(Neighbour, UsedAndSilentFails) {
  Peer peer;
  UdpSocket socket(peer);
  peer.wait(kTimeout - kSecond);
  socket.send("last words", kPeerEndpoint, 1);
  peer.wait(kSecond + 3 * kSecond + 500 * kMilli);
  socket.expects_sent(1);
  socket.send("too late", kPeerEndpoint, 2);
  peer.poll();
  socket.expects_sent(2, -EHOSTUNREACH);
  peer.expect_baseline();
}

}  // namespace
}  // namespace pinion::testing
