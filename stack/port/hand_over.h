// HandOver: what one core has for one other core, as a ring of bytes with records of any length.
// One producer, one consumer; all memory from construction; nothing else is shared between cores.
// What is pushed becomes visible at publish, once a pass. Bytes are the producer's own words: both
// ends are cores of ours, so the consumer believes the lengths of records, not what is in them.
//
//   producer                                 consumer
//   push, fill in, ...; publish      --->    front (visible: all of the record); pop
//   publish: is the other asleep?    <---    fall_asleep, then empty() once more
//
// The only two places where order matters beyond release and acquire are these two lines: each end
// stores first and then loads what the other stored, all four in the one order of SEQ_CST, so at
// least one of them sees the other.
#pragma once
#include <bit>
#include <cstring>
#include <memory>

#include "base/check.h"
#include "base/types.h"

namespace pinion {

class HandOver {
 public:
  static constexpr size_t kBytesMin = size_t{256} << 10;  // a datagram of 64 KiB always fits once
  static constexpr size_t kBytesDefault = size_t{1} << 20;

  // A power of two, kBytesMin or more.
  explicit HandOver(size_t bytes = kBytesDefault)
      : mask_(bytes - 1), bytes_(std::make_unique<std::byte[]>(bytes)) {
    STACK_CHECK(std::has_single_bit(bytes) && bytes >= kBytesMin);
  }
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;

  // To be locked. It is filled: neither end is the first to touch a page of it.
  MutableBytes memory() { return {bytes_.get(), mask_ + 1}; }

  // ---- the producer's

  // Room for a record of so many bytes, 8-byte aligned, which the caller fills in before publish.
  // Empty: the ring is full. 0 < length <= record_max().
  MutableBytes push(size_t length) {
    STACK_DCHECK(0 < length && length <= record_max());
    const size_t whole = whole_bytes(length);
    const size_t to_end = mask_ + 1 - (pushed_ & mask_);
    const size_t skipped = whole <= to_end ? 0 : to_end;  // a record lies in one piece
    if (!has_room(skipped + whole)) return {};
    if (skipped != 0) put_header(kSkip);
    pushed_ += skipped;
    put_header(length);
    std::byte* at = bytes_.get() + (pushed_ & mask_) + kHeader;
    pushed_ += whole;
    return {at, length};
  }
  // What was pushed since `mark`, and not published, never was.
  uint64_t mark() const { return pushed_; }
  void take_back(uint64_t mark) { pushed_ = mark; }
  // A quarter is kept for what must not be lost to copies, which the wire and applications can make
  // as many of as they like: is there as much beside a record of so many bytes?
  bool has_room_for_copy(size_t length) { return has_room(whole_bytes(length) + (mask_ + 1) / 4); }
  size_t record_max() const { return (mask_ + 1) / 2 - kHeader; }
  // What was pushed can be taken from now on. true: something was, and the consumer sleeps or is
  // about to, so it must be woken.
  bool publish() {
    if (pushed_ == published_) return false;
    published_ = pushed_;
    __atomic_store_n(&tail_, pushed_, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&asleep_, __ATOMIC_SEQ_CST);
  }

  // ---- the consumer's

  // The oldest record, its bytes the consumer's until pop. Empty: there is none.
  MutableBytes front() {
    while (true) {
      if (taken_ == seen_tail_) seen_tail_ = __atomic_load_n(&tail_, __ATOMIC_ACQUIRE);
      if (taken_ == seen_tail_) return {};
      const size_t length = header_at(taken_);
      if (length != kSkip) return {bytes_.get() + (taken_ & mask_) + kHeader, length};
      taken_ += mask_ + 1 - (taken_ & mask_);
    }
  }
  // The record that front showed is done with.
  void pop() {
    taken_ += whole_bytes(header_at(taken_));
    __atomic_store_n(&head_, taken_, __ATOMIC_RELEASE);
  }
  bool empty() const { return taken_ == __atomic_load_n(&tail_, __ATOMIC_SEQ_CST); }
  // From here on whoever publishes wakes us, until `awake`. Look at empty() afterwards.
  void fall_asleep() { __atomic_store_n(&asleep_, true, __ATOMIC_SEQ_CST); }
  void awake() { __atomic_store_n(&asleep_, false, __ATOMIC_RELAXED); }

 private:
  static constexpr size_t kHeader = 8;  // keeps records aligned
  static constexpr uint64_t kSkip = UINT64_MAX;
  static constexpr size_t kLine = 64;

  static size_t whole_bytes(size_t length) { return kHeader + ((length + 7) & ~size_t{7}); }
  void put_header(uint64_t value) {
    std::memcpy(bytes_.get() + (pushed_ & mask_), &value, sizeof value);
  }
  uint64_t header_at(uint64_t position) const {
    uint64_t value;
    std::memcpy(&value, bytes_.get() + (position & mask_), sizeof value);
    return value;
  }
  bool has_room(size_t wanted) {
    if (mask_ + 1 - (pushed_ - seen_head_) >= wanted) return true;
    seen_head_ = __atomic_load_n(&head_, __ATOMIC_ACQUIRE);
    return mask_ + 1 - (pushed_ - seen_head_) >= wanted;
  }

  const uint64_t mask_;
  const std::unique_ptr<std::byte[]> bytes_;
  // Positions run free. Each line has one writer.
  alignas(kLine) uint64_t tail_ = 0;  // the producer's, as the next three
  uint64_t pushed_ = 0, published_ = 0, seen_head_ = 0;
  alignas(kLine) uint64_t head_ = 0;  // the consumer's, as the next three
  uint64_t taken_ = 0, seen_tail_ = 0;
  bool asleep_ = false;
};

}  // namespace pinion
