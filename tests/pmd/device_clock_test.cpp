// A NIC's counter on Pinion's clock: counters that drift, wrap, jump, stand still or come from
// nowhere, on a virtual clock. What a stamp says must be right within a few hundred nanoseconds, or
// be refused.
#include "pmd-glue/device_clock.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

namespace pinion::test {
namespace {

__extension__ using Wide = unsigned __int128;

// A counter of so many ticks in a second, and Pinion's clock beside it.
struct Nic {
  explicit Nic(double rate = 1e9, uint64_t shows = 1'000'000) : hz(rate), counter(shows) {}

  DeviceClock clock;
  DeviceClock::Line line{};
  Nanos now = 5 * kSecond;
  double hz;
  uint64_t counter;
  Nanos width = 600;  // of a reading
  std::mt19937 random{7};

  uint64_t ticks(Nanos span) const {
    return static_cast<uint64_t>(std::llround(static_cast<double>(span) * hz / 1e9));
  }
  void passes(Nanos span) { counter += ticks(span), now += span; }
  // Somewhere within its width the counter was really read.
  void reads() {
    const Nanos at = std::uniform_int_distribution<Nanos>(width / 3, width - width / 3)(random);
    clock.note({counter + ticks(at), now, now + width});
    passes(width);
    clock.refresh(line);
  }
  void runs(int readings) {
    for (int i = 0; i < readings; ++i) passes(DeviceClock::kPeriod), reads();
  }
  // What is made of the stamp of a frame that came so long ago; and by how much that is wrong.
  Nanos placed(Nanos ago) const { return DeviceClock::place(line, counter - ticks(ago), now); }
  Nanos error(Nanos ago) const { return placed(ago) - (now - ago); }
};

TEST(DeviceClock, KnowsNothingBeforeTwoReadings) {
  Nic nic;
  EXPECT_EQ(nic.placed(1000), 0);
  nic.reads();
  EXPECT_EQ(nic.placed(1000), 0);
  nic.passes(DeviceClock::kBaseline / 2);
  nic.reads();  // too soon to tell a rate
  EXPECT_EQ(nic.placed(1000), 0);
  nic.passes(DeviceClock::kBaseline);
  nic.reads();
  EXPECT_NE(nic.placed(1000), 0);
  EXPECT_LT(std::abs(nic.error(1000)), 1000);
}

// Of any rate: 156.25 MHz, a nanosecond, 3 GHz. Microseconds say only so much.
TEST(DeviceClock, PlacesStampsOfAnyRate) {
  for (const auto& [hz, wrong_max] :
       {std::pair{1.5625e8, 400}, {1e9, 400}, {3.1e9, 400}, {1e6, 3000}, {1.00004e9, 400}}) {
    Nic nic(hz);
    nic.runs(10);
    for (int i = 0; i < 20; ++i) {
      for (const Nanos after : {Nanos{0}, 50 * kMilli, 199 * kMilli}) {
        Nic later = nic;
        later.passes(after);
        for (const Nanos ago : {Nanos{3000}, 100 * kMicro, 300 * kMilli})
          EXPECT_LT(std::abs(later.error(ago)), wrong_max) << hz << " Hz, " << after << ", " << ago;
      }
      nic.runs(1);
    }
  }
}

// Temperature, or a daemon that disciplines the clock: 40 ppm within a minute.
TEST(DeviceClock, FollowsACounterThatDrifts) {
  Nic nic;
  nic.runs(5);
  for (int i = 0; i < 300; ++i) {
    nic.hz *= 1 + 40e-6 / 300;
    nic.runs(1);
    Nic later = nic;
    later.passes(190 * kMilli);
    EXPECT_LT(std::abs(later.error(5000)), 500);
  }
}

// No step where the line is renewed: what came later has the later time.
TEST(DeviceClock, StampsKeepTheirOrder) {
  Nic nic;
  nic.width = 4000;
  nic.runs(3);
  for (int i = 0; i < 100; ++i) {
    nic.passes(DeviceClock::kPeriod);
    const uint64_t stamp = nic.counter;
    const Nanos later = nic.now + kMilli;
    const Nanos before = DeviceClock::place(nic.line, stamp, later);
    nic.reads();
    EXPECT_LT(before, DeviceClock::place(nic.line, stamp + 20, later));
    EXPECT_LT(std::abs(nic.error(9000)), 2000);
  }
}

TEST(DeviceClock, ACounterMayWrap) {
  Nic nic(1e9, UINT64_MAX - 700'000'000);
  nic.runs(2);
  for (int i = 0; i < 10; ++i) {
    EXPECT_LT(std::abs(nic.error(2000)), 400) << nic.counter;
    EXPECT_LT(std::abs(nic.error(500 * kMilli)), 1000) << nic.counter;
    nic.runs(1);
  }
  EXPECT_LT(nic.counter, UINT64_MAX / 2);
}

// Set by another second, by a millisecond, or begun anew: nothing is said until it is known again.
TEST(DeviceClock, ACounterThatJumpsIsLearnedAnew) {
  for (const int64_t by : {int64_t{kSecond}, -int64_t{kSecond}, int64_t{kMilli}, -int64_t{kMilli},
                           int64_t{37} * kSecond}) {
    Nic nic(1e9, uint64_t{1} << 50);
    nic.runs(10);
    nic.counter += static_cast<uint64_t>(by);
    nic.runs(1);
    EXPECT_EQ(nic.placed(1000), 0) << by;
    nic.runs(1);
    EXPECT_LT(std::abs(nic.error(1000)), 400) << by;
  }
  Nic reset;
  reset.runs(10);
  reset.counter = 17;
  reset.runs(1);
  EXPECT_EQ(reset.placed(1000), 0);
  reset.runs(1);
  EXPECT_LT(std::abs(reset.error(1000)), 400);
}

// A step that could be drift is worked off, and no stamp ever goes back.
TEST(DeviceClock, ASmallStepIsWorkedOff) {
  Nic nic(1e9, uint64_t{1} << 50);
  nic.runs(10);
  nic.counter += static_cast<uint64_t>(60 * kMicro);
  Nanos last = 0;
  for (int i = 0; i < 60; ++i) {
    nic.passes(100 * kMilli);
    if (i % 2 == 0) nic.reads();
    const Nanos at = nic.placed(70 * kMicro);
    EXPECT_GT(at, last);
    last = at;
  }
  EXPECT_LT(std::abs(nic.error(1000)), 1000);
}

TEST(DeviceClock, ACounterThatStandsStillOrCrawlsIsNone) {
  Nic still(0);
  still.runs(10);
  EXPECT_EQ(still.placed(0), 0);
  Nic slow(1000);
  slow.runs(30);
  EXPECT_EQ(slow.placed(0), 0);
}

// Of a driver that takes long: what it read is worth nothing. One such reading harms nobody.
TEST(DeviceClock, SlowReadingsAreLeftOut) {
  Nic slow;
  slow.width = DeviceClock::kWidthMax + 1;
  slow.runs(10);
  EXPECT_EQ(slow.placed(1000), 0);
  Nic once;
  once.runs(10);
  once.width = 10 * kMilli, once.runs(1);
  once.width = 600, once.runs(1);
  EXPECT_LT(std::abs(once.error(1000)), 400);
}

TEST(DeviceClock, ALineThatNobodyRenewsGrowsStale) {
  Nic nic;
  nic.runs(10);
  nic.passes(DeviceClock::kStale / 2);
  EXPECT_NE(nic.placed(kMilli), 0);
  nic.passes(DeviceClock::kStale / 2 + kMilli);
  EXPECT_EQ(nic.placed(kMilli), 0);
}

// The future and the far past are no times of arrival; what readings may be wrong by is now.
TEST(DeviceClock, RefusesStampsThatCannotBe) {
  Nic nic;
  nic.runs(10);
  EXPECT_EQ(DeviceClock::place(nic.line, nic.counter + nic.ticks(500), nic.now), nic.now);
  EXPECT_EQ(DeviceClock::place(nic.line, nic.counter + nic.ticks(10 * kMicro), nic.now), 0);
  EXPECT_EQ(DeviceClock::place(nic.line, nic.counter + nic.ticks(kSecond), nic.now), 0);
  EXPECT_NE(nic.placed(DeviceClock::kOldest - kMilli), 0);
  EXPECT_EQ(nic.placed(DeviceClock::kOldest + kMilli), 0);
  EXPECT_EQ(nic.placed(3600 * kSecond), 0);
  for (const uint64_t nonsense : {uint64_t{0}, uint64_t{1}, UINT64_MAX, uint64_t{1} << 63,
                                  (uint64_t{1} << 63) - 1, uint64_t{1'798'761'600'000'000'000}})
    EXPECT_EQ(DeviceClock::place(nic.line, nonsense, nic.now), 0) << nonsense;
}

// At any rate, also one where the time would come round in 64 bits.
TEST(DeviceClock, NonsenseNeverComesRound) {
  std::mt19937_64 random{11};
  for (const double hz : {1e6, 1e9, 4e9}) {
    Nic nic(hz);
    nic.runs(10);
    const auto second = nic.ticks(kSecond);
    for (int i = 0; i < 100'000; ++i) {
      const uint64_t stamp = random();
      const Nanos at = DeviceClock::place(nic.line, stamp, nic.now);
      if (nic.counter - stamp <= second) continue;
      EXPECT_EQ(at, 0) << stamp;
    }
    // Exactly once round, and a millisecond less.
    const auto behind = static_cast<Wide>(nic.now - kMilli - static_cast<Nanos>(nic.line.ns));
    const Wide ticks = (((Wide{1} << 64) + behind) << 32) / nic.line.mult;
    const auto stamp = nic.line.tsc + static_cast<uint64_t>(ticks);
    if (ticks > INT64_MAX) continue;  // that would be the past
    EXPECT_EQ(DeviceClock::place(nic.line, stamp, nic.now), 0) << hz;
  }
}

// Young machines: the clock counts from their start, and no time is before that.
TEST(DeviceClock, NothingIsBeforeTheStart) {
  Nic nic;
  nic.now = kMilli;
  nic.reads();
  nic.runs(1);
  EXPECT_EQ(nic.placed(nic.now + kMilli / 2), 0);
  EXPECT_NE(nic.placed(kMilli), 0);
}

}  // namespace
}  // namespace pinion::test
