// The orders that count against limits, found by their number. A fixed number of them: the memory
// exists from the start, and "full" is an answer. Linear probing; removal closes the gap, so there
// are no tombstones that a day of orders would fill the table with.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "gateway/risk/limits.h"

namespace pinion::risk {

enum class Side : uint8_t { buy, sell, sell_short, sell_short_exempt };
constexpr bool is_buy(Side side) { return side == Side::buy; }

using OrderId = uint32_t;  // UserRefNum of OUCH; 0 is none

struct Order {
  OrderId id = 0;
  uint32_t account = 0, symbol = 0;
  Side side = Side::buy;
  bool live = false;               // false: a replacement that the venue has not confirmed
  OrderId replaces = 0;            // of a replacement on its way
  OrderId replaced_by = 0;         // the replacement on its way
  OrderId previous = 0, next = 0;  // of its symbol and side
  int64_t leaves = 0;              // shares that may still trade
  Price price = 0;
  Price reserved_price = 0;     // the worst that it may trade at, for its account's limits
  int64_t reserved_shares = 0;  // what it holds of them
  Amount reserved_notional = 0;
};

class OrderTable {
 public:
  explicit OrderTable(uint32_t orders_max);
  uint32_t size() const { return size_; }
  bool full() const { return size_ == orders_max_; }
  const Order* find(OrderId id) const;
  Order* find(OrderId id) { return const_cast<Order*>(std::as_const(*this).find(id)); }
  Order* add(OrderId id);  // null: full, or there already, or 0
  void remove(OrderId id);
  // Calls f(order) for each. f must not add or remove.
  template <class F>
  void each(F f) const {
    for (const Order& order : slots_)
      if (order.id != 0) f(order);
  }

 private:
  size_t home(OrderId id) const { return (id * 0x9e3779b1u) & mask_; }

  uint32_t orders_max_, size_ = 0;
  size_t mask_;
  std::vector<Order> slots_;  // a power of two, at most half full
};

}  // namespace pinion::risk
