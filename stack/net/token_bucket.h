// A rate limit: at most `per_second` grants a second, and that many at once after a silence.
// One deadline, no counter (the virtual scheduling form of GCRA).
#pragma once
#include "base/types.h"

namespace pinion {

class TokenBucket {
 public:
  explicit TokenBucket(uint32_t per_second)
      : interval_(per_second ? kSecond / per_second : 0), enabled_(per_second != 0) {}

  bool take(Nanos now) {
    if (!enabled_) return false;
    const Nanos from = full_at_ > now ? full_at_ : now;
    if (from - now > kSecond - interval_) return false;
    full_at_ = from + interval_;
    return true;
  }

 private:
  Nanos interval_;
  Nanos full_at_ = 0;  // when the bucket will be full again
  bool enabled_;
};

}  // namespace pinion
