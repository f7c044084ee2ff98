// Where a host's time comes from: a function, so that the daemon passes its TSC clock and a test a
// fake one. The only file of the host (with clock.cpp) that reads the system's clocks.
#pragma once
#include <rio/abi.h>

#include "base/types.h"

namespace pinion {

struct Clock {
  void* self = nullptr;
  Nanos (*now)(void* self) = nullptr;
  // Fills what applications need to compute the same time themselves. Null: they cannot.
  void (*words)(void* self, rio_abi_clock* out) = nullptr;
};

// The host's own timeouts (handshakes, retries): never seen by a Kernel.
Nanos monotonic_now();

// What this thread has spent on a processor: other than a clock it stands still while the thread is
// preempted.
Nanos thread_cpu_now();

// The default where there is no DPDK: the time stamp counter against CLOCK_MONOTONIC_RAW, measured
// over a few milliseconds in the constructor and over the whole run afterwards.
class SystemClock {
 public:
  SystemClock();
  Nanos now() const;
  void words(rio_abi_clock* out) const;
  Clock clock();  // *this must outlive it

 private:
  uint64_t tsc0_;
  Nanos ns0_;
};

}  // namespace pinion
