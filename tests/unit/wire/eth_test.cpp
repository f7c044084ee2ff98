// The Ethernet header: parse(emit(x)) == x, and every truncation is refused.
#include "wire/eth.h"

#include <gtest/gtest.h>

#include "unit/wire/truncation.h"

namespace pinion {
namespace {

using testing::every_truncation;
using testing::kOne;
using testing::kTwo;
using testing::Packet;

TEST(Eth, RoundTripAndTruncation) {
  Packet wire(sizeof(EthHdr));
  eth_emit({kOne, kTwo, kEthTypeArp, {}}, wire);
  EthPacket out;
  ASSERT_EQ(eth_parse(wire, out), Drop::none);
  EXPECT_EQ(out.dst, kOne);
  EXPECT_EQ(out.src, kTwo);
  EXPECT_EQ(out.type, kEthTypeArp);
  EXPECT_TRUE(out.payload.empty());
  every_truncation(wire, [&](Bytes b, size_t) { EXPECT_EQ(eth_parse(b, out), Drop::eth_short); });
}

// Whatever stands behind the header is the payload, a pad too.
TEST(Eth, PayloadIsTheRest) {
  Packet wire(sizeof(EthHdr) + 46, std::byte{7});
  EthPacket out;
  for (size_t n = sizeof(EthHdr); n <= wire.size(); ++n) {
    ASSERT_EQ(eth_parse(Bytes{wire}.first(n), out), Drop::none);
    EXPECT_EQ(out.payload.size(), n - sizeof(EthHdr));
  }
}

}  // namespace
}  // namespace pinion
