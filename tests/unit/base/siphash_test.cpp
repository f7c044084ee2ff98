// SipHash-2-4 against the vectors of its paper, and the generator's repeatability.
#include "base/siphash.h"

#include <gtest/gtest.h>

#include <array>

#include "base/rng.h"

namespace pinion {
namespace {

TEST(SipHash, VectorsOfThePaper) {
  std::array<std::byte, 15> input;
  for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::byte>(i);
  const SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  EXPECT_EQ(siphash(key, input), 0xa129ca6149be45e5);
  EXPECT_EQ(siphash(key, {}), 0x726fdb47dd0e0e31);
}

TEST(Rng, OneSeedOneSequence) {
  Rng a{42}, b{42}, c{43};
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t x = a.next();
    EXPECT_EQ(x, b.next());
    differs |= x != c.next();
  }
  EXPECT_TRUE(differs);
  for (int i = 0; i < 1000; ++i) EXPECT_LT(a.below(7), 7u);
}

}  // namespace
}  // namespace pinion
