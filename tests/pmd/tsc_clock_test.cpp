// The clock against CLOCK_MONOTONIC_RAW: never back, and as long as the kernel's seconds. Bounds
// are loose, because a virtual CPU may stand still between any two instructions.
#include "pmd-glue/tsc_clock.h"

#include <gtest/gtest.h>
#include <rio/ring.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "eal_process.h"

namespace pinion::test {
namespace {

Nanos raw_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

// The clock minus the kernel's, from the tightest of some tries.
Nanos offset(const TscClock& clock) {
  Nanos best = 0, width = kNever;
  for (int i = 0; i < 200; ++i) {
    const Nanos before = raw_now(), at = clock.now(), after = raw_now();
    if (after - before < width) width = after - before, best = at - (before + width / 2);
  }
  return best;
}

class Clock : public testing::Test {
 protected:
  void SetUp() override {
    std::string error;
    clock_ = TscClock::create(TscClock::Require::invariant_tsc, error);
    if (!clock_) GTEST_SKIP() << error;
  }
  std::unique_ptr<TscClock> clock_;
};

TEST_F(Clock, KeepsPaceWithTheKernel) {
  const Nanos begin = raw_now(), first = offset(*clock_);
  within(500 * kMilli, [] { return false; });
  const Nanos passed = raw_now() - begin, drift = offset(*clock_) - first;
  EXPECT_LT(std::abs(first), 50 * kMicro);
  EXPECT_LT(std::abs(drift), passed / 10'000) << "more than 100 ppm";
}

TEST_F(Clock, RecalibratingBringsItCloser) {
  for (int i = 0; i < 10; ++i) {
    within(50 * kMilli, [] { return false; });
    clock_->recalibrate();
  }
  EXPECT_LT(std::abs(offset(*clock_)), 50 * kMicro);
}

TEST_F(Clock, NeverGoesBackWhileRecalibrated) {
  std::atomic<bool> over{false};
  std::thread housekeeping([&] {
    while (!over.load()) clock_->recalibrate();
  });
  Nanos last = clock_->now();
  int backwards = 0;
  within(500 * kMilli, [&] {
    for (int i = 0; i < 1000; ++i) {
      const Nanos now = clock_->now();
      backwards += now < last;
      last = now;
    }
    return false;
  });
  over = true;
  housekeeping.join();
  EXPECT_EQ(backwards, 0);
}

TEST_F(Clock, FillsWhatApplicationsRead) {
  rio_abi_clock words{};
  clock_->fill(words);
  EXPECT_EQ(words.seqlock % 2, 0u);
  EXPECT_GT(words.mult, 0u);
  EXPECT_GT(clock_->ticks_per_nano(), 0.1);
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  const Nanos realtime = t.tv_sec * kSecond + t.tv_nsec;
  EXPECT_LT(std::abs(clock_->now() + words.realtime_offset_ns - realtime), kSecond);
}

}  // namespace
}  // namespace pinion::test
