// The rate limit: so many at once after a silence, then one an interval, at any place of the clock.
#include "net/token_bucket.h"

#include <gtest/gtest.h>

namespace pinion {
namespace {

uint32_t taken_at(TokenBucket& bucket, Nanos now, uint32_t tries) {
  uint32_t taken = 0;
  for (uint32_t i = 0; i < tries; ++i) taken += bucket.take(now);
  return taken;
}

TEST(TokenBucket, BurstThenOneAnInterval) {
  for (const Nanos start : {Nanos{0}, kSecond, Nanos{1} << 32, Nanos{1} << 62}) {
    TokenBucket bucket(10);
    EXPECT_EQ(taken_at(bucket, start, 1000), 10u) << start;
    EXPECT_EQ(taken_at(bucket, start + kSecond / 10 - 1, 1000), 0u);
    EXPECT_EQ(taken_at(bucket, start + kSecond / 10, 1000), 1u);
    EXPECT_EQ(taken_at(bucket, start + kSecond / 2, 1000), 4u);
    EXPECT_EQ(taken_at(bucket, start + 100 * kSecond, 1000), 10u) << "silence saves up no more";
  }
}

TEST(TokenBucket, SteadyRateOverAMinute) {
  for (const uint32_t rate : {1u, 3u, 7u, 1000u, 10'000u}) {
    TokenBucket bucket(rate);
    uint32_t taken = 0;
    for (Nanos now = 0; now < 60 * kSecond; now += 50 * kMicro) taken += bucket.take(now);
    // A minute's worth and the first burst; intervals are whole nanoseconds.
    EXPECT_GE(taken, rate * 60);
    EXPECT_LE(taken, rate * 61 + 1);
  }
}

TEST(TokenBucket, ZeroIsNever) {
  TokenBucket bucket(0);
  EXPECT_EQ(taken_at(bucket, 0, 10) + taken_at(bucket, 100 * kSecond, 10), 0u);
}

}  // namespace
}  // namespace pinion
