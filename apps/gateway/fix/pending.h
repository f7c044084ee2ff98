// Messages that came with too high a number, kept until the gap in front of them is filled. As many
// as were configured; the memory exists from the start.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "gateway/fix/message.h"

namespace pinion::fix {

class PendingMessages {
 public:
  explicit PendingMessages(size_t messages_max)
      : slots_(messages_max == 0 ? 1 : messages_max), bytes_(slots_.size() * kMessageMax) {}

  // False: too far ahead of the number that is expected. It will be sent again.
  bool put(uint64_t number, std::string_view frame, uint64_t expected) {
    if (number - expected >= slots_.size() || frame.size() > kMessageMax) return false;
    Slot& slot = slots_[number % slots_.size()];
    slot = {number, frame.size()};
    std::memcpy(at(number), frame.data(), frame.size());
    return true;
  }
  // "" when it is not here. The view is good until the next put().
  std::string_view take(uint64_t number) {
    Slot& slot = slots_[number % slots_.size()];
    if (slot.number != number) return {};
    slot.number = 0;
    return {at(number), slot.bytes};
  }
  void clear() {
    for (Slot& slot : slots_) slot.number = 0;
  }

 private:
  struct Slot {
    uint64_t number = 0;  // 0: free
    size_t bytes = 0;
  };
  char* at(uint64_t number) { return bytes_.data() + number % slots_.size() * kMessageMax; }

  std::vector<Slot> slots_;
  std::vector<char> bytes_;
};

}  // namespace pinion::fix
