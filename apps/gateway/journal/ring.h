// Records on their way from the trading thread to the writer: one producer, one consumer, a ring
// of bytes with free-running positions. The producer never waits; full is an answer.
#pragma once
#include <rio/ring.h>

#include <vector>

#include "base/check.h"
#include "gateway/journal/record.h"

namespace pinion::journal {

class RecordRing {
 public:
  // A power of two, and room for two of the longest records.
  explicit RecordRing(size_t bytes) : bytes_(bytes) {
    STACK_CHECK(std::has_single_bit(bytes) && bytes >= 2 * record_bytes(kPayloadBytesMax));
  }

  // The producer's side. header.length is the payload's. False: no room, nothing written.
  bool push(const RecordHeader& header, Bytes payload) {
    const size_t need = record_bytes(payload.size());
    const size_t to_end = bytes_.size() - index(tail_);
    const size_t skip = to_end < need ? to_end : 0;
    if (bytes_.size() - (tail_ - seen_head_) < need + skip) {
      // Pairs with the release in pop: what was there has been read.
      seen_head_ = rio_word64_load(&head_);
      if (bytes_.size() - (tail_ - seen_head_) < need + skip) return false;
    }
    if (skip) mark_skip();
    std::memcpy(&bytes_[index(tail_)], &header, sizeof header);
    if (!payload.empty()) {
      std::memcpy(&bytes_[index(tail_) + sizeof header], payload.data(), payload.size());
    }
    tail_ += need;
    rio_word64_store(&published_, tail_);
    return true;
  }

  // The consumer's side: the record at the front, which stays until pop.
  bool front(RecordHeader& header, Bytes& payload) {
    // Pairs with the release in push: up to here records are complete.
    const uint64_t end = rio_word64_load(&published_);
    if (position_ == end) return false;
    if (load<uint32_t>(&bytes_[index(position_) + offsetof(RecordHeader, length)]) == kSkip) {
      position_ += bytes_.size() - index(position_);
    }
    std::memcpy(&header, &bytes_[index(position_)], sizeof header);
    payload = Bytes{bytes_}.subspan(index(position_) + sizeof header, header.length);
    return true;
  }
  void pop(const RecordHeader& header) {
    position_ += record_bytes(header.length);
    rio_word64_store(&head_, position_);
  }

 private:
  // As a length: go on at the ring's beginning. Records are multiples of 8, so the room that is
  // left at its end always reaches to the length.
  static constexpr uint32_t kSkip = UINT32_MAX;
  static_assert(offsetof(RecordHeader, length) + sizeof kSkip <= 8);

  size_t index(uint64_t position) const { return position & (bytes_.size() - 1); }
  void mark_skip() {
    std::memcpy(&bytes_[index(tail_) + offsetof(RecordHeader, length)], &kSkip, sizeof kSkip);
    tail_ += bytes_.size() - index(tail_);
  }

  std::vector<std::byte> bytes_;
  alignas(64) uint64_t tail_ = 0;  // the producer's
  uint64_t seen_head_ = 0;
  alignas(64) uint64_t published_ = 0;  // from the producer to the consumer
  alignas(64) uint64_t head_ = 0;       // and back
  alignas(64) uint64_t position_ = 0;   // the consumer's
};

}  // namespace pinion::journal
