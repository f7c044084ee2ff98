// The clock is a straight line through (tsc, ns); recalibrating bends it a little ahead of the
// present.
#include "pmd-glue/tsc_clock.h"

#include <cpuid.h>
#include <rio/ring.h>
#include <x86intrin.h>

#include <algorithm>
#include <ctime>

#include "base/check.h"

namespace pinion {
namespace {

__extension__ using Wide = __int128;  // -Wpedantic knows it by this name only

constexpr unsigned kMultShift = 32;
constexpr Nanos kCalibration = 20 * kMilli;
constexpr Nanos kSlewPeriod = kSecond;      // an error is gone after this long
constexpr Nanos kSlewMax = 100 * kMicro;    // but at no more than this much in a period
constexpr Nanos kHopeless = 100 * kMilli;   // more than slewing could ever work off
// How far ahead: longer than the thread that bends it may be kept from its processor while it
// publishes, and than it takes until applications are shown it (CoreThread's clock_every).
constexpr Nanos kBendAhead = 300 * kMilli;
constexpr int kSampleTries = 16;

Nanos read_clock(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

bool tsc_is_invariant() {
  constexpr unsigned kAdvancedPower = 0x80000007, kInvariantTsc = 1u << 8;  // in edx
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(kAdvancedPower, &a, &b, &c, &d) != 0 && (d & kInvariantTsc) != 0;
}

Nanos on_line(const rio_abi_clock& line, uint64_t tsc) {
  return static_cast<Nanos>(rio_clock_at(&line, tsc));
}

// Nanoseconds per tick, times 2^32.
uint64_t rate(uint64_t ticks, Nanos nanos) {
  STACK_CHECK(ticks > 0 && nanos > 0);
  return static_cast<uint64_t>((Wide{nanos} << kMultShift) / static_cast<Wide>(ticks));
}

uint32_t bend_at(uint64_t mult) {
  const Wide ticks = (Wide{kBendAhead} << kMultShift) / Wide{mult};
  return static_cast<uint32_t>(ticks / RIO_CLOCK_BEND_TICKS) + 1;
}

rio_abi_clock read_line(const rio_abi_clock& shared) {
  rio_abi_clock out;
  while (!rio_clock_read(&shared, &out)) _mm_pause();
  return out;
}

}  // namespace

// The tightest of some tries: an interrupt between the reads would move the pair apart.
TscClock::Sample TscClock::sample() {
  Sample best;
  uint64_t width = UINT64_MAX;
  for (int i = 0; i < kSampleTries; ++i) {
    const uint64_t before = __rdtsc();
    const Nanos raw = read_clock(CLOCK_MONOTONIC_RAW);
    const uint64_t after = __rdtsc();
    if (after - before >= width) continue;
    width = after - before;
    best = {before + width / 2, raw};
  }
  return best;
}

std::unique_ptr<TscClock> TscClock::create(Require require, std::string& error) {
  if (require == Require::invariant_tsc && !tsc_is_invariant()) {
    error = "the time stamp counter of this processor is not invariant, so it cannot be the clock; "
            "in a virtual machine let the host pass on the CPU flag invtsc";
    return nullptr;
  }
  const Sample first = sample();
  while (read_clock(CLOCK_MONOTONIC_RAW) - first.raw < kCalibration) _mm_pause();
  const Sample second = sample();
  if (static_cast<int64_t>(second.tsc - first.tsc) <= 0) {
    error = "the time stamp counter did not advance while it was calibrated";
    return nullptr;
  }
  return std::unique_ptr<TscClock>(new TscClock(first, second));
}

TscClock::TscClock(Sample first, Sample second) : first_(first) {
  line_.tsc = second.tsc;
  line_.ns = static_cast<uint64_t>(second.raw);
  line_.mult = rate(second.tsc - first.tsc, second.raw - first.raw);
  line_.realtime_offset_ns = read_clock(CLOCK_REALTIME) - second.raw;
}

Nanos TscClock::now() const {
  for (;;) {
    rio_abi_clock line;
    if (!rio_clock_read_begin(&line_, &line)) continue;
    const uint64_t tsc = __rdtsc();
    // Looked at behind the TSC: a thread that was interrupted in between must not follow an old
    // line beyond the bend, since it would come back to the new one in the past.
    if (rio_clock_read_ok(&line_, &line)) return on_line(line, tsc);
  }
}

void TscClock::recalibrate() {
  const Sample at = sample();
  const rio_abi_clock old = read_line(line_);
  const uint64_t bent = old.tsc + uint64_t{old.bend} * RIO_CLOCK_BEND_TICKS;
  if (static_cast<int64_t>(at.tsc - bent) <= 0) return;  // the last bend is still to come
  if (at.raw - first_.raw < kCalibration) return;        // too short to tell a rate
  const Nanos lost = at.raw - on_line(old, at.tsc);
  rio_abi_clock line{};
  line.tsc = at.tsc;
  line.ns = static_cast<uint64_t>(at.raw - lost);
  line.mult = old.bend == 0 ? old.mult : old.mult_after;
  if (lost > kHopeless) {
    first_ = at;  // a rate over the time that was lost would be wrong for ever
    line.ns = static_cast<uint64_t>(at.raw);
  } else {
    const auto mult = static_cast<int64_t>(rate(at.tsc - first_.tsc, at.raw - first_.raw));
    const Nanos slew = std::clamp(lost, -kSlewMax, kSlewMax);
    line.bend = bend_at(line.mult);
    line.mult_after =
        static_cast<uint64_t>(mult + static_cast<int64_t>(Wide{mult} * slew / kSlewPeriod));
  }
  line.realtime_offset_ns = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC_RAW);
  rio_clock_write(&line_, &line);
}

void TscClock::fill(rio_abi_clock& out) const { out = read_line(line_); }

double TscClock::ticks_per_nano() const {
  return static_cast<double>(uint64_t{1} << kMultShift) /
         static_cast<double>(read_line(line_).mult);
}

}  // namespace pinion
