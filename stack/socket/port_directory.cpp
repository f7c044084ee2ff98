#include "socket/port_directory.h"

#include "base/check.h"

namespace pinion {

PortDirectory::PortDirectory(uint32_t core, uint32_t cores, PortOwners& owners)
    : core_(core),
      cores_(cores),
      own_(1u << core),
      owners_(owners),
      entries_(std::make_unique<Entry[]>(PortOwners::kPlaces)) {
  STACK_CHECK(core < cores && cores <= 32);
}

void PortDirectory::set_own(const PortNews& news) {
  Entry& e = entries_[news.place];
  const uint32_t used = news.used ? e.used | own_ : e.used & ~own_;
  if (used == e.used) return;
  e.used = used;
  if (e.next != kNotListed) return;
  e.next = kNone;
  (untold_tail_ == kNone ? untold_head_ : entries_[untold_tail_].next) = news.place;
  untold_tail_ = news.place;
}

void PortDirectory::hear(uint32_t core, const PortNews& news) {
  STACK_DCHECK(core != core_ && core < cores_);
  Entry& e = entries_[news.place];
  const uint32_t bit = 1u << core;
  e.used = news.used ? e.used | bit : e.used & ~bit;
}

PortNews PortDirectory::next_untold() const {
  return {.place = untold_head_, .used = (entries_[untold_head_].used & own_) != 0};
}

void PortDirectory::told() {
  Entry& e = entries_[untold_head_];
  untold_head_ = e.next;
  if (untold_head_ == kNone) untold_tail_ = kNone;
  e.next = kNotListed;
}

}  // namespace pinion
