// What the clock's words say: a line, its bend, and a counter that is a little behind.
#include <gtest/gtest.h>
#include <rio/ring.h>

namespace pinion::testing {
namespace {

constexpr uint64_t kOne = uint64_t{1} << 32;  // a nanosecond per tick

rio_abi_clock bent_clock() {
  rio_abi_clock clock{};
  clock.tsc = 1'000'000, clock.ns = 500, clock.mult = kOne;
  clock.bend = 2, clock.mult_after = kOne / 2;
  return clock;
}

TEST(ClockWords, GoOnWithTheRate) {
  rio_abi_clock clock = bent_clock();
  clock.bend = 0;
  EXPECT_EQ(rio_clock_at(&clock, 1'000'000), 500u);
  EXPECT_EQ(rio_clock_at(&clock, 9'000'000), 8'000'500u);
}

TEST(ClockWords, OfACounterThatIsBehind) {
  const rio_abi_clock clock = bent_clock();
  EXPECT_EQ(rio_clock_at(&clock, 999'990), 490u);
}

TEST(ClockWords, BendWithoutAStep) {
  const rio_abi_clock clock = bent_clock();
  const uint64_t bend = 1'000'000 + 2 * RIO_CLOCK_BEND_TICKS;
  EXPECT_EQ(rio_clock_at(&clock, bend), 500 + 2 * RIO_CLOCK_BEND_TICKS);
  EXPECT_EQ(rio_clock_at(&clock, bend + 2), 501 + 2 * RIO_CLOCK_BEND_TICKS);
  EXPECT_EQ(rio_clock_at(&clock, bend + 2'000), 1'500 + 2 * RIO_CLOCK_BEND_TICKS);
}

// Hostile or not, whatever the words hold has a defined answer.
TEST(ClockWords, OfAnything) {
  rio_abi_clock clock{};
  clock.tsc = UINT64_MAX, clock.ns = UINT64_MAX, clock.mult = UINT64_MAX;
  clock.bend = UINT32_MAX, clock.mult_after = UINT64_MAX;
  for (const uint64_t tsc : {uint64_t{0}, uint64_t{1} << 62, uint64_t{1} << 63, UINT64_MAX})
    static_cast<void>(rio_clock_at(&clock, tsc));
}

}  // namespace
}  // namespace pinion::testing
