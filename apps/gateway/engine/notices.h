// What the trading thread has to say to people: a sentence each, for the housekeeping thread to
// write to the log. When nobody takes them the oldest stay and the number of lost ones is told;
// what must be told is said again until it is taken.
#pragma once
#include <rio/ring.h>

#include <array>
#include <cstdarg>
#include <cstdio>

#include "base/types.h"

namespace pinion::gateway {

class Notices {
 public:
  static constexpr size_t kKept = 64, kTextMax = 200;

  // The trading thread. Formats, so not for the order path: for what happens a few times a day.
  void say(const char* format, ...) __attribute__((format(printf, 2, 3))) {
    if (room() == 0) return void(rio_count(&lost_));
    va_list arguments;
    va_start(arguments, format);
    (void)std::vsnprintf(texts_[head_ % kKept].data(), kTextMax, format, arguments);
    va_end(arguments);
    // Others' words, a venue's session for one, write no lines of their own.
    for (char* c = texts_[head_ % kKept].data(); *c != 0; ++c)
      if (*c < ' ' || *c > '~') *c = '?';
    rio_word64_store(&published_, ++head_);
  }
  size_t room() const { return kKept - (head_ - rio_word64_load(&tail_)); }

  // The housekeeping thread: take(const char* text) for each.
  template <class Take>
  void take_all(Take&& take) {
    // Pairs with the release in say: up to here they are complete.
    for (const uint64_t end = rio_word64_load(&published_); taken_ < end; ++taken_)
      take(texts_[taken_ % kKept].data());
    rio_word64_store(&tail_, taken_);
  }
  uint64_t lost() const { return rio_word64_load(&lost_); }

 private:
  std::array<std::array<char, kTextMax>, kKept> texts_{};
  uint64_t head_ = 0, lost_ = 0;
  uint64_t published_ = 0, tail_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace pinion::gateway
