// HOSTILE W34 (RFC 1112, RFC 1122 3.3.7): multicast that nobody joined is dropped in silence, also
// when it shares its Ethernet group with another, and when a wildcard socket holds the port.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

// RFC 1112 6.4: the low 23 bits of the group.
Mac mac_of(Ipv4 group) {
  return {{0x01, 0x00, 0x5e, static_cast<uint8_t>(group.v >> 16 & 0x7f),
           static_cast<uint8_t>(group.v >> 8), static_cast<uint8_t>(group.v)}};
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
        peer.expect_drop(Drop::udp_multicast_not_joined,
                         frame_of(UdpSegment{.eth = {.dst = dst}, .ip = {.dst = group},
                                             .udp = {.dst = port}, .data = "feed"}));
  wildcard.expects_no_completion();
  EXPECT_EQ(peer.counters().icmp_errors_sent, 0u);
}


// Queries and reports of IGMP find nobody yet (the issue on multicast), and earn nothing.
TEST(Ipv4Input, W34IgmpIsNotSpokenYet) {
  Peer peer;
  for (const Ipv4 group : {ipv4(224, 0, 0, 1), ipv4(224, 0, 0, 22), ipv4(239, 1, 2, 3)})
    for (size_t length = 0; length <= 8; ++length)
      peer.expect_drop(Drop::ipv4_protocol,
                       frame_of(Ipv4Segment{.eth = {.dst = mac_of(group)},
                                            .ip = {.ttl = 1, .protocol = 2, .dst = group},
                                            .data = std::string(length, '\x11')}));
}

}  // namespace
}  // namespace pinion::testing
