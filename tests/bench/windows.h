// Runs two loads against each other in short, interleaved windows (A, B, A, B, ...). Each window is
// bracketed by a bare cache-line ping-pong that tells the placement of the two processors, so only
// windows of one class are ever compared (stats.h).
#pragma once
#include <x86intrin.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "bench/stats.h"

namespace pinion::bench {

inline uint64_t tsc() { return __rdtsc(); }
double ticks_per_ns();  // calibrated once

// What a window's client measures, in TSC ticks. One sample an operation for latencies; one sample
// a window (elapsed / operations) for rates: smaller is better, always.
class Samples {
 public:
  void add(uint64_t ticks) { ticks_.push_back(static_cast<double>(ticks)); }
  void add_difference(double ticks) { ticks_.push_back(ticks); }
  void add_each(uint64_t ticks, size_t operations) {
    ticks_.push_back(static_cast<double>(ticks) / static_cast<double>(operations));
  }
  void reserve(size_t count) { ticks_.reserve(count); }
  std::vector<double> to_ns() const;

 private:
  std::vector<double> ticks_;
};

// A window of latencies.
template <class RoundTrip>
void measure(Samples& samples, size_t round_trips, RoundTrip round_trip) {
  samples.reserve(round_trips);
  for (size_t i = 0; i < round_trips; ++i) samples.add(round_trip());
}

// What has not come after so many ticks does not come: the process ends (bed.h: must).
inline uint64_t lost_after() { return static_cast<uint64_t>(10e9 * ticks_per_ns()); }

// One side of a comparison. In each window client runs once, pinned to the first processor, and
// server runs beside it, pinned to the second one; it returns by itself or when stop becomes true,
// which is after client has returned. No server: the second processor does nothing.
using Server = std::function<void(const std::atomic<bool>& stop)>;
struct Load {
  std::function<void(Samples&)> client;
  Server server;
};

// The bracket of a window: a ping-pong over two lines of its own, short enough to be a snapshot.
class Probe {
 public:
  double client_ns();
  void serve();

 private:
  alignas(128) uint32_t ping_ = 0;
  alignas(128) uint32_t pong_ = 0;
  alignas(128) uint32_t client_base_ = 0;
  alignas(128) uint32_t server_base_ = 0;
};

// Where the two processors meet. In shared memory when the second one is another process's, which
// then has the servers (peer.h).
struct Meeting {
  enum Side : uint32_t { subject, reference };
  Probe probe;
  alignas(128) uint32_t windows = 0;  // begun so far; the client's word
  uint32_t side = subject;
  std::atomic<bool> stop{false};
};
// Serves the window that `meeting` is at, on this thread.
void serve_window(Meeting& meeting, const Server& server);

struct WindowOptions {
  size_t pairs = 60;       // windows of each side
  size_t pairs_max = 180;  // when no class has enough of both by then
  int client_cpu = 0;
  int server_cpu = 1;
};

// Fills in the first two processors this process may run on; false if there is only one.
bool choose_processors(WindowOptions& options);

void pin(int cpu);  // this thread; ends the process if it cannot

// meeting: of another process that serves; null: a fresh thread serves each window.
Comparison compare(const Load& subject, const Load& reference, const WindowOptions& options,
                   Meeting* meeting = nullptr);

}  // namespace pinion::bench
