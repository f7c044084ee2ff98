// When a session may be logged on: every day from a time to a time, in a time zone. The sequence
// numbers of a session live for one such day. Pure; the moment is an argument.
#pragma once
#include <cstdint>
#include <optional>

#include "gateway/fix/time_zone.h"

namespace pinion::fix {

struct ScheduleConfig {
  TimeZone zone = {};
  // Seconds of the local day. The end at or before the start: it ends on the next day.
  int64_t start_s = 0;
  int64_t end_s = 0;
};

class Schedule {
 public:
  Schedule() = default;
  explicit Schedule(ScheduleConfig config) : config_(std::move(config)) {}

  // The local day (counted from 1970-01-01) on which the session that is on began; none between
  // sessions.
  std::optional<int64_t> day(int64_t utc_ns) const;

 private:
  ScheduleConfig config_;
};

}  // namespace pinion::fix
