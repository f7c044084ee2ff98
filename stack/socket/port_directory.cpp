#include "socket/port_directory.h"

#include "base/check.h"

namespace pinion {

PortDirectory::PortDirectory(uint32_t core, uint32_t cores)
    : core_(core),
      cores_(cores),
      own_(1u << core),
      entries_(std::make_unique<Entry[]>(2 * kPortPlaces)) {
  STACK_CHECK(core < cores && cores <= 32);
}

void PortDirectory::set_own(const PortClaim& claim) {
  Entry& e = entries_[claim.place];
  const uint32_t used = claim.used ? e.used | own_ : e.used & ~own_;
  const uint32_t bound = claim.bound ? e.bound | own_ : e.bound & ~own_;
  if (used == e.used && bound == e.bound) return;
  if (e.bound == 0) e.user = claim.user;
  e.used = used, e.bound = bound;
  if (e.next != kNotListed) return;
  e.next = kNone;
  (untold_tail_ == kNone ? untold_head_ : entries_[untold_tail_].next) = claim.place;
  untold_tail_ = claim.place;
}

void PortDirectory::hear(uint32_t core, const PortClaim& claim) {
  STACK_DCHECK(core != core_ && core < cores_);
  Entry& e = entries_[claim.place];
  const uint32_t bit = 1u << core;
  if (claim.bound) {
    if ((e.bound & ~bit) == 0) e.user = claim.user;
    else if (e.user != claim.user) ++conflicts_;
  }
  e.used = claim.used ? e.used | bit : e.used & ~bit;
  e.bound = claim.bound ? e.bound | bit : e.bound & ~bit;
}

PortClaim PortDirectory::next_untold() const {
  const Entry& e = entries_[untold_head_];
  return {.place = untold_head_,
          .user = e.user,
          .used = (e.used & own_) != 0,
          .bound = (e.bound & own_) != 0};
}

void PortDirectory::told() {
  Entry& e = entries_[untold_head_];
  untold_head_ = e.next;
  if (untold_head_ == kNone) untold_tail_ = kNone;
  e.next = kNotListed;
}

}  // namespace pinion
