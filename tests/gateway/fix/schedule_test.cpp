// When a session is on, in New York, across both changes of its clocks and across midnight.
#include "gateway/fix/schedule.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include "gateway/fix/value.h"

namespace pinion::fix {
namespace {

int64_t moment(const char* utc) {
  int64_t t = 0;
  EXPECT_TRUE(parse_timestamp(utc, t)) << utc;
  return t;
}

int64_t day_number(const char* date) {
  return moment((std::string(date) + "-00:00:00").c_str()) / 86'400'000'000'000;
}

TimeZone new_york() {
  TimeZone zone;
  const int status = zone.load("America/New_York");
  EXPECT_TRUE(status == 0 || status == -ENOENT);
  return zone;
}

bool has_zones() { return TimeZone().load("America/New_York") == 0; }

TEST(FixSchedule, ADayInUtc) {
  const Schedule s({.zone = {}, .start_s = 7 * 3600, .end_s = 20 * 3600});
  EXPECT_FALSE(s.day(moment("20261128-06:59:59.999")));
  EXPECT_EQ(s.day(moment("20261128-07:00:00")), day_number("20261128"));
  EXPECT_EQ(s.day(moment("20261128-19:59:59.999")), day_number("20261128"));
  EXPECT_FALSE(s.day(moment("20261128-20:00:00")));
}

TEST(FixSchedule, OverMidnightAndAllDay) {
  const Schedule night({.zone = {}, .start_s = 22 * 3600, .end_s = 6 * 3600});
  EXPECT_EQ(night.day(moment("20261128-22:00:00")), day_number("20261128"));
  EXPECT_EQ(night.day(moment("20261129-05:59:59")), day_number("20261128"));
  EXPECT_FALSE(night.day(moment("20261129-06:00:00")));
  const Schedule always({.zone = {}, .start_s = 0, .end_s = 0});
  EXPECT_EQ(always.day(moment("20261128-00:00:00")), day_number("20261128"));
  EXPECT_EQ(always.day(moment("20261128-23:59:59")), day_number("20261128"));
}

// In 2026 its clocks go forward on March 8 and back on November 1.
TEST(FixSchedule, FollowsTheClocksOfItsZone) {
  if (!has_zones()) GTEST_SKIP() << "no /usr/share/zoneinfo: package tzdata";
  const Schedule s({.zone = new_york(), .start_s = 7 * 3600, .end_s = 20 * 3600 + 15 * 60});
  EXPECT_FALSE(s.day(moment("20260307-11:59:59")));  // UTC-5
  EXPECT_TRUE(s.day(moment("20260307-12:00:00")));
  EXPECT_FALSE(s.day(moment("20260309-10:59:59")));  // UTC-4
  EXPECT_TRUE(s.day(moment("20260309-11:00:00")));
  EXPECT_TRUE(s.day(moment("20260310-00:14:59")));  // still the 9th there
  EXPECT_EQ(s.day(moment("20260310-00:14:59")), day_number("20260309"));
  EXPECT_FALSE(s.day(moment("20260310-00:15:00")));
  EXPECT_FALSE(s.day(moment("20261102-11:59:59")));
  EXPECT_TRUE(s.day(moment("20261102-12:00:00")));
}

TEST(FixTimeZone, EveryTruncationOfAFileIsRefused) {
  std::ifstream in("/usr/share/zoneinfo/America/New_York", std::ios::binary);
  if (!in) GTEST_SKIP() << "no /usr/share/zoneinfo: package tzdata";
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  TimeZone zone;
  ASSERT_TRUE(zone.parse(file));
  // Behind the data only a footer follows, which is not read: two newlines and what is between
  // them.
  const size_t footer = file.rfind('\n', file.size() - 2);
  for (size_t n = 0; n < footer; ++n) EXPECT_FALSE(zone.parse(file.substr(0, n))) << n;
  EXPECT_EQ(zone.offset_seconds(moment("20260701-00:00:00") / 1'000'000'000), -4 * 3600);
}

TEST(FixTimeZone, NamesThatAreNotOurs) {
  TimeZone zone;
  EXPECT_EQ(zone.load("../../etc/passwd"), -EINVAL);
  EXPECT_EQ(zone.load("/etc/passwd"), -EINVAL);
  EXPECT_EQ(zone.load(""), -EINVAL);
  EXPECT_EQ(zone.load("No/Where"), -ENOENT);
  EXPECT_EQ(zone.load("America"), -ENOENT);  // a directory
}

}  // namespace
}  // namespace pinion::fix
