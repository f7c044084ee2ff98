// Deadlines of many owners, each with one node at its earliest: a heap of four children a node, so
// that arming, disarming and taking the next cost O(log n). All memory exists at construction.
#pragma once
#include <cstdint>
#include <memory>

#include "base/check.h"
#include "base/types.h"

namespace pinion {

// A member of the owner. Only the heap writes it.
struct TimerNode {
  static constexpr uint32_t kIdle = UINT32_MAX;
  uint32_t position = kIdle;
};

template <class T, TimerNode T::*kNode>
class TimerHeap {
 public:
  // capacity: how many owners there are.
  explicit TimerHeap(uint32_t capacity)
      : slots_(std::make_unique<Slot[]>(capacity)), capacity_(capacity) {}

  // Arms the owner for `at`, or moves it there; kNever disarms it.
  void set(T* owner, Nanos at) {
    uint32_t position = (owner->*kNode).position;
    if (at == kNever) return remove(owner);
    if (position == TimerNode::kIdle) {
      STACK_CHECK(size_ < capacity_);
      position = size_++;
      return rise(position, {at, owner});
    }
    if (at < slots_[position].at) rise(position, {at, owner});
    else if (at > slots_[position].at) sink(position, {at, owner});
  }
  void remove(T* owner) {
    const uint32_t position = (owner->*kNode).position;
    if (position == TimerNode::kIdle) return;
    STACK_DCHECK(position < size_ && slots_[position].owner == owner);
    (owner->*kNode).position = TimerNode::kIdle;
    const Slot last = slots_[--size_];
    if (position == size_) return;
    if (last.at < slots_[position].at) rise(position, last);
    else sink(position, last);
  }

  // The owner whose deadline is the earliest, if it has come; it is disarmed. Else nullptr. A pass
  // takes as many as its bound allows: one armed again for `now` would come again at once.
  T* pop_due(Nanos now) {
    if (size_ == 0 || slots_[0].at > now) return nullptr;
    T* owner = slots_[0].owner;
    remove(owner);
    return owner;
  }

  Nanos earliest() const { return size_ == 0 ? kNever : slots_[0].at; }
  // The owner's deadline; kNever if it is not armed.
  Nanos deadline(const T* owner) const {
    const uint32_t position = (owner->*kNode).position;
    return position == TimerNode::kIdle ? kNever : slots_[position].at;
  }
  uint32_t size() const { return size_; }

 private:
  struct Slot {
    Nanos at = kNever;
    T* owner = nullptr;
  };

  void place(uint32_t position, Slot slot) {
    slots_[position] = slot;
    (slot.owner->*kNode).position = position;
  }
  void rise(uint32_t position, Slot slot) {
    while (position > 0) {
      const uint32_t parent = (position - 1) / 4;
      if (slots_[parent].at <= slot.at) break;
      place(position, slots_[parent]);
      position = parent;
    }
    place(position, slot);
  }
  void sink(uint32_t position, Slot slot) {
    for (;;) {
      const uint64_t first = uint64_t{position} * 4 + 1;
      if (first >= size_) break;
      uint32_t least = static_cast<uint32_t>(first);
      for (uint64_t child = first + 1; child < first + 4 && child < size_; ++child) {
        if (slots_[child].at < slots_[least].at) least = static_cast<uint32_t>(child);
      }
      if (slot.at <= slots_[least].at) break;
      place(position, slots_[least]);
      position = least;
    }
    place(position, slot);
  }

  std::unique_ptr<Slot[]> slots_;
  uint32_t capacity_, size_ = 0;
};

}  // namespace pinion
