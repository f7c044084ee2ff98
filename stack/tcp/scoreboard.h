// Scoreboard: the segments of one connection that were sent and are not acknowledged, and the fate
// of each: in flight, SACKed, or lost. Two orders: by sequence number, and by time of (last)
// transmission for those in flight. Used by Loss alone, which decides; this counts and links.
#pragma once
#include "base/list.h"
#include "base/pool.h"
#include "base/seq.h"
#include "base/types.h"

namespace pinion {

enum class SegmentFate : uint8_t { in_flight, sacked, lost };

struct SentSegment {
  Seq seq;
  uint32_t length = 0;  // sequence numbers: a FIN in it counts
  Nanos sent_at = 0;    // last transmission
  Nanos first_sent_at = 0;
  uint32_t nth = 0;  // the transmission of this connection that sent it last
  SegmentFate fate = SegmentFate::in_flight;
  bool timed_out = false;        // the retransmission timer has resent it
  uint16_t retransmissions = 0;  // stops at its maximum
  uint32_t count = 1;            // segments that were merged into it, once SACKed
  Link<SentSegment> order, time;

  Seq end() const { return seq + length; }
};

// The memory of all scoreboards of a core.
class SegmentPool {
 public:
  explicit SegmentPool(uint32_t capacity) : pool_(capacity), reserve_(capacity / 16) {}
  // Whether new data may be sent: a sixteenth is kept for splitting what has been sent.
  bool has_room() const { return room() > 0; }
  uint32_t room() const {
    const uint32_t left = pool_.capacity() - pool_.used();
    return left > reserve_ ? left - reserve_ : 0;
  }
  SentSegment* take() { return pool_.take(); }
  void give(SentSegment* segment) { pool_.give(segment); }
  uint32_t used() const { return pool_.used(); }
  uint32_t capacity() const { return pool_.capacity(); }

 private:
  Pool<SentSegment> pool_;
  uint32_t reserve_;
};

class Scoreboard {
 public:
  using Order = List<SentSegment, &SentSegment::order>;
  using Time = List<SentSegment, &SentSegment::time>;

  bool empty() const { return order_.empty(); }
  uint32_t segments() const { return static_cast<uint32_t>(order_.size()); }
  SentSegment* front() const { return order_.front(); }
  SentSegment* back() const { return order_.back(); }
  static SentSegment* next(const SentSegment* s) { return Order::next(s); }
  // In flight, the one first that was sent first.
  SentSegment* earliest_sent() const { return time_.front(); }
  static SentSegment* next_sent(const SentSegment* s) { return Time::next(s); }

  uint32_t sacked_bytes() const { return sacked_bytes_; }
  uint32_t sacked_segments() const { return sacked_segments_; }
  uint32_t lost_bytes() const { return lost_bytes_; }
  uint32_t in_flight_bytes() const { return in_flight_bytes_; }
  uint32_t bytes() const { return sacked_bytes_ + lost_bytes_ + in_flight_bytes_; }

  // New data behind the last. The pool has an element (has_room).
  void push(SegmentPool& pool, Seq seq, uint32_t length, Nanos now);
  // Transmitted again: in flight, and the last in time.
  void resent(SentSegment* s, Nanos now);
  void mark(SentSegment* s, SegmentFate fate);
  // The first that is lost, or nullptr.
  SentSegment* first_lost();
  // Cuts s at `at`, seq < at < end; the rest follows it and is alike. False: the pool is empty.
  bool split(SegmentPool& pool, SentSegment* s, Seq at);
  // Everything below `at` goes, from s a part.
  void drop_front(SegmentPool& pool, SentSegment* s);
  void trim_front(SentSegment* s, Seq at);
  // Joins s, SACKed, with its neighbours that are SACKed too. Returns what it became.
  SentSegment* merge_sacked(SegmentPool& pool, SentSegment* s);
  void clear(SegmentPool& pool);

 private:
  uint32_t& bytes_of(SegmentFate fate);
  void count(const SentSegment* s, bool in);
  void absorb_next(SegmentPool& pool, SentSegment* s);

  Order order_;
  Time time_;
  SentSegment* lost_hint_ = nullptr;  // none before it is lost; nullptr: none is
  uint32_t transmissions_ = 0;        // so far
  uint32_t sacked_bytes_ = 0, sacked_segments_ = 0, lost_bytes_ = 0, in_flight_bytes_ = 0;
};

}  // namespace pinion
