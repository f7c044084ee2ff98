// What the two ports of a ring pair share, freed after both: the rings, and the pools whose frames
// may still stand in them.
#pragma once
#include <array>
#include <vector>

#include "pmd-glue/ethdev_port.h"

struct rte_ring;

namespace pinion {

struct RingPair {
  std::array<rte_ring*, 2> rings{};
  std::vector<MempoolPtr> pools;

  RingPair() = default;
  RingPair(const RingPair&) = delete;
  RingPair& operator=(const RingPair&) = delete;
  ~RingPair();
};

}  // namespace pinion
