// Records on their way from the trading thread to the writer: one producer, one consumer, a ring of
// bytes with free-running positions. The producer never waits; full is an answer.
//
// The ring lies in a file that both threads have mapped (ring_file.h), so it outlives the process.
// What a killed process leaves there is right up to `published`, without a checksum: the producer
// copies a record and then stores `published` (release), so no processor shows the position before
// the bytes; a kill stops a thread between two instructions and takes back no store; and the pages
// belong to the kernel, which keeps them. A record copied by half lies behind `published`, in room
// that nobody had. The consumer stores `head` behind what the segment has, so between the two there
// is all that is not known to be written, and perhaps some that is: records carry their numbers.
// Only the fall of the machine breaks this (pages reach the disk in any order): ring_file.h.
#pragma once
#include <rio/ring.h>

#include <span>

#include "base/check.h"
#include "gateway/journal/record.h"

namespace pinion::journal {

// The first page of the file.
struct RingHeader {
  static constexpr uint64_t kMagic = 0x31474e524a4e4950;  // "PINJRNG1"
  uint64_t magic = kMagic;
  uint64_t bytes = 0;                  // of the ring, which follows this page
  char boot[40] = {};                  // of the kernel that holds the pages
  alignas(64) uint64_t published = 0;  // from the producer to the consumer
  alignas(64) uint64_t head = 0;       // and back: what lies in front is free
};
inline constexpr size_t kRingHeaderBytes = 4096;
static_assert(sizeof(RingHeader) <= kRingHeaderBytes);

struct RingMemory {
  RingHeader* header = nullptr;
  std::span<std::byte> bytes;
};

// As a length: go on at the ring's beginning. Records are multiples of 8, so the room that is left
// at its end always reaches to the length.
inline constexpr uint32_t kRingSkip = UINT32_MAX;
static_assert(offsetof(RecordHeader, length) + sizeof kRingSkip <= 8);

constexpr bool ring_bytes_good(size_t bytes) {
  return std::has_single_bit(bytes) && bytes >= 2 * record_bytes(kPayloadBytesMax);
}

class RecordRing {
 public:
  RecordRing() = default;
  explicit RecordRing(const RingMemory& memory) { attach(memory); }
  // Ours: what its header says is true (of a dead process: checked by check_ring).
  void attach(const RingMemory& memory) {
    STACK_CHECK(ring_bytes_good(memory.bytes.size()));
    header_ = memory.header;
    bytes_ = memory.bytes;
    tail_ = rio_word64_load(&header_->published);
    seen_head_ = position_ = rio_word64_load(&header_->head);
  }

  // The producer's side. header.length is the payload's. False: there would not be `keep` bytes of
  // room left, and nothing is written.
  bool push(const RecordHeader& header, Bytes payload, size_t keep) {
    const size_t need = record_bytes(payload.size());
    const size_t to_end = bytes_.size() - index(tail_);
    const size_t skip = to_end < need ? to_end : 0;
    if (bytes_.size() - (tail_ - seen_head_) < need + skip + keep) {
      // Pairs with the release in release: what was there has been read.
      seen_head_ = rio_word64_load(&header_->head);
      if (bytes_.size() - (tail_ - seen_head_) < need + skip + keep) return false;
    }
    if (skip) mark_skip();
    std::memcpy(&bytes_[index(tail_)], &header, sizeof header);
    if (!payload.empty()) {
      std::memcpy(&bytes_[index(tail_) + sizeof header], payload.data(), payload.size());
    }
    tail_ += need;
    rio_word64_store(&header_->published, tail_);
    return true;
  }

  // The consumer's side: the record at the front of what was not taken.
  bool front(RecordHeader& header, Bytes& payload) {
    // Pairs with the release in push: up to here records are complete.
    const uint64_t end = rio_word64_load(&header_->published);
    if (position_ == end) return false;
    if (load<uint32_t>(&bytes_[index(position_) + offsetof(RecordHeader, length)]) == kRingSkip) {
      position_ += bytes_.size() - index(position_);
    }
    std::memcpy(&header, &bytes_[index(position_)], sizeof header);
    payload = Bytes{bytes_}.subspan(index(position_) + sizeof header, header.length);
    return true;
  }
  // It has been looked at. It keeps its place, also over a kill, until release.
  void take(const RecordHeader& header) { position_ += record_bytes(header.length); }
  // The room of everything taken.
  void release() { rio_word64_store(&header_->head, position_); }

  // Any thread: bytes that wait. The head first, since it never passes `published`.
  size_t depth() const {
    if (header_ == nullptr) return 0;
    const uint64_t head = rio_word64_load(&header_->head);
    return static_cast<size_t>(rio_word64_load(&header_->published) - head);
  }

 private:
  size_t index(uint64_t position) const { return position & (bytes_.size() - 1); }
  void mark_skip() {
    std::memcpy(&bytes_[index(tail_) + offsetof(RecordHeader, length)], &kRingSkip,
                sizeof kRingSkip);
    tail_ += bytes_.size() - index(tail_);
  }

  RingHeader* header_ = nullptr;
  std::span<std::byte> bytes_;
  alignas(64) uint64_t tail_ = 0;  // the producer's
  uint64_t seen_head_ = 0;
  alignas(64) uint64_t position_ = 0;  // the consumer's
};

}  // namespace pinion::journal
