// Slots with generations, so that the id of a closed socket never means a later one. For the two
// implementations of network.h.
#pragma once
#include <algorithm>
#include <utility>
#include <vector>

#include "gateway/net/network.h"

namespace pinion::gateway {

// Slot has `bool used` and `uint32_t generation`; for the one to give way also `bool accepted`,
// `bool has_sent` and `uint64_t close_by`.
template <class Slot>
class SocketTable {
 public:
  explicit SocketTable(size_t count) : slots_(count) {}

  Slot* take() {
    for (Slot& slot : slots_) {
      if (slot.used) continue;
      slot.used = true;
      ++slot.generation;
      return &slot;
    }
    return nullptr;
  }
  SocketId id(const Slot& slot) const { return {index(slot), slot.generation}; }
  uint32_t index(const Slot& slot) const { return static_cast<uint32_t>(&slot - slots_.data()); }
  Slot* find(SocketId id) { return const_cast<Slot*>(std::as_const(*this).find(id)); }
  const Slot* find(SocketId id) const {
    if (id.index >= slots_.size()) return nullptr;
    const Slot& slot = slots_[id.index];
    return slot.used && slot.generation == id.generation ? &slot : nullptr;
  }
  // One that was accepted and is closed, and whose peer does not end, keeps its place for close_ms:
  // half of the places at most, or peers would keep others out with them. Who has to end early, or
  // null. Those to whom nothing was ever sent go first: they lose nothing by a reset.
  template <class Kind>
  Slot* to_give_way(Kind closing, uint32_t accepted_max) {
    uint32_t count = 0;
    Slot* first = nullptr;
    for (Slot& slot : slots_) {
      if (!slot.used || !slot.accepted || slot.kind != closing) continue;
      ++count;
      if (first == nullptr ||
          std::pair(slot.has_sent, slot.close_by) < std::pair(first->has_sent, first->close_by))
        first = &slot;
    }
    return count > std::max(accepted_max / 2, 1u) ? first : nullptr;
  }
  Slot& at(size_t index) { return slots_[index]; }
  auto begin() { return slots_.begin(); }
  auto end() { return slots_.end(); }

 private:
  std::vector<Slot> slots_;
};

// Received bytes in memory of a fixed size: they are added at the back, handed out as one piece,
// and moved to the front when there is no room behind them.
class ReceiveSpace {
 public:
  void reset(char* memory, uint32_t bytes) { memory_ = memory, size_ = bytes, begin_ = end_ = 0; }
  std::string_view unread() const { return {memory_ + begin_, end_ - begin_}; }
  uint32_t back() const { return end_; }  // where the next bytes go, as an offset
  uint32_t room() const { return size_ - end_; }
  char* at_back() { return memory_ + end_; }
  void added(uint32_t bytes) { end_ += bytes; }
  void consumed(size_t bytes) {
    begin_ += static_cast<uint32_t>(bytes);
    if (begin_ == end_) begin_ = end_ = 0;
    if (room() < size_ / 2 && begin_ != 0) {
      std::char_traits<char>::move(memory_, memory_ + begin_, end_ - begin_);
      end_ -= begin_, begin_ = 0;
    }
  }

 private:
  char* memory_ = nullptr;
  uint32_t size_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace pinion::gateway
