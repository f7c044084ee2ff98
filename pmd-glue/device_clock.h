// DeviceClock: from what a NIC's own counter showed when a frame came to Pinion's clock. A straight
// line through readings of the counter, which one thread takes and notes now and then; any other
// places stamps on it. Arithmetic alone: readings and times are arguments, and stamps are input.
#pragma once
#include <rio/abi.h>

#include <array>

#include "base/types.h"

namespace pinion {

class DeviceClock {
 public:
  // The counter, read between two times of Pinion's clock.
  struct Reading {
    uint64_t counter = 0;
    Nanos before = 0, after = 0;
    Nanos width() const { return after - before; }
  };
  // As `tsc`, `ns` and `mult`. mult 0: nothing is known, and no stamp has a place.
  using Line = rio_abi_clock;

  // About every kPeriod. The first line stands after two readings, kBaseline apart. The line never
  // steps: what has been gained or lost is worked off. A counter that was
  // set, or began anew, makes everything that was known of it worthless: the line is gone, until
  // two readings agree again. One that took over kWidthMax says too little and is left out.
  void note(const Reading& reading);
  // Into `out`, unless the writer is in between: then the old one will do.
  void refresh(Line& out) const;
  // When that was, or 0: a stamp in the future, or from before `now` - kOldest, is none; nor is one
  // on a line that nobody has renewed for kStale. What lies ahead of `now` by no more than readings
  // may be wrong is now.
  static Nanos place(const Line& line, uint64_t stamp, Nanos now);

  static constexpr Nanos kPeriod = 200 * kMilli;
  static constexpr Nanos kBaseline = 20 * kMilli;
  static constexpr Nanos kSlew = 400 * kMilli;  // an error is gone after about this long
  static constexpr Nanos kWidthMax = 50 * kMicro;
  static constexpr Nanos kTickMax = 10 * kMicro;  // of a counter that is of use
  static constexpr Nanos kJump = 100 * kMicro;    // more than any drift between two readings
  static constexpr Nanos kAheadMax = 2 * kMicro;  // that readings and the line may be wrong
  static constexpr Nanos kOldest = kSecond;       // a frame waits for a core that stands still
  static constexpr Nanos kStale = 10 * kSecond;

 private:
  struct Point {
    uint64_t counter = 0;
    Nanos at = 0;
  };
  static constexpr size_t kPoints = 8;  // the rate is taken over so many readings

  void begin(const Point& point);
  void write(uint64_t counter, Nanos at, uint64_t mult);

  std::array<Point, kPoints> points_{};  // number n stands at n % kPoints
  size_t count_ = 0;                     // noted since begin()
  Line line_{};                          // written and read as ring.h says
};

}  // namespace pinion
