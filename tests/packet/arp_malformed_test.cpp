// HOSTILE W07 (RFC 826, Packet Reception): what is not Ethernet and IPv4, or not whole, or neither
// request nor reply (RARP: CVE-2019-12262) is dropped, and teaches nothing.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(ArpInput, W07CutShort) {
  Peer peer({.resolved = false});
  const Packet whole = frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}});
  for (size_t length = 14; length < whole.size(); ++length)
    peer.expect_drop(Drop::arp_short, cut(whole, length));
  peer.expect_baseline();
}

TEST(ArpInput, W07FormatNotEthernetAndIpv4) {
  Peer peer({.resolved = false});
  for (unsigned n = 0; n <= 255; ++n) {
    const auto length = static_cast<uint8_t>(n);
    if (length != 6)
      peer.expect_drop(Drop::arp_format, padded(frame_of(ArpSegment{.arp = {.hln = length}})));
    if (length != 4)
      peer.expect_drop(Drop::arp_format, padded(frame_of(ArpSegment{.arp = {.pln = length}})));
  }
  for (const uint16_t hrd : {0, 2, 6, 0x0100, 0xffff})
    peer.expect_drop(Drop::arp_format, padded(frame_of(ArpSegment{.arp = {.hrd = hrd}})));
  for (const uint16_t pro : {0, 0x86dd, 0x0008})
    peer.expect_drop(Drop::arp_format, padded(frame_of(ArpSegment{.arp = {.pro = pro}})));
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 0u);
}

TEST(ArpInput, W07OpcodeNeitherRequestNorReply) {
  Peer peer({.resolved = false});
  for (unsigned op = 0; op <= 0xffff; op += op < 0x200 ? 1 : 0x7f) {
    if (op == 1 || op == 2) continue;
    peer.expect_drop(Drop::arp_opcode,
                     padded(frame_of(ArpSegment{.arp = {.op = static_cast<uint16_t>(op)}})));
  }
  peer.expect_drop(Drop::arp_opcode, padded(frame_of(ArpSegment{.arp = {.op = 0xffff}})));
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 0u);
}

// What stands behind the packet is a pad, whatever it holds (W06).
TEST(ArpInput, W07TrailingBytesAreNotRead) {
  Peer peer({.resolved = false});
  Packet request = frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}});
  for (const size_t behind : {1, 18, 1458}) {
    request.resize(42 + behind, std::byte{0xff});
    peer.expect_handled(request);
    EXPECT_EQ(peer.expects_frame().size(), 60u);
  }
}

}  // namespace
}  // namespace pinion::testing
