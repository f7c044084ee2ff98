// GroupDirectory: which multicast groups the applications of each core of a Mesh have joined, by
// interface, as far as this core has heard; what PortDirectory is for ports.
#pragma once
#include <bit>
#include <vector>

#include "base/check.h"
#include "base/list.h"
#include "base/rng.h"
#include "base/types.h"

namespace pinion {

class GroupDirectory {
 public:
  // groups_max: that each core can have joined; as many again may have been left without the others
  // having been told. The secret keys its hash.
  GroupDirectory(uint32_t core, uint32_t cores, uint32_t groups_max, uint64_t secret)
      : own_(1u << core),
        own_max_(2 * groups_max),
        secret_(secret),
        entries_(size_t{own_max_} * cores) {
    buckets_.assign(std::bit_ceil(entries_.size() + 1), nullptr);
    for (Entry& e : entries_) free_.push(&e);
  }

  struct Entry {
    Ip group;
    uint32_t interface = 0;
    uint32_t cores = 0;   // that have joined, a bit each
    bool untold = false;  // this core's part, to the others
    Entry* next = nullptr;         // of its bucket; free_
    Entry* next_untold = nullptr;
  };

  uint32_t others(uint32_t interface, Ip group) const {
    const Entry* e = find(interface, group);
    return e == nullptr ? 0 : e->cores & ~own_;
  }
  // May this core's applications join one more group?
  bool has_room() const { return own_count_ < own_max_; }
  // Whether they have it, whenever that may have changed.
  void set_own(uint32_t interface, Ip group, bool joined) {
    Entry* e = set(interface, group, own_, joined);
    if (e == nullptr || e->untold) return;
    if (joined) ++own_count_;  // until it is left, and the others know
    e->untold = true;
    e->next_untold = nullptr;
    (untold_tail_ == nullptr ? untold_head_ : untold_tail_->next_untold) = e;
    untold_tail_ = e;
  }
  void hear(uint32_t core, uint32_t interface, Ip group, bool joined) {
    if (Entry* e = set(interface, group, 1u << core, joined)) forget_idle(*e);
  }

  // As PortDirectory: what the others have not been told, and that they have been.
  const Entry* next_untold() const { return untold_head_; }
  bool is_ours(const Entry& e) const { return (e.cores & own_) != 0; }
  void told() {
    Entry& e = *untold_head_;
    untold_head_ = e.next_untold;
    if (untold_head_ == nullptr) untold_tail_ = nullptr;
    e.untold = false;
    if (!is_ours(e)) --own_count_;
    forget_idle(e);
  }

 private:
  size_t bucket_of(uint32_t interface, Ip group) const {
    return mix_words(group.hi ^ interface, group.lo, secret_, ~secret_) & (buckets_.size() - 1);
  }
  Entry* find(uint32_t interface, Ip group) const {
    Entry* e = buckets_[bucket_of(interface, group)];
    while (e != nullptr && (e->group != group || e->interface != interface)) e = e->next;
    return e;
  }
  // nullptr: nothing has changed.
  Entry* set(uint32_t interface, Ip group, uint32_t bit, bool joined) {
    Entry* e = find(interface, group);
    if (joined == (e != nullptr && (e->cores & bit) != 0)) return nullptr;
    if (e == nullptr) {
      e = free_.pop();
      STACK_CHECK(e != nullptr);  // every core's table of groups has this limit
      Entry*& bucket = buckets_[bucket_of(interface, group)];
      *e = {.group = group, .interface = interface, .next = bucket};
      bucket = e;
    }
    e->cores = joined ? e->cores | bit : e->cores & ~bit;
    return e;
  }
  void forget_idle(Entry& e) {
    if (e.cores != 0 || e.untold) return;
    Entry** link = &buckets_[bucket_of(e.interface, e.group)];
    while (*link != &e) link = &(*link)->next;
    *link = e.next;
    free_.push(&e);
  }

  const uint32_t own_, own_max_;
  const uint64_t secret_;
  uint32_t own_count_ = 0;  // entries that are ours or untold
  std::vector<Entry> entries_;
  std::vector<Entry*> buckets_;
  Fifo<Entry> free_;
  Entry* untold_head_ = nullptr;
  Entry* untold_tail_ = nullptr;
};

}  // namespace pinion
