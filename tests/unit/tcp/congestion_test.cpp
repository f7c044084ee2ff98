// Congestion windows in segments of 1000 bytes: tables from RFC 5681, 6928, 3465, 9438 and 9937.
#include "tcp/congestion.h"

#include <gtest/gtest.h>

#include <cmath>

namespace pinion {
namespace {

constexpr uint32_t kSmss = 1000;
constexpr CongestionConfig kConfig{};

Congestion started(CongestionControl control, uint32_t cwnd_segments,
                   uint32_t ssthresh = UINT32_MAX) {
  Congestion c;
  c.start(kConfig, control, kSmss, false);
  c.cwnd = cwnd_segments * kSmss;
  c.ssthresh = ssthresh;
  return c;
}

// A round: cwnd is used in full, and each segment is acknowledged by itself.
void round(Congestion& c, Nanos now = 0, Nanos srtt = 0) {
  for (uint32_t n = c.cwnd / kSmss; n > 0; --n) {
    c.on_ack(kConfig, {.acked = kSmss, .delivered = kSmss, .flight_max = c.cwnd, .srtt = srtt},
             now);
  }
}

TEST(Congestion, InitialWindow) {  // RFC 6928 section 2
  const struct {
    uint32_t smss, iw;
  } table[] = {{1460, 14600}, {1000, 10000}, {536, 5360}, {8960, 17920}, {2000, 14600}};
  for (const auto& row : table) {
    Congestion c;
    c.start(kConfig, CongestionControl::newreno, row.smss, false);
    EXPECT_EQ(c.cwnd, row.iw) << row.smss;
    c.start(kConfig, CongestionControl::newreno, row.smss, true);
    EXPECT_EQ(c.cwnd, row.smss);
  }
}

TEST(Congestion, SlowStartDoublesARound) {
  for (const auto control : {CongestionControl::newreno, CongestionControl::cubic}) {
    Congestion c = started(control, 10);
    round(c);
    EXPECT_EQ(c.cwnd, 20 * kSmss);
    round(c);
    EXPECT_EQ(c.cwnd, 40 * kSmss);
  }
}

TEST(Congestion, AppropriateByteCounting) {  // RFC 3465 2.2, 2.3
  Congestion c = started(CongestionControl::newreno, 10);
  const auto ack = [&](uint32_t bytes) {
    c.on_ack(kConfig, {.acked = bytes, .delivered = bytes, .flight_max = c.cwnd}, 0);
  };
  ack(2 * kSmss);
  EXPECT_EQ(c.cwnd, 12 * kSmss);
  ack(4 * kSmss);  // a stretch ACK adds two
  EXPECT_EQ(c.cwnd, 14 * kSmss);
  ack(1);  // nor do crumbs count as segments
  EXPECT_EQ(c.cwnd, 14 * kSmss + 1);
  c.on_timeout(c.cwnd, false);
  ack(2 * kSmss);  // after a timeout it is one
  EXPECT_EQ(c.cwnd, 2 * kSmss);
}

TEST(Congestion, SlowStartEndsAtSsthresh) {
  Congestion c = started(CongestionControl::newreno, 10, 11'500);
  round(c);
  EXPECT_GE(c.cwnd, 11'500u);
  EXPECT_LE(c.cwnd, 12'500u);
}

TEST(Congestion, NewRenoOneSegmentARound) {
  Congestion c = started(CongestionControl::newreno, 10, kSmss);
  for (uint32_t n = 11; n < 20; ++n) {
    round(c);
    EXPECT_EQ(c.cwnd, n * kSmss);
  }
}

TEST(Congestion, UnusedWindowDoesNotGrow) {  // RFC 7661, RFC 9438 5.8
  for (const auto control : {CongestionControl::newreno, CongestionControl::cubic}) {
    Congestion c = started(control, 10);
    c.on_ack(kConfig, {.acked = kSmss, .delivered = kSmss, .flight_max = 5 * kSmss}, 0);
    EXPECT_EQ(c.cwnd, 10 * kSmss);
    c.on_ack(kConfig, {.acked = kSmss, .delivered = kSmss, .flight_max = 6 * kSmss}, 0);
    EXPECT_EQ(c.cwnd, 11 * kSmss);
    c.ssthresh = kSmss;
    for (int i = 0; i < 100; ++i) {
      c.on_ack(kConfig, {.acked = kSmss, .delivered = kSmss, .flight_max = 10 * kSmss}, kSecond);
    }
    EXPECT_EQ(c.cwnd, 11 * kSmss);
  }
}

TEST(Congestion, SsthreshAfterALoss) {  // RFC 5681 equation 4, RFC 9438 4.6
  Congestion c = started(CongestionControl::newreno, 10);
  c.enter_recovery(10 * kSmss, 10 * kSmss);
  EXPECT_EQ(c.ssthresh, 5 * kSmss);
  c = started(CongestionControl::cubic, 10);
  c.enter_recovery(10 * kSmss, 10 * kSmss);
  EXPECT_EQ(c.ssthresh, 7 * kSmss);
  c = started(CongestionControl::newreno, 10);
  c.enter_recovery(2 * kSmss, 2 * kSmss);  // what was in flight, not cwnd; at least two segments
  EXPECT_EQ(c.ssthresh, 2 * kSmss);
  c = started(CongestionControl::newreno, 10);
  c.enter_recovery(12 * kSmss, 12 * kSmss);  // limited transmit does not count (RFC 3042)
  EXPECT_EQ(c.ssthresh, 5 * kSmss);
}

TEST(Congestion, TimeoutIsOneSegmentThenSlowStart) {
  Congestion c = started(CongestionControl::newreno, 16);
  c.on_timeout(16 * kSmss, false);
  EXPECT_EQ(c.cwnd, kSmss);
  EXPECT_EQ(c.ssthresh, 8 * kSmss);
  EXPECT_EQ(c.phase, CongestionPhase::loss);
  c.on_timeout(16 * kSmss, true);  // of the same segment: ssthresh stays
  EXPECT_EQ(c.ssthresh, 8 * kSmss);
  round(c);
  EXPECT_EQ(c.cwnd, 2 * kSmss);
  round(c);
  EXPECT_EQ(c.cwnd, 4 * kSmss);
  c.exit_recovery();
  EXPECT_EQ(c.phase, CongestionPhase::open);
  EXPECT_EQ(c.cwnd, 4 * kSmss);
}

TEST(Congestion, IdleRestartsTheWindow) {  // RFC 5681 4.1
  Congestion c = started(CongestionControl::newreno, 40, 30 * kSmss);
  c.on_idle(kConfig, kSecond, kSecond);
  EXPECT_EQ(c.cwnd, 40 * kSmss);
  c.on_idle(kConfig, kSecond + 1, kSecond);
  EXPECT_EQ(c.cwnd, 10 * kSmss);
  EXPECT_EQ(c.ssthresh, 30 * kSmss);
  c = started(CongestionControl::newreno, 4);
  c.on_idle(kConfig, 9 * kSecond, kSecond);
  EXPECT_EQ(c.cwnd, 4 * kSmss);
  c = started(CongestionControl::newreno, 40, 10 * kSmss);
  c.on_idle({.idle_restart = false}, 9 * kSecond, kSecond);
  EXPECT_EQ(c.cwnd, 40 * kSmss);
}

TEST(Congestion, SmallerSegmentsKeepTheirNumber) {
  Congestion c = started(CongestionControl::newreno, 10);
  c.set_smss(500);
  EXPECT_EQ(c.cwnd, 10 * 500u);
  c.set_smss(1000);
  EXPECT_EQ(c.cwnd, 5000u);
  c.on_timeout(5000, false);
  c.set_smss(9000);
  EXPECT_EQ(c.cwnd, 9000u) << "room for one";
}

// RFC 9937 (and RFC 6937 appendix A) in spirit: of 20 segments the first is lost, the other 19 come
// as SACKs one after the other.
TEST(Prr, ReducesOverOneRound) {
  Congestion c = started(CongestionControl::newreno, 20, 20 * kSmss);
  uint32_t pipe = 20 * kSmss, sent = 0;
  // The third SACK finds the loss: pipe is without the three and the lost one.
  pipe -= 4 * kSmss;
  c.enter_recovery(20 * kSmss, 18 * kSmss);
  EXPECT_EQ(c.ssthresh, 10 * kSmss);
  for (int sack = 3; sack <= 19; ++sack) {
    if (sack > 3) pipe -= kSmss;
    c.on_ack(kConfig, {.delivered = kSmss, .pipe = pipe, .lost_more = sack == 3}, 0);
    EXPECT_GE(c.cwnd, pipe);
    while (c.cwnd - pipe >= kSmss) {
      pipe += kSmss, sent += kSmss;
      c.on_sent(kSmss);
    }
  }
  EXPECT_NEAR(sent, 17 * kSmss * 10 / 18, kSmss);  // ssthresh / RecoverFS of what was delivered
  EXPECT_NEAR(pipe, 10 * kSmss, 2 * kSmss);
  c.exit_recovery();
  EXPECT_EQ(c.cwnd, 10 * kSmss);
}

TEST(Prr, FastRetransmitLeavesAtOnce) {
  Congestion c = started(CongestionControl::newreno, 20, 20 * kSmss);
  c.enter_recovery(20 * kSmss, 20 * kSmss);
  c.on_ack(kConfig, {.delivered = 100, .pipe = 16 * kSmss, .lost_more = true}, 0);
  EXPECT_EQ(c.cwnd, 17 * kSmss);
}

TEST(Prr, ManyLossesConserveThenCatchUp) {
  Congestion c = started(CongestionControl::newreno, 20, 20 * kSmss);
  c.enter_recovery(20 * kSmss, 20 * kSmss);
  // 15 lost: pipe is far below ssthresh. What is delivered may be sent, and one more if it is safe.
  c.on_ack(kConfig, {.delivered = 3 * kSmss, .pipe = 2 * kSmss, .lost_more = true}, 0);
  EXPECT_EQ(c.cwnd, 5 * kSmss);
  c.on_sent(3 * kSmss);
  c.on_ack(kConfig, {.acked = kSmss, .delivered = kSmss, .pipe = 4 * kSmss}, 0);
  EXPECT_EQ(c.cwnd, 6 * kSmss);
  c.on_ack(kConfig, {.acked = 9 * kSmss, .delivered = 9 * kSmss, .pipe = 9 * kSmss}, 0);
  EXPECT_EQ(c.cwnd, 10 * kSmss);  // never beyond ssthresh
}

// RFC 9438 figure 1, in floating point: W_cubic(t) = C (t - K)^3 + W_max.
TEST(Cubic, FollowsItsFunctionAfterALoss) {
  // Of a long path, where Reno is slower: 1000 segments, 100 ms.
  const Nanos rtt = 100 * kMilli;
  Congestion c = started(CongestionControl::cubic, 1000, 1000 * kSmss);
  c.enter_recovery(1000 * kSmss, 1000 * kSmss);
  c.exit_recovery();
  ASSERT_EQ(c.cwnd, 700 * kSmss);
  const double k = std::cbrt((1000 - 700) / 0.4);
  Nanos now = 0;
  for (int i = 0; i < 150; ++i, now += rtt) {
    const double seconds = static_cast<double>(now) / kSecond;
    round(c, now, rtt);
    // At the end of a round the window has reached what the function says for the next.
    const double expected = 0.4 * std::pow(seconds + 0.1 - k, 3) + 1000;
    EXPECT_NEAR(c.cwnd / 1000.0, expected, expected * 0.02) << seconds;
  }
  EXPECT_GT(c.cwnd, 1000 * kSmss);  // past K it probes for more
}

TEST(Cubic, AsFastAsRenoOnAShortPath) {  // 4.3
  Congestion c = started(CongestionControl::cubic, 10, 10 * kSmss);
  c.enter_recovery(10 * kSmss, 10 * kSmss);
  c.exit_recovery();
  ASSERT_EQ(c.cwnd, 7 * kSmss);
  Nanos now = 0;
  for (int i = 0; i < 100; ++i) round(c, now += kMilli, kMilli);
  // To the old window with alpha 0.53 a round, from there one segment a round.
  EXPECT_NEAR(c.cwnd / 1000.0, 10 + 100 - 3 / 0.529, 6);
}

TEST(Cubic, FastConvergence) {  // 4.7: a second loss before the old window was reached
  Congestion c = started(CongestionControl::cubic, 1000, 1000 * kSmss);
  c.enter_recovery(1000 * kSmss, 1000 * kSmss);
  c.exit_recovery();
  c.enter_recovery(700 * kSmss, 700 * kSmss);
  c.exit_recovery();
  EXPECT_EQ(c.cwnd, 490 * kSmss);
  // W_max is now 700 * 0.85 = 595, so the plateau is there and not at 700.
  const Nanos k = static_cast<Nanos>(std::cbrt((595 - 490) / 0.4) * kSecond);
  for (Nanos now = 0; now < k; now += 100 * kMilli) round(c, now, 100 * kMilli);
  EXPECT_NEAR(c.cwnd / 1000.0, 595, 3);
}

TEST(Cubic, IdleTimeDoesNotCount) {  // 5.8
  Congestion a = started(CongestionControl::cubic, 1000, 1000 * kSmss);
  a.enter_recovery(1000 * kSmss, 1000 * kSmss);
  a.exit_recovery();
  Congestion b = a;
  round(a, 0, 100 * kMilli), round(b, 0, 100 * kMilli);
  b.on_idle({.idle_restart = false}, 50 * kSecond, kSecond);
  round(a, 100 * kMilli, 100 * kMilli);
  round(b, 50 * kSecond + 100 * kMilli, 100 * kMilli);
  EXPECT_EQ(a.cwnd, b.cwnd);
}

// Without L of RFC 3465: as much as the ACK delivered, which is less than it acknowledges where
// some of that was SACKed before.
TEST(Congestion, SlowStartWithoutALimit) {
  const CongestionConfig config{.slow_start_limit_segments = 0};
  Congestion c = started(CongestionControl::newreno, 10);
  c.on_ack(config, {.acked = 5 * kSmss, .delivered = 5 * kSmss, .flight_max = c.cwnd}, 0);
  EXPECT_EQ(c.cwnd, 15 * kSmss);
  c.on_ack(config, {.acked = 3 * kSmss, .delivered = kSmss, .flight_max = c.cwnd}, 0);
  EXPECT_EQ(c.cwnd, 16 * kSmss);
}

TEST(Congestion, BoundedAndNeverBelowASegment) {
  const CongestionConfig config{.cwnd_max = 50 * kSmss};
  for (const auto control : {CongestionControl::newreno, CongestionControl::cubic}) {
    Congestion c = started(control, 10);
    for (int i = 0; i < 1000; ++i) {
      c.on_ack(config, {.acked = 2 * kSmss, .delivered = 2 * kSmss, .flight_max = c.cwnd},
               i * kSecond);
      ASSERT_LE(c.cwnd, 50 * kSmss);
    }
    for (int i = 0; i < 50; ++i) c.on_timeout(c.cwnd, false);
    EXPECT_EQ(c.cwnd, kSmss);
    EXPECT_EQ(c.ssthresh, 2 * kSmss);
  }
}

}  // namespace
}  // namespace pinion
