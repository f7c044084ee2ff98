// See order_table.h.
#include "gateway/risk/order_table.h"

#include <bit>

namespace pinion::risk {

OrderTable::OrderTable(uint32_t orders_max)
    : orders_max_(orders_max),
      mask_(std::bit_ceil(size_t{orders_max} * 2 + 2) - 1),
      slots_(mask_ + 1) {}

const Order* OrderTable::find(OrderId id) const {
  if (id == 0) return nullptr;
  for (size_t at = home(id); slots_[at].id != 0; at = (at + 1) & mask_)
    if (slots_[at].id == id) return &slots_[at];
  return nullptr;
}

Order* OrderTable::add(OrderId id) {
  if (id == 0 || full()) return nullptr;
  size_t at = home(id);
  for (; slots_[at].id != 0; at = (at + 1) & mask_)
    if (slots_[at].id == id) return nullptr;
  slots_[at] = Order{};
  slots_[at].id = id;
  ++size_;
  return &slots_[at];
}

// An order behind the hole moves into it unless its home lies between the hole and itself.
void OrderTable::remove(OrderId id) {
  const Order* gone = find(id);
  if (gone == nullptr) return;
  auto hole = static_cast<size_t>(gone - slots_.data());
  for (size_t at = (hole + 1) & mask_; slots_[at].id != 0; at = (at + 1) & mask_) {
    if (((at - home(slots_[at].id)) & mask_) < ((at - hole) & mask_)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = Order{};
  --size_;
}

}  // namespace pinion::risk
