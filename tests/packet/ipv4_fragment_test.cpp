// HOSTILE W18 (RFC 791 3.2) and what RFC 1858 and 3128 say of first fragments: impossible and
// deceitful fragments are dropped by name, earn no error and leave nothing. What is put together
// is in ipv4_reassembly_test.cpp.
#include <gtest/gtest.h>

#include "packet/fragments.h"

namespace pinion::testing {
namespace {

void expect_bad(Peer& peer, uint16_t flags_fragment, size_t bytes,
                Drop why = Drop::ipv4_fragment_bad) {
  peer.expect_drop(why, frame_of(Ipv4Segment{
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
  expect_bad(peer, 0x1fff, 16, Drop::fragment_too_long);  // ping of death
  EXPECT_EQ(peer.counters().fragments_received, 0u);
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
  PeerOptions options;
  options.net.reassembly_max = 0;
  Peer peer(options);
  for (unsigned flags = 0; flags < 8; ++flags)
    for (const unsigned offset : {0u, 1u, 2u, 0x1ffcu, 0x1ffdu, 0x1ffeu, 0x1fffu})
      for (size_t bytes = 0; bytes <= 17; ++bytes) {
        const bool reserved = flags & 4, df = flags & 2, more = flags & 1;
        if (!reserved && !more && offset == 0) continue;  // no fragment
        const bool possible = !reserved && !df && bytes != 0 && (!more || bytes % 8 == 0);
        const bool fits = offset * 8 + bytes + 20 <= 65535;
        const Ipv4Fields ip{.flags_fragment = static_cast<uint16_t>(flags << 13 | offset),
                            .protocol = 17};
        const Packet frame = frame_of(Ipv4Segment{.ip = ip, .data = std::string(bytes, 'f')});
        ASSERT_EQ(peer.reaction_to(frame), !possible ? Drop::ipv4_fragment_bad
                                           : fits    ? Drop::fragment_off
                                                     : Drop::fragment_too_long)
            << flags << " " << offset << " " << bytes;
      }
  peer.expects_nothing();
}

// RFC 1858 2: the ports and flags by which a filter judges stand in the first fragment.
TEST(Ipv4Input, W18TinyFirstFragments) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string segment = payload_of(TcpSegment{.tcp = {.flags = kSyn}, .data = text_of(64)});
  peer.expect_drop(Drop::fragment_tiny, fragment_of(segment, {0, 8, 1, 6}));
  peer.expect_drop(Drop::fragment_tiny, fragment_of(segment, {0, 16, 1, 6}));
  peer.expect_handled(fragment_of(segment, {0, 24, 2, 6}));
  // RFC 3128: a second one that would replace the flags of the first.
  peer.expect_drop(Drop::fragment_overlap, fragment_of(segment, {8, 32, 2, 6}));
  // The same with the second one first: whichever comes first, they are never put together.
  peer.expect_handled(fragment_of(segment, {8, 32, 3, 6}));
  peer.expect_drop(Drop::fragment_overlap, fragment_of(segment, {0, 24, 3, 6}));
  EXPECT_EQ(peer.counters().reassembled, 0u);
}

TEST(Ipv4Input, W18OtherProtocolsAreNotPutTogether) {
  Peer peer;
  for (const uint8_t protocol : {0, 2, 4, 41, 50, 132, 253, 255})
    peer.expect_drop(Drop::ipv4_fragment_protocol,
                     fragment_of(text_of(64), {0, 32, 1, protocol}));
}

// A group that nobody joined takes no room.
TEST(Ipv4Input, W18FragmentsToAGroupNobodyJoined) {
  Peer peer;
  Ipv4Segment s{.eth = {.dst = {{1, 0, 0x5e, 1, 2, 3}}},
                .ip = {.flags_fragment = kMoreFragments, .protocol = 17, .dst = ipv4(239, 1, 2, 3)},
                .data = std::string(64, 'm')};
  peer.expect_drop(Drop::udp_multicast_not_joined, frame_of(s));
}

}  // namespace
}  // namespace pinion::testing
