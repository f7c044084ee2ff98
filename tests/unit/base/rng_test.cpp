// The seeded generator: published values, the bounds of what it draws, and no bias that would make
// a simulation's chances wrong. All from fixed seeds, so that a run is the same every time.
#include "base/rng.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <vector>

namespace pinion {
namespace {

// splitmix64 from 0 (Steele, Lea, Flood 2014): its first outputs.
TEST(Rng, MixIsSplitmix64) {
  constexpr uint64_t kGamma = 0x9e3779b97f4a7c15;
  EXPECT_EQ(mix64(kGamma), 0xe220a8397b1dcdafu);
  EXPECT_EQ(mix64(2 * kGamma), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(mix64(3 * kGamma), 0x06c45d188009454fu);
}

TEST(Rng, MixMovesHalfOfTheBits) {
  for (uint64_t x = 0; x < 64; ++x)
    for (int bit = 0; bit < 64; ++bit) {
      const int moved = std::popcount(mix64(x) ^ mix64(x ^ uint64_t{1} << bit));
      EXPECT_GE(moved, 8) << x << " " << bit;
      EXPECT_LE(moved, 56) << x << " " << bit;
    }
}

TEST(Rng, SeedIsARun) {
  Rng one(1), again(1), other(2);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t n = one.next();
    EXPECT_EQ(n, again.next());
    EXPECT_NE(n, other.next());
    EXPECT_TRUE(seen.insert(n).second);
  }
}

TEST(Rng, BelowReachesAllAndNoMore) {
  Rng rng(3);
  for (const uint32_t n : {1u, 2u, 3u, 7u, 64u}) {
    std::vector<uint32_t> hits(n);
    for (uint32_t i = 0; i < 2000 * n; ++i) {
      const uint32_t drawn = rng.below(n);
      ASSERT_LT(drawn, n);
      ++hits[drawn];
    }
    for (const uint32_t h : hits) {
      EXPECT_GE(h, 1700u);
      EXPECT_LE(h, 2300u);
    }
  }
  for (int i = 0; i < 1000; ++i) ASSERT_LT(rng.below(0xffffffff), 0xffffffff);
}

TEST(Rng, Chance) {
  Rng rng(4);
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_FALSE(rng.chance(0));
    EXPECT_TRUE(rng.chance(1));
    hits += rng.chance(0.25);
  }
  EXPECT_GE(hits, 2300);
  EXPECT_LE(hits, 2700);
}

}  // namespace
}  // namespace pinion
