#include "tcp/scoreboard.h"

namespace pinion {

uint32_t& Scoreboard::bytes_of(SegmentFate fate) {
  switch (fate) {
    case SegmentFate::in_flight: return in_flight_bytes_;
    case SegmentFate::sacked: return sacked_bytes_;
    case SegmentFate::lost: break;
  }
  return lost_bytes_;
}

// Adds s to what its fate sums up, or takes it out.
void Scoreboard::count(const SentSegment* s, bool in) {
  uint32_t& bytes = bytes_of(s->fate);
  bytes = in ? bytes + s->length : bytes - s->length;
  if (s->fate != SegmentFate::sacked) return;
  sacked_segments_ = in ? sacked_segments_ + s->count : sacked_segments_ - s->count;
}

void Scoreboard::push(SegmentPool& pool, Seq seq, uint32_t length, Nanos now) {
  STACK_DCHECK(length > 0 && (order_.empty() || order_.back()->end() == seq));
  SentSegment* s = pool.take();
  STACK_CHECK(s != nullptr);
  // Every field, the links below: to clear the whole first costs more than all the rest. One that
  // is added does not compile here.
  auto& [begin, bytes, sent_at, first_sent_at, nth, fate, timed_out, resends, merged, order, time] =
      *s;
  begin = seq, bytes = length;
  sent_at = first_sent_at = now;
  nth = transmissions_++;
  fate = SegmentFate::in_flight;
  timed_out = false;
  resends = 0;
  merged = 1;
  order_.push_back(s);
  time_.push_back(s);
  count(s, true);
}

void Scoreboard::resent(SentSegment* s, Nanos now) {
  mark(s, SegmentFate::in_flight);
  time_.remove(s);
  time_.push_back(s);
  s->sent_at = now;
  s->nth = transmissions_++;
  if (s->retransmissions < UINT16_MAX) ++s->retransmissions;
}

void Scoreboard::mark(SentSegment* s, SegmentFate fate) {
  if (s->fate == fate) return;
  if (s == lost_hint_) lost_hint_ = Order::next(s);
  count(s, false);
  s->fate = fate;
  count(s, true);
  if (fate == SegmentFate::in_flight) time_.push_back(s);
  else time_.remove(s);
  if (fate == SegmentFate::lost && (lost_hint_ == nullptr || s->seq < lost_hint_->seq)) {
    lost_hint_ = s;
  }
}

SentSegment* Scoreboard::first_lost() {
  if (lost_bytes_ == 0) {
    lost_hint_ = nullptr;
    return nullptr;
  }
  while (lost_hint_->fate != SegmentFate::lost) lost_hint_ = Order::next(lost_hint_);
  return lost_hint_;
}

bool Scoreboard::split(SegmentPool& pool, SentSegment* s, Seq at) {
  STACK_DCHECK(s->seq < at && at < s->end());
  SentSegment* rest = pool.take();
  if (rest == nullptr) return false;
  count(s, false);
  *rest = *s;
  rest->order = {}, rest->time = {};
  rest->seq = at, rest->length = s->end() - at;
  s->length = at - s->seq;
  if (s->count > 1) rest->count = s->count / 2, s->count -= rest->count;
  order_.insert_after(s, rest);
  if (Time::contains(s)) time_.insert_after(s, rest);
  count(s, true);
  count(rest, true);
  return true;
}

void Scoreboard::drop_front(SegmentPool& pool, SentSegment* s) {
  STACK_DCHECK(s == order_.front());
  if (s == lost_hint_) lost_hint_ = Order::next(s);
  count(s, false);
  order_.remove(s);
  time_.remove(s);
  pool.give(s);
}

void Scoreboard::trim_front(SentSegment* s, Seq at) {
  STACK_DCHECK(s->seq < at && at < s->end());
  count(s, false);
  s->length = s->end() - at;
  s->seq = at;
  count(s, true);
}

void Scoreboard::absorb_next(SegmentPool& pool, SentSegment* s) {
  SentSegment* gone = Order::next(s);
  if (gone == lost_hint_) lost_hint_ = Order::next(gone);
  s->length += gone->length;
  s->count += gone->count;
  if (gone->retransmissions > s->retransmissions) s->retransmissions = gone->retransmissions;
  order_.remove(gone);
  pool.give(gone);
}

SentSegment* Scoreboard::merge_sacked(SegmentPool& pool, SentSegment* s) {
  STACK_DCHECK(s->fate == SegmentFate::sacked);
  SentSegment* before = Order::previous(s);
  if (before != nullptr && before->fate == SegmentFate::sacked) {
    s = before;
    absorb_next(pool, s);
  }
  const SentSegment* after = Order::next(s);
  if (after != nullptr && after->fate == SegmentFate::sacked) absorb_next(pool, s);
  return s;
}

void Scoreboard::clear(SegmentPool& pool) {
  while (SentSegment* s = order_.front()) drop_front(pool, s);
  STACK_DCHECK(bytes() == 0 && sacked_segments_ == 0 && time_.empty());
}

}  // namespace pinion
