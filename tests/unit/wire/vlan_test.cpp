// The 802.1Q tag: parse(emit(x)) == x, and every truncation is refused.
#include "wire/vlan.h"

#include <gtest/gtest.h>

#include "unit/wire/truncation.h"
#include "wire/eth.h"

namespace pinion {
namespace {

using testing::every_truncation;
using testing::Packet;

TEST(Vlan, RoundTripAndTruncation) {
  Packet wire(sizeof(VlanHdr));
  vlan_emit({5, true, 0xabc, kEthTypeIpv4, {}}, wire);
  VlanTag out;
  ASSERT_EQ(vlan_parse(wire, out), Drop::none);
  EXPECT_EQ(out.priority, 5);
  EXPECT_TRUE(out.drop_eligible);
  EXPECT_EQ(out.id, 0xabc);
  EXPECT_EQ(out.type, kEthTypeIpv4);
  every_truncation(wire, [&](Bytes b, size_t) { EXPECT_EQ(vlan_parse(b, out), Drop::vlan_short); });
}

TEST(Vlan, EveryBitOfTheTagComesBack) {
  Packet wire(sizeof(VlanHdr));
  VlanTag out;
  for (unsigned tci = 0; tci <= 0xffff; ++tci) {
    wire[0] = static_cast<std::byte>(tci >> 8), wire[1] = static_cast<std::byte>(tci & 0xff);
    ASSERT_EQ(vlan_parse(wire, out), Drop::none);
    ASSERT_EQ(out.priority, tci >> 13);
    ASSERT_EQ(out.drop_eligible, (tci & 0x1000) != 0);
    ASSERT_EQ(out.id, tci & 0xfff);
    Packet again(sizeof(VlanHdr));
    vlan_emit(out, again);
    ASSERT_EQ(again, wire);
  }
}

}  // namespace
}  // namespace pinion
