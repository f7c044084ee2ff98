// One side of a book: its price levels in a row that was reserved at the start, the best one last,
// because that is where nearly everything happens.
#pragma once
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/types.h"

namespace pinion::book {

struct Level {
  uint32_t price = 0;  // in 1/10,000
  uint32_t orders = 0;
  uint64_t shares = 0;
  friend bool operator==(const Level&, const Level&) = default;
};

class Levels {
 public:
  Levels(bool bids, size_t levels_max) : bids_(bids), levels_max_(levels_max) {
    row_.reserve(levels_max);
  }

  bool empty() const { return row_.empty(); }
  size_t size() const { return row_.size(); }
  // The i-th best.
  const Level& at(size_t i) const { return row_[row_.size() - 1 - i]; }
  const Level* best() const { return row_.empty() ? nullptr : &row_.back(); }

  // False if it would take a level too many.
  bool add(uint32_t price, uint32_t shares) {
    const auto level = position(price);
    if (level != row_.end() && level->price == price) {
      ++level->orders;
      level->shares += shares;
      return true;
    }
    if (row_.size() == levels_max_) return false;
    row_.insert(level, {price, 1, shares});
    return true;
  }
  // Takes shares of one order away; `gone` if they were its last.
  void reduce(uint32_t price, uint32_t shares, bool gone) {
    const auto level = position(price);
    STACK_CHECK(level != row_.end() && level->price == price && level->shares >= shares);
    level->shares -= shares;
    level->orders -= gone;
    if (level->orders == 0) row_.erase(level);
  }
  void clear() { row_.clear(); }

 private:
  // Where a level of this price is or belongs. Bids ascend to the best, asks descend.
  std::vector<Level>::iterator position(uint32_t price) {
    return std::ranges::partition_point(
        row_, [&](const Level& l) { return bids_ ? l.price < price : l.price > price; });
  }

  bool bids_;
  size_t levels_max_;
  std::vector<Level> row_;
};

}  // namespace pinion::book
