// See histogram.h.
#include "gateway/control/histogram.h"

#include <cmath>
#include <numeric>

namespace pinion::control {

HistogramSnapshot Histogram::snapshot() const {
  HistogramSnapshot copy;
  for (size_t i = 0; i < buckets_.size(); ++i) copy.set(i, rio_word64_load(&buckets_[i]));
  return copy;
}

uint64_t HistogramSnapshot::count() const {
  return std::accumulate(buckets_.begin(), buckets_.end(), uint64_t{0});
}

Nanos HistogramSnapshot::quantile(double q) const {
  const uint64_t all = count();
  const double wanted = std::ceil(q * static_cast<double>(all));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    // All of them at the last one, whatever the arithmetic says.
    if (seen != 0 && (static_cast<double>(seen) >= wanted || seen == all))
      return HistogramBuckets::middle(i);
  }
  return 0;
}

uint64_t HistogramSnapshot::sum() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < buckets_.size(); ++i)
    sum += buckets_[i] * static_cast<uint64_t>(HistogramBuckets::middle(i));
  return sum;
}

uint64_t HistogramSnapshot::count_up_to(Nanos power_of_two) const {
  const auto end = static_cast<ptrdiff_t>(HistogramBuckets::index(power_of_two)) + 1;
  return std::accumulate(buckets_.begin(), buckets_.begin() + end, uint64_t{0});
}

}  // namespace pinion::control
