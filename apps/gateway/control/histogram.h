// Durations, counted by one thread while others look. Buckets are linear within each power of two:
// up to 1,024 ns exact, above it at most 0.1 % from what was recorded, up to 2^30 ns (1.07 s); what
// is longer is counted as such. 88 KiB each; recording is a few instructions and one plain store.
//
// Debian 12 has no HdrHistogram for C or C++, and the original counts the total, the least and the
// greatest beside the bucket: three more stores, and a reader sees them disagree. Here all of that
// follows from the buckets, so a snapshot agrees with itself whenever it is taken.
#pragma once
#include <rio/ring.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "base/types.h"

namespace pinion::control {

// Bucket i has the durations above its floor, up to and including the next one's floor: so the
// powers of two are bounds, as metrics want them ("le").
struct HistogramBuckets {
  static constexpr int kSubBits = 9, kTopBits = 30;
  static constexpr uint64_t kSub = uint64_t{1} << kSubBits;
  static constexpr Nanos kMax = Nanos{1} << kTopBits;
  // The last one is what is longer than kMax.
  static constexpr size_t kCount = ((kTopBits - kSubBits - 1) << kSubBits) + 2 * kSub + 1;

  static constexpr size_t index(Nanos duration) {
    if (duration > kMax) return kCount - 1;
    const auto below = static_cast<uint64_t>(std::max<Nanos>(duration, 1) - 1);
    const int shift = static_cast<int>(std::bit_width(below | kSub)) - (kSubBits + 1);
    return (static_cast<size_t>(shift) << kSubBits) + (below >> shift);
  }
  static constexpr Nanos floor(size_t index) {
    const size_t shift = index < 2 * kSub ? 0 : (index >> kSubBits) - 1;
    return static_cast<Nanos>((index - (shift << kSubBits)) << shift);
  }
  // What stands for all of a bucket's durations.
  static constexpr Nanos middle(size_t index) {
    if (index == kCount - 1) return kMax;
    return floor(index) + (floor(index + 1) - floor(index) + 1) / 2;
  }
};

// A copy, to ask. Allocates: for people, not for the thread that records.
class HistogramSnapshot {
 public:
  HistogramSnapshot() : buckets_(HistogramBuckets::kCount) {}

  void set(size_t bucket, uint64_t n) { buckets_[bucket] = n; }
  void merge(const HistogramSnapshot& other) {
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  }
  uint64_t count() const;
  // The duration that at least a share q (0 to 1) of all did not exceed; 0 if there is none, kMax
  // if it is longer. max() is quantile(1).
  Nanos quantile(double q) const;
  Nanos max() const { return quantile(1); }
  // As exact as the buckets.
  uint64_t sum() const;
  // How many were not longer than this power of two.
  uint64_t count_up_to(Nanos power_of_two) const;

 private:
  std::vector<uint64_t> buckets_;
};

class Histogram {
 public:
  // One thread. A duration below 1 ns (a clock that was set) counts as 1 ns.
  void record(Nanos duration) { rio_count(&buckets_[HistogramBuckets::index(duration)]); }
  HistogramSnapshot snapshot() const;

 private:
  std::array<uint64_t, HistogramBuckets::kCount> buckets_{};
};

}  // namespace pinion::control
