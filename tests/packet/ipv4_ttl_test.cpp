// HOSTILE W24 (RFC 1122 3.2.1.7): a host MUST NOT discard a datagram for itself because its TTL is
// below 2.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(Ipv4Input, W24TtlZeroAndOneToUs) {
  Peer peer;
  UdpSocket socket(peer);
  for (const uint8_t ttl : {0, 1, 2, 255}) {
    socket.receive(ttl);
    peer.expect_handled(frame_of(UdpSegment{.ip = {.ttl = ttl}, .data = "still for us"}));
    EXPECT_EQ(socket.expects_received(ttl), "still for us");
  }
}

TEST(Ipv4Output, TtlAndDscpAreTheSockets) {
  Peer peer;
  UdpSocket socket(peer);
  socket.send("default", kPeerEndpoint, 1);
  peer.poll();
  EXPECT_EQ(peer.expects_decoded().ip->ttl, 64);
  EXPECT_EQ(socket.set_option(RIO_SO_TTL, 1), 0);
  EXPECT_EQ(socket.set_option(RIO_SO_DSCP, 46), 0);
  socket.send("expedited", kPeerEndpoint, 2);
  peer.poll();
  const Decoded d = peer.expects_decoded();
  EXPECT_EQ(d.ip->ttl, 1);
  EXPECT_EQ(d.ip->tos, 46 << 2);
}

}  // namespace
}  // namespace pinion::testing
