// Numbers that one thread writes and any thread reads: what metrics and status are made of. Writing
// is a load, an addition and a store; nothing waits for anybody.
#pragma once
#include <rio/ring.h>

#include "base/types.h"

namespace pinion::control {

// Only grows.
class Counter {
 public:
  void count() { rio_count(&value_); }
  void add(uint64_t n) { rio_word64_store(&value_, value_ + n); }
  void set(uint64_t total) { rio_word64_store(&value_, total); }  // a copy of one kept elsewhere
  uint64_t value() const { return rio_word64_load(&value_); }

 private:
  uint64_t value_ = 0;
};

// Whatever it is now.
class Gauge {
 public:
  void set(int64_t value) { rio_word64_store(&value_, static_cast<uint64_t>(value)); }
  int64_t value() const { return static_cast<int64_t>(rio_word64_load(&value_)); }

 private:
  uint64_t value_ = 0;
};

}  // namespace pinion::control
