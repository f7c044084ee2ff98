// See schedule.h.
#include "gateway/fix/schedule.h"

namespace pinion::fix {

std::optional<int64_t> Schedule::day(int64_t utc_ns) const {
  constexpr int64_t kDay = 86'400;
  const int64_t utc = utc_ns / 1'000'000'000;
  const int64_t local = utc + config_.zone.offset_seconds(utc);
  const int64_t day = local / kDay, second = local % kDay;
  if (config_.start_s < config_.end_s) {
    if (second < config_.start_s || second >= config_.end_s) return std::nullopt;
    return day;
  }
  if (second >= config_.start_s) return day;
  if (second < config_.end_s) return day - 1;
  return std::nullopt;
}

}  // namespace pinion::fix
