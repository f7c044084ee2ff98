// The system's clocks; see clock.h.
#include "host/clock.h"

#include <ctime>

namespace pinion {

namespace {

constexpr Nanos kCalibration = 5 * kMilli;

Nanos read_clock(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<Nanos>(t.tv_sec) * kSecond + t.tv_nsec;
}

uint64_t read_tsc() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
#error "no time stamp counter known for this processor"
#endif
}

}  // namespace

Nanos monotonic_now() { return read_clock(CLOCK_MONOTONIC); }
Nanos thread_cpu_now() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

SystemClock::SystemClock() : tsc0_(read_tsc()), ns0_(read_clock(CLOCK_MONOTONIC_RAW)) {
  const timespec pause{0, kCalibration};
  nanosleep(&pause, nullptr);
}

Nanos SystemClock::now() const { return read_clock(CLOCK_MONOTONIC_RAW); }

void SystemClock::words(rio_abi_clock* out) const {
  *out = {};
  const uint64_t tsc = read_tsc();
  const Nanos ns = now();
  __extension__ using Wide = unsigned __int128;
  const Wide elapsed = static_cast<uint64_t>(ns - ns0_);
  if (tsc <= tsc0_) return;
  out->tsc = tsc;
  out->ns = static_cast<uint64_t>(ns);
  out->mult = static_cast<uint64_t>((elapsed << 32) / (tsc - tsc0_));
  out->realtime_offset_ns = read_clock(CLOCK_REALTIME) - ns;
}

Clock SystemClock::clock() {
  return {this, [](void* self) { return static_cast<SystemClock*>(self)->now(); },
          [](void* self, rio_abi_clock* out) { static_cast<SystemClock*>(self)->words(out); }};
}

}  // namespace pinion
