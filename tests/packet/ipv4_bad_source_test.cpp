// HOSTILE W27 (RFC 1122 3.2.1.3): addresses that no host may send from are dropped before anything
// could be sent to them: no error, no echo, no delivery.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(Ipv4Input, W27SourceThatIsNoHost) {
  Peer peer;
  UdpSocket socket(peer, {.local = {{}, kOurPort}});
  socket.receive(1);
  const Ipv4 bad[] = {ipv4(0, 0, 0, 0),   ipv4(0, 1, 2, 3),       ipv4(127, 0, 0, 1),
                      ipv4(224, 0, 0, 1), ipv4(239, 1, 2, 3),     ipv4(240, 0, 0, 1),
                      ipv4(255, 255, 255, 255), kSubnetBroadcast, kOurIp};
  for (const Ipv4 src : bad) {
    SCOPED_TRACE(src.v);
    peer.expect_drop(Drop::ipv4_source, frame_of(UdpSegment{.ip = {.src = src}, .data = "x"}));
    peer.expect_drop(Drop::ipv4_source, frame_of(IcmpSegment{.ip = {.src = src}, .data = "x"}));
    peer.expect_drop(Drop::ipv4_source, frame_of(Ipv4Segment{.ip = {.src = src}}));
    peer.expect_drop(Drop::ipv4_source,
                     frame_of(UdpSegment{.ip = {.src = src}, .udp = {.dst = 1}, .data = "x"}));
  }
  socket.expects_no_completion();
  EXPECT_EQ(peer.counters().icmp_errors_sent, 0u);
}

}  // namespace
}  // namespace pinion::testing
