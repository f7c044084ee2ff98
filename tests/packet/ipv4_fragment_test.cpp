// HOSTILE W18 (RFC 791 3.2): impossible fragments are dropped as such; possible ones are dropped
// too, by another name, until there is reassembly. Neither earns an error, nor leaves anything.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

void expect_bad(Peer& peer, uint16_t flags_fragment, size_t bytes) {
  peer.expect_drop(Drop::ipv4_fragment_bad, frame_of(Ipv4Segment{
      .ip = {.flags_fragment = flags_fragment, .protocol = 17}, .data = std::string(bytes, 'f')}));
}

TEST(Ipv4Input, W18ImpossibleFragments) {
  Peer peer;
  UdpSocket socket(peer);
  expect_bad(peer, 1, 0);                              // an offset and no data
  expect_bad(peer, kMoreFragments, 0);
  expect_bad(peer, kMoreFragments, 12);                // not a multiple of 8, and not the last
  expect_bad(peer, kMoreFragments | 3, 1);
  expect_bad(peer, kReservedFlag, 16);
  expect_bad(peer, kReservedFlag | kMoreFragments, 16);
  expect_bad(peer, kDontFragment | kMoreFragments, 16);
  expect_bad(peer, kDontFragment | 1, 16);
  expect_bad(peer, 0x1fff, 16);                        // ends behind 65535 (ping of death)
  peer.expect_baseline();
}

TEST(Ipv4Input, W18PossibleFragments) {
  Peer peer;
  UdpSocket socket(peer);
  UdpSegment first{.ip = {.flags_fragment = kMoreFragments}, .data = std::string(16, 'f')};
  peer.expect_drop(Drop::ipv4_fragment, frame_of(first));
  peer.expect_drop(Drop::ipv4_fragment, frame_of(Ipv4Segment{
      .ip = {.flags_fragment = 3, .protocol = 17}, .data = "last"}));
  peer.expect_baseline();
}

// DF alone is what every path-MTU-aware sender sets.
TEST(Ipv4Input, W18DontFragmentIsNoFragment) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  peer.expect_handled(frame_of(UdpSegment{.ip = {.flags_fragment = kDontFragment}, .data = "df"}));
  EXPECT_EQ(socket.expects_received(1), "df");
}


// Every flag with offsets at both ends and every length round a multiple of 8.
TEST(Ipv4Input, W18EveryFlagOffsetAndLength) {
  Peer peer;
  for (unsigned flags = 0; flags < 8; ++flags)
    for (const unsigned offset : {0u, 1u, 2u, 0x1ffcu, 0x1ffdu, 0x1ffeu, 0x1fffu})
      for (size_t bytes = 0; bytes <= 17; ++bytes) {
        const bool reserved = flags & 4, df = flags & 2, more = flags & 1;
        if (!reserved && !more && offset == 0) continue;  // no fragment
        const bool possible = !reserved && !df && bytes != 0 && (!more || bytes % 8 == 0) &&
                              offset * 8 + bytes + 20 <= 65535;
        const Ipv4Fields ip{.flags_fragment = static_cast<uint16_t>(flags << 13 | offset),
                            .protocol = 17};
        const Packet frame = frame_of(Ipv4Segment{.ip = ip, .data = std::string(bytes, 'f')});
        ASSERT_EQ(peer.reaction_to(frame),
                  possible ? Drop::ipv4_fragment : Drop::ipv4_fragment_bad)
            << flags << " " << offset << " " << bytes;
      }
  peer.expects_nothing();
}

// HOSTILE W22, as far as there is no reassembly: a flood of fragments costs nothing that stays.
TEST(Ipv4Input, W18FloodOfFragmentsLeavesNothing) {
  Peer peer;
  for (unsigned i = 0; i < 10'000; ++i)
    peer.sends(frame_of(Ipv4Segment{
        .ip = {.id = static_cast<uint16_t>(i), .flags_fragment = kMoreFragments, .protocol = 17},
        .data = std::string(16, 'f')}));
  EXPECT_EQ(peer.dropped(Drop::ipv4_fragment), 10'000u);
  EXPECT_EQ(peer.port.outstanding(), 0u);
  peer.expects_nothing();
}

}  // namespace
}  // namespace pinion::testing
