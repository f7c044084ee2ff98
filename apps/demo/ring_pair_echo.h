// Two embedded stacks in this process, wired by a pair of DPDK rings: an echo in a thread of its
// own, and a ping in the caller's. Needs no privilege and no hugepages.
#pragma once
#include <cstdint>
#include <string>

namespace pinion::demo {

struct RingPairOptions {
  double seconds = 5;
  uint32_t bytes = 64;
  int echo_cpu = -1, ping_cpu = -1;  // -1: wherever the system likes
  std::string samples;               // file to append the round trips to
};
int run_ring_pair(const RingPairOptions& options);

}  // namespace pinion::demo
