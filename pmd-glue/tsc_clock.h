// Pinion's clock: nanoseconds of CLOCK_MONOTONIC_RAW, read from the time stamp counter without a
// system call. One housekeeping thread recalibrates; any thread reads. Needs no EAL.
#pragma once
#include <rio/abi.h>

#include <memory>
#include <string>

#include "base/types.h"

namespace pinion {

class TscClock {
 public:
  enum class Require : uint8_t {
    invariant_tsc,  // the processor promises one rate, in every state and on every core
    any_tsc,        // emulators do not say so: for tests in virtual machines
  };

  // Takes some milliseconds to calibrate. Null, and in error why, when this TSC is no clock.
  static std::unique_ptr<TscClock> create(Require require, std::string& error);
  TscClock(const TscClock&) = delete;
  TscClock& operator=(const TscClock&) = delete;

  // Never goes back for one thread; between threads by no more than their TSCs differ.
  Nanos now() const;
  // About once a second. Takes the rate over the whole time since create() and works off what has
  // been gained or lost by slewing, from a bend on that lies a little ahead: a call before that has
  // come changes nothing. It jumps, forward only, when the clock is hopelessly late (a
  // virtual machine that was paused).
  void recalibrate();
  // What applications get: the seqlock word stays the business of rio_clock_write.
  void fill(rio_abi_clock& out) const;
  double ticks_per_nano() const;

 private:
  struct Sample {
    uint64_t tsc = 0;
    Nanos raw = 0;
  };
  explicit TscClock(Sample first, Sample second);
  static Sample sample();

  Sample first_;
  rio_abi_clock line_{};  // written and read as ring.h says
};

}  // namespace pinion
