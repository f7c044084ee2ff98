// The trace of a simulation as one number: FNV-1a over everything that left and completed, with its
// time. The same seed gives the same trace.
#pragma once
#include "base/types.h"

namespace pinion::sim {

class Trace {
 public:
  void add(Bytes bytes) {
    for (const std::byte b : bytes) hash_ = (hash_ ^ static_cast<uint64_t>(b)) * kPrime;
  }
  void add(uint64_t value) { add(std::as_bytes(std::span{&value, 1})); }
  uint64_t hash() const { return hash_; }

 private:
  static constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace pinion::sim
