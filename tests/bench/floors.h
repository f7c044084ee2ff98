// The floors: the least that two processors and an operating system need for what a row measures.
// Each returns a Load to compare with; nothing of the stack or of librio but ring.h is in them.
#pragma once
#include <rio/ring.h>

#include <cstddef>
#include <memory>

#include "bench/windows.h"

namespace pinion::bench {

inline constexpr size_t kRingRoundTrips = 20'000, kPipelined = 100'000;  // a window

// Two cache lines between the two processors, for as many round trips as the client likes.
class LinePair {
 public:
  uint64_t round_trip() {
    const uint64_t start = tsc();
    rio_word_store(&ping_, ++client_);
    while (rio_word_load(&pong_) != client_) {
    }
    return tsc() - start;
  }
  // What a client does that waits for an answer: none comes before the next round trip.
  void look() const { (void)rio_word_load(&pong_); }
  void serve(const std::atomic<bool>& stop);

 private:
  alignas(128) uint32_t ping_ = 0;
  alignas(128) uint32_t pong_ = 0;
  alignas(128) uint32_t client_ = 0;
  alignas(128) uint32_t server_ = 0;
};

// A thread that sleeps and a thread that wakes it, again and again, on different processors.
struct Wake {
  // Before each wake(), busy() is called until the sleeper is off its processor; and while waiting
  // for it to come back.
  template <class Busy, class WakeUp>
  void run(Samples& samples, Busy busy, WakeUp wake_up) {
    const auto blocked = static_cast<uint64_t>(kBlockedNs * ticks_per_ns());
    for (uint64_t round = 1; round <= kRounds; ++round) {
      while (rio_word64_load(&armed) != round) busy();
      for (const uint64_t begun = tsc(); tsc() - begun < blocked;) busy();
      rio_word64_store(&woken_at, 0);
      const uint64_t start = tsc();
      wake_up();
      uint64_t woken;
      while ((woken = rio_word64_load(&woken_at)) == 0) busy();
      samples.add(woken - start);
    }
    rio_word64_store(&armed, 0);
  }
  template <class Arm, class Block>
  void sleep(Arm arm, Block block) {
    for (uint64_t round = 1; round <= kRounds; ++round) {
      arm();
      rio_word64_store(&armed, round);
      block();
      rio_word64_store(&woken_at, tsc());
    }
  }

  static constexpr uint64_t kRounds = 200;
  // Long enough for the sleeper to be off its processor, short enough to keep a window short.
  static constexpr double kBlockedNs = 20'000;
  alignas(128) uint64_t armed = 0;
  alignas(128) uint64_t woken_at = 0;
};

// One cache line there, one back. The unit of everything else.
Load line_ping_pong();
// A request slot there, a completion slot back, through two minimal rings of 64-byte slots.
Load slot_rings_round_trip();
// The same with depth requests outstanding; the time each.
Load slot_rings_pipelined(size_t depth = 64);
// From send() on a stream socketpair to the thread on the other processor that was blocked in
// poll() on its other end and has read it empty. Waiting is what it measures: its windows are often
// of class mix.
Load socketpair_wake();
// Blocks in poll() until fd is readable, and reads its one byte.
void wait_readable(int fd);

}  // namespace pinion::bench
