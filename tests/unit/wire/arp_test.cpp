// ARP packets: parse(emit(x)) == x, and every truncation is refused.
#include "wire/arp.h"

#include <gtest/gtest.h>

#include "unit/wire/truncation.h"

namespace pinion {
namespace {

using testing::every_truncation;
using testing::kOne;
using testing::kTwo;
using testing::Packet;

TEST(Arp, RoundTripAndTruncation) {
  Packet wire(sizeof(ArpHdr));
  arp_emit({ArpOp::reply, kOne, ipv4(10, 0, 0, 1), kTwo, ipv4(10, 0, 0, 2)}, wire);
  ArpPacket out;
  ASSERT_EQ(arp_parse(wire, out), Drop::none);
  EXPECT_EQ(out.op, ArpOp::reply);
  EXPECT_EQ(out.sha, kOne);
  EXPECT_EQ(out.spa, ipv4(10, 0, 0, 1));
  EXPECT_EQ(out.tha, kTwo);
  EXPECT_EQ(out.tpa, ipv4(10, 0, 0, 2));
  every_truncation(wire, [&](Bytes b, size_t) { EXPECT_EQ(arp_parse(b, out), Drop::arp_short); });
}

TEST(Arp, ForeignFormatsAndOpcodes) {
  Packet good(sizeof(ArpHdr));
  arp_emit({ArpOp::request, kOne, ipv4(10, 0, 0, 1), {}, ipv4(10, 0, 0, 2)}, good);
  const auto with = [&](size_t at, uint8_t value) {
    Packet p = good;
    p[at] = std::byte{value};
    ArpPacket out;
    return arp_parse(p, out);
  };
  EXPECT_EQ(with(1, 6), Drop::arp_format);  // IEEE 802 networks
  EXPECT_EQ(with(2, 0x86), Drop::arp_format);
  for (const uint8_t hln : {0, 5, 255}) EXPECT_EQ(with(4, hln), Drop::arp_format);
  for (const uint8_t pln : {0, 16}) EXPECT_EQ(with(5, pln), Drop::arp_format);
  for (const uint8_t op : {0, 3, 8, 9}) EXPECT_EQ(with(7, op), Drop::arp_opcode);
  EXPECT_EQ(with(6, 0xff), Drop::arp_opcode);
}

// A pad behind the packet is not read.
TEST(Arp, TrailingBytesAreIgnored) {
  Packet wire(sizeof(ArpHdr) + 18, std::byte{0xff});
  arp_emit({ArpOp::request, kOne, ipv4(10, 0, 0, 1), {}, ipv4(10, 0, 0, 2)}, wire);
  ArpPacket out;
  ASSERT_EQ(arp_parse(wire, out), Drop::none);
  EXPECT_EQ(out.tpa, ipv4(10, 0, 0, 2));
}

}  // namespace
}  // namespace pinion
