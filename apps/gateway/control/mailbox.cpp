// See mailbox.h.
#include "gateway/control/mailbox.h"

#include <cstring>

#include "base/check.h"

namespace pinion::control {

bool Mailbox::ask(std::string_view line, uint64_t cursor) {
  STACK_CHECK(line.size() <= kLineMax);
  if (state_.load(std::memory_order_relaxed) != kIdle) return false;
  std::memcpy(line_.data(), line.data(), line.size());
  line_bytes_ = line.size();
  answer_.clear();
  answer_.more(cursor);  // serve() begins there
  // Pairs with the acquire in take().
  state_.store(kAsked, std::memory_order_release);
  return true;
}

}  // namespace pinion::control
