// HOSTILE W13 (RFC 791 3.1, RFC 1122 3.2.1; Ripple20 CVE-2020-11896, FreeRTOS CVE-2018-16601):
// version, header length and total length are checked against each other and the frame. The header
// checksum is right in each case, so that it is the length that is refused.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(Ipv4Input, W13CutAnywhere) {
  Peer peer;
  const Packet whole = frame_of(UdpSegment{.data = "sixteen bytes..."});
  for (size_t length = 14; length < 14 + 20; ++length)
    peer.expect_drop(Drop::ipv4_short, cut(whole, length));
  for (size_t length = 14 + 20; length < whole.size(); ++length)
    peer.expect_drop(Drop::ipv4_total_length, cut(whole, length));
}

TEST(Ipv4Input, W13CutInsideTheOptions) {
  Peer peer;
  const Packet whole = frame_of(UdpSegment{.ip = {.options = std::string(40, '\x01')}});
  for (size_t length = 14 + 20; length < 14 + 60; ++length)
    peer.expect_drop(Drop::ipv4_header_length, cut(whole, length));
}

TEST(Ipv4Input, W13Version) {
  Peer peer;
  for (uint8_t version = 0; version <= 15; ++version) {
    if (version == 4) continue;
    peer.expect_drop(Drop::ipv4_version, frame_of(UdpSegment{.ip = {.version = version}}));
  }
}

TEST(Ipv4Input, W13HeaderLengthBelowTheLeast) {
  Peer peer;
  for (const uint8_t ihl : {0, 1, 2, 3, 4})
    peer.expect_drop(Drop::ipv4_header_length, frame_of(UdpSegment{.ip = {.ihl = ihl}}));
}

TEST(Ipv4Input, W13HeaderLengthBeyondTotalLength) {
  Peer peer;
  for (uint8_t ihl = 6; ihl <= 15; ++ihl) {
    const Ipv4Fields ip{.ihl = ihl, .total_length = static_cast<uint16_t>(ihl * 4 - 1)};
    peer.expect_drop(Drop::ipv4_total_length,
                     frame_of(UdpSegment{.ip = ip, .data = std::string(60, '\x01')}));
  }
}

TEST(Ipv4Input, W13TotalLengthBelowTheHeader) {
  Peer peer;
  for (uint16_t total = 0; total < 20; ++total)
    peer.expect_drop(Drop::ipv4_total_length,
                     frame_of(UdpSegment{.ip = {.total_length = total}, .data = "x"}));
}

TEST(Ipv4Input, W13TotalLengthBeyondTheFrame) {
  Peer peer;
  for (const uint16_t total : {30, 31, 1500, 0x8000, 0xffff})
    peer.expect_drop(Drop::ipv4_total_length,
                     frame_of(UdpSegment{.ip = {.total_length = total}, .data = "x"}));
}

// The least that is whole: no payload at all. What it would carry is then cut short.
TEST(Ipv4Input, W13NothingButAHeader) {
  Peer peer;
  peer.expect_drop(Drop::udp_short, frame_of(Ipv4Segment{.ip = {.protocol = 17}}));
  peer.expect_drop(Drop::icmp_short, frame_of(Ipv4Segment{.ip = {.protocol = 1}}));
}

// Every header length, total length and frame length against each other, headers full of NOPs.
TEST(Ipv4Input, W13EveryLengthAgainstTheOthers) {
  Peer peer;
  for (size_t header = 20; header <= 60; header += 4)
    for (size_t total = 0; total <= 72; ++total) {
      const Ipv4Fields ip{.total_length = static_cast<uint16_t>(total),
                          .protocol = 17,
                          .options = std::string(header - 20, '\x01')};
      const Packet whole = frame_of(Ipv4Segment{.ip = ip, .data = std::string(72 - header, 'x')});
      for (const size_t there : {size_t{20}, header - 1, header, total, size_t{72}}) {
        if (there < 20 || there > 72) continue;
        const Drop expected = header > there                    ? Drop::ipv4_header_length
                              : total < header || total > there ? Drop::ipv4_total_length
                              : total < header + 8              ? Drop::udp_short
                                                                : Drop::udp_length;
        ASSERT_EQ(drop_name(peer.reaction_to(cut(whole, 14 + there))), drop_name(expected))
            << header << " " << total << " " << there;
      }
    }
}

}  // namespace
}  // namespace pinion::testing
