// One long stream over a link that loses: how much arrives, and what was sent again for it.
#pragma once
#include <string>

#include "base/types.h"

namespace pinion::sim {

struct Goodput {
  uint64_t bytes = 0, lost = 0, retransmitted = 0;  // lost: segments with data
  Nanos time = 0;
  std::string failure{};
  double megabytes_per_s() const {
    return static_cast<double>(bytes) * 1e3 / static_cast<double>(time);
  }
};

struct GoodputOptions {
  uint64_t seed = 1;
  double loss = 0.01;
  Nanos rtt = kMilli;
  uint64_t bytes = 16u << 20;
  uint8_t congestion = 0;  // RIO_CONGESTION_*; 0: the default
};

Goodput measure_goodput(const GoodputOptions& options);

}  // namespace pinion::sim
