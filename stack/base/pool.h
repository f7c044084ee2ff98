// Fixed pool: all memory exists at construction, take and give are O(1), the last given is taken
// first (it is warm). An index names an element for as long as it is taken.
#pragma once
#include <cstdint>
#include <memory>

#include "base/check.h"

namespace pinion {

template <class T>
class Pool {
 public:
  explicit Pool(uint32_t capacity)
      : items_(std::make_unique<T[]>(capacity)),
        free_(std::make_unique<uint32_t[]>(capacity)),
        capacity_(capacity),
        free_count_(capacity) {
    for (uint32_t i = 0; i < capacity; ++i) free_[i] = capacity - 1 - i;
  }
  // Null when the pool is empty. The element keeps what its last user left in it.
  T* take() { return free_count_ == 0 ? nullptr : &items_[free_[--free_count_]]; }
  void give(T* item) {
    STACK_DCHECK(item >= items_.get() && item < items_.get() + capacity_);
    STACK_DCHECK(free_count_ < capacity_);
    free_[free_count_++] = index(item);
  }
  uint32_t index(const T* item) const { return static_cast<uint32_t>(item - items_.get()); }
  T& operator[](uint32_t i) { return items_[i]; }
  const T& operator[](uint32_t i) const { return items_[i]; }
  uint32_t capacity() const { return capacity_; }
  uint32_t used() const { return capacity_ - free_count_; }

 private:
  std::unique_ptr<T[]> items_;
  std::unique_ptr<uint32_t[]> free_;
  uint32_t capacity_, free_count_;
};

}  // namespace pinion
