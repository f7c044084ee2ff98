// The open orders of all books by their reference: open addressing with linear probing, twice as
// many slots as orders, all of it there from the start. Finding, adding and removing take a time
// that does not depend on how many orders there are.
#pragma once
#include <bit>
#include <vector>

#include "base/rng.h"
#include "base/types.h"

namespace pinion::book {

struct Order {
  uint64_t reference = 0;  // 0: the slot is free
  uint32_t shares = 0;
  uint32_t price = 0;
  uint16_t book = 0;
  char side = 0;
};

class OrderTable {
 public:
  explicit OrderTable(size_t orders_max)
      : orders_max_(orders_max), slots_(std::bit_ceil(orders_max * 2)) {}

  size_t size() const { return size_; }

  Order* find(uint64_t reference) {
    for (size_t i = home(reference);; i = next(i)) {
      if (slots_[i].reference == reference) return reference ? &slots_[i] : nullptr;
      if (slots_[i].reference == 0) return nullptr;
    }
  }
  // False if it is full. The reference is neither 0 nor in the table.
  bool add(const Order& order) {
    if (size_ == orders_max_) return false;
    size_t i = home(order.reference);
    while (slots_[i].reference != 0) i = next(i);
    slots_[i] = order;
    ++size_;
    return true;
  }
  // Closes the gap that an order leaves, so that probing never meets graves.
  void remove(Order* order) {
    auto gap = static_cast<size_t>(order - slots_.data());
    for (size_t i = next(gap); slots_[i].reference != 0; i = next(i)) {
      const size_t distance_home = (i - home(slots_[i].reference)) & mask();
      const size_t distance_gap = (i - gap) & mask();
      if (distance_home < distance_gap) continue;  // it would stand before its home
      slots_[gap] = slots_[i];
      gap = i;
    }
    slots_[gap] = {};
    --size_;
  }
  void clear() {
    for (Order& slot : slots_) slot = {};
    size_ = 0;
  }

 private:
  size_t mask() const { return slots_.size() - 1; }
  size_t home(uint64_t reference) const { return mix64(reference) & mask(); }
  size_t next(size_t i) const { return (i + 1) & mask(); }

  size_t orders_max_;
  size_t size_ = 0;
  std::vector<Order> slots_;
};

}  // namespace pinion::book
