// The limit on challenge ACKs (RFC 5961 7). A fixed one for all connections can be counted by a
// third party and so tells it of connections that are not its own: each second draws another.
#pragma once
#include "base/rng.h"
#include "base/types.h"

namespace pinion {

class ChallengeLimit {
 public:
  ChallengeLimit(uint32_t per_second, uint64_t seed) : rng_(seed), per_second_(per_second) {}

  bool take(Nanos now) {
    if (now >= ends_) {
      ends_ = now + kSecond;
      left_ = per_second_ / 2 + rng_.below(per_second_ + 1);
    }
    if (left_ == 0) return false;
    --left_;
    return true;
  }

 private:
  Rng rng_;
  uint32_t per_second_;
  uint32_t left_ = 0;
  Nanos ends_ = 0;  // of the second that left_ is for
};

}  // namespace pinion
