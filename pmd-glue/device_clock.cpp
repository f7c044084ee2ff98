// See device_clock.h.
#include "pmd-glue/device_clock.h"

#include <rio/ring.h>

#include <algorithm>

namespace pinion {
namespace {

__extension__ using Int128 = __int128;  // -Wpedantic knows it by this name only

constexpr unsigned kRateShift = 32;  // of `mult`: nanoseconds a tick, times 2^32

// In full: a stamp that is nonsense must not come round into the present.
Int128 time_of(const DeviceClock::Line& line, uint64_t counter) {
  const auto ticks = static_cast<int64_t>(counter - line.tsc);  // the counter may wrap
  return static_cast<Int128>(line.ns) + (Int128{ticks} * Int128{line.mult} >> kRateShift);
}

}  // namespace

void DeviceClock::note(const Reading& reading) {
  if (reading.width() < 0 || reading.width() > kWidthMax) return;
  const Point now{reading.counter, reading.before + reading.width() / 2};
  if (count_ == 0) return begin(now);
  const Point& last = points_[(count_ - 1) % kPoints];
  if (now.at - last.at < kBaseline) return;
  if (static_cast<int64_t>(now.counter - last.counter) <= 0) return begin(now);
  const Int128 lost = line_.mult == 0 ? 0 : now.at - time_of(line_, now.counter);
  if (lost > kJump || lost < -kJump) return begin(now);

  const Point& oldest = points_[count_ < kPoints ? 0 : count_ % kPoints];
  const Int128 ticks = static_cast<int64_t>(now.counter - oldest.counter);
  const Int128 rate = (Int128{now.at - oldest.at} << kRateShift) / ticks;
  if (rate == 0 || rate > Int128{kTickMax} << kRateShift) return begin(now);
  points_[count_++ % kPoints] = now;
  const auto at = static_cast<Nanos>(now.at - lost);
  write(now.counter, at, static_cast<uint64_t>(rate + rate * lost / kSlew));
}

void DeviceClock::begin(const Point& point) {
  points_[0] = point;
  count_ = 1;
  write(point.counter, point.at, 0);
}

void DeviceClock::write(uint64_t counter, Nanos at, uint64_t mult) {
  Line line{};
  line.tsc = counter;
  line.ns = static_cast<uint64_t>(at);
  line.mult = mult;
  rio_clock_write(&line_, &line);
}

void DeviceClock::refresh(Line& out) const {
  Line line;
  if (rio_clock_read(&line_, &line)) out = line;
}

Nanos DeviceClock::place(const Line& line, uint64_t stamp, Nanos now) {
  if (line.mult == 0 || now - static_cast<Nanos>(line.ns) > kStale) return 0;
  const Int128 at = time_of(line, stamp);
  if (at > now + kAheadMax || at < std::max<Nanos>(now - kOldest, 1)) return 0;
  return std::min(static_cast<Nanos>(at), now);
}

}  // namespace pinion
