// RFC 6298 as a table, in nanoseconds; and the least RTT of a window of time.
#include "tcp/rtt.h"

#include <gtest/gtest.h>

namespace pinion {
namespace {

constexpr RttConfig kRttConfig{.rto_initial = kSecond,
                            .rto_min = 10 * kMilli,
                            .rto_max = 60 * kSecond,
                            .rto_syn_timeout = 3 * kSecond,
                            .granularity = kMilli,
                            .min_rtt_window = 10 * kSecond};

Rtt started() {
  Rtt rtt;
  rtt.start(kRttConfig);
  return rtt;
}

TEST(Rtt, NothingMeasured) {
  const Rtt rtt = started();
  EXPECT_FALSE(rtt.measured());
  EXPECT_EQ(rtt.rto(kRttConfig), kSecond);  // 2.1
  EXPECT_EQ(rtt.min_rtt(), kNever);
}

TEST(Rtt, FirstSampleThenSmoothed) {
  Rtt rtt = started();
  rtt.sample(kRttConfig, 100 * kMilli, 0);
  EXPECT_EQ(rtt.srtt, 100 * kMilli);
  EXPECT_EQ(rtt.rttvar, 50 * kMilli);
  EXPECT_EQ(rtt.rto(kRttConfig), 300 * kMilli);  // 2.2
  const struct {
    Nanos sample, srtt, rttvar;
  } table[] = {  // 2.3: RTTVAR by the old SRTT, then SRTT
      {100 * kMilli, 100'000'000, 37'500'000},
      {180 * kMilli, 110'000'000, 48'125'000},
      {110 * kMilli, 110'000'000, 36'093'750},
      {30 * kMilli, 100'000'000, 47'070'312},
  };
  for (const auto& row : table) {
    rtt.sample(kRttConfig, row.sample, 0);
    EXPECT_EQ(rtt.srtt, row.srtt);
    EXPECT_EQ(rtt.rttvar, row.rttvar);
    EXPECT_EQ(rtt.rto(kRttConfig), row.srtt + 4 * row.rttvar);
  }
}

TEST(Rtt, GranularityIsTheLeastVariance) {  // 2.3: max(G, K * RTTVAR)
  Rtt rtt = started();
  for (int i = 0; i < 200; ++i) rtt.sample(kRttConfig, 20 * kMilli, 0);
  EXPECT_EQ(rtt.rto(kRttConfig), 21 * kMilli);
}

TEST(Rtt, FloorAndCeiling) {
  Rtt rtt = started();
  rtt.sample(kRttConfig, 20 * kMicro, 0);
  EXPECT_EQ(rtt.rto(kRttConfig), kRttConfig.rto_min);  // 2.4
  rtt = started();
  rtt.sample(kRttConfig, 100 * kSecond, 0);
  EXPECT_EQ(rtt.rto(kRttConfig), kRttConfig.rto_max);  // 2.5
}

TEST(Rtt, BackoffDoublesUntilASample) {
  Rtt rtt = started();
  Nanos expected = kSecond;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(rtt.rto(kRttConfig), std::min(expected, kRttConfig.rto_max));  // 5.5
    rtt.back_off();
    expected = std::min(expected * 2, kRttConfig.rto_max);
  }
  rtt.sample(kRttConfig, 100 * kMilli, 0);
  EXPECT_EQ(rtt.rto(kRttConfig), 300 * kMilli);
}

TEST(Rtt, AfterASynTimeoutThreeSeconds) {  // 5.7
  Rtt rtt = started();
  rtt.back_off();
  EXPECT_EQ(rtt.rto(kRttConfig), 2 * kSecond);
  rtt.handshake_timed_out(kRttConfig);
  EXPECT_EQ(rtt.rto(kRttConfig), 3 * kSecond);  // the SYN's backoff does not count
  rtt.sample(kRttConfig, 100 * kMilli, 0);
  EXPECT_EQ(rtt.rto(kRttConfig), 300 * kMilli);
}

TEST(Rtt, ManySamplesInAWindowWeighAsOne) {  // RFC 7323 appendix G
  Rtt one = started(), many = started();
  one.sample(kRttConfig, 100 * kMilli, 0);
  many.sample(kRttConfig, 100 * kMilli, 0);
  one.sample(kRttConfig, 180 * kMilli, 0);
  for (int i = 0; i < 10; ++i) many.sample(kRttConfig, 180 * kMilli, 0, 10);
  EXPECT_NEAR(static_cast<double>(many.srtt), static_cast<double>(one.srtt), 1e6);
}

TEST(Rtt, ZeroIsMeasuredToo) {
  Rtt rtt = started();
  rtt.sample(kRttConfig, 0, 0);
  rtt.sample(kRttConfig, 0, 0);
  EXPECT_TRUE(rtt.measured());
}

TEST(Rtt, MinimumOfAWindow) {
  Rtt rtt = started();
  rtt.sample(kRttConfig, 5 * kMilli, 0);
  rtt.sample(kRttConfig, 3 * kMilli, kSecond);
  rtt.sample(kRttConfig, 9 * kMilli, 2 * kSecond);
  EXPECT_EQ(rtt.min_rtt(), 3 * kMilli);
  rtt.sample(kRttConfig, 4 * kMilli, 6 * kSecond);
  rtt.sample(kRttConfig, 8 * kMilli, 10 * kSecond);
  EXPECT_EQ(rtt.min_rtt(), 3 * kMilli);
  rtt.sample(kRttConfig, 8 * kMilli, 12 * kSecond);  // the 3 ms are 11 s old
  EXPECT_EQ(rtt.min_rtt(), 4 * kMilli);
  rtt.sample(kRttConfig, 7 * kMilli, 100 * kSecond);  // everything is old
  EXPECT_EQ(rtt.min_rtt(), 7 * kMilli);
  rtt.note_min(kRttConfig, kMilli, 100 * kSecond);
  EXPECT_EQ(rtt.min_rtt(), kMilli);
}

TEST(Rtt, MinimumNeverBelowTheWindowsAndNeverOlderThanTwice) {
  // What the three samples guarantee: at most the true minimum of what came since, at least that of
  // the whole window.
  Rtt rtt = started();
  for (int i = 0; i < 5000; ++i) {
    const Nanos now = i * 10 * kMilli;
    const Nanos value = (i * 7919 % 1000 + 1) * kMicro;
    rtt.sample(kRttConfig, value, now);
    EXPECT_LE(rtt.min_rtt(), value);
    EXPECT_GE(rtt.min_rtt(), kMicro);
  }
}

}  // namespace
}  // namespace pinion
