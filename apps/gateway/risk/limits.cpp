// See limits.h.
#include "gateway/risk/limits.h"

#include <algorithm>

namespace pinion::risk {

void RateLimit::set(int64_t per_s, int64_t burst) {
  per_s = std::max<int64_t>(per_s, 1);
  interval_ = (1'000'000'000 + per_s - 1) / per_s;  // never more than per_s
  slack_ = interval_ * (std::max<int64_t>(burst, 1) - 1);
}

void RateLimit::pass(int64_t now_ns) { due_ = std::max(due_, now_ns) + interval_; }

void EventWindow::set(uint32_t most, int64_t window_ns) {
  times_.assign(most, INT64_MIN / 2);
  next_ = 0;
  window_ = window_ns;
}

bool EventWindow::add(int64_t now_ns) {
  if (times_.empty()) return false;
  const bool over = now_ns - times_[next_] < window_;  // that of `most` events ago
  times_[next_] = now_ns;
  next_ = (next_ + 1) % times_.size();
  return over;
}

}  // namespace pinion::risk
