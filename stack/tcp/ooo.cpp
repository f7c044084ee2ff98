#include "tcp/ooo.h"

#include <algorithm>

#include "base/check.h"

namespace pinion {

// Whole or in part below what is there already: one block is told, the lowest (RFC 2883 section 4:
// only the first duplicate of a segment).
void OooQueue::note_duplicate(Seq left, Seq right) {
  STACK_DCHECK(left < right);
  has_duplicate_ = true;
  duplicate_ = {left, right};
}

// RFC 2883 4.2: the segment that filled the gap brought some of what waits behind it once more. If
// its front was a duplicate too, that one is told.
void OooQueue::note_overlap(Seq left, Seq right) {
  if (has_duplicate_ || head_ == nullptr || right <= begin(head_)) return;
  const StreamChunk* c = head_;
  const SackBlock run = run_from(c);
  const Seq from = max(left, run.left), to = min(right, run.right);
  if (from < to) note_duplicate(from, to);
}

// The newest first; one of a run that is told already is found by its bounds in sack_blocks.
void OooQueue::note_recent(Seq seq) {
  uint32_t at = 0;
  while (at < recent_count_ && !(recent_[at] == seq)) ++at;
  if (at == recent_count_ && recent_count_ < kRecent) ++recent_count_;
  for (at = std::min(at, kRecent - 1); at > 0; --at) recent_[at] = recent_[at - 1];
  recent_[0] = seq;
}

uint32_t OooQueue::insert(Socket& sk, Seq rcv_nxt, Seq seq, Bytes data, bool fin,
                          uint32_t chunks_max, const RxTime& came) {
  const Seq right = seq + static_cast<uint32_t>(data.size());
  uint32_t stored = 0;
  bool duplicate = false;
  Seq at = max(seq, rcv_nxt);
  // The last chunk that begins at or before `at`; mostly the last of all.
  StreamChunk* before = nullptr;
  if (tail_ != nullptr && begin(tail_) <= at) before = tail_;
  else
    for (StreamChunk* c = head_; c != nullptr && begin(c) <= at; c = c->next) before = c;

  while (at < right) {
    if (before != nullptr && at < end(before)) {  // there already
      const Seq until = min(end(before), right);
      if (!duplicate) note_duplicate(at, until);
      duplicate = true;
      at = until;
      continue;
    }
    StreamChunk* const after = before == nullptr ? head_ : before->next;
    if (after != nullptr && begin(after) <= at) {
      before = after;
      continue;
    }
    const Seq until = after == nullptr ? right : min(begin(after), right);
    const uint32_t took =
        store(sk, before, at, data.subspan(at - seq, until - at), chunks_max, came);
    stored += took;
    at += took;
    if (at < until) break;  // no memory: the rest was never received
  }
  if (seq < at && rcv_nxt < at) note_recent(max(seq, rcv_nxt));
  if (fin && at == right) {
    has_fin_ = true;
    fin_ = right;
  }
  return stored;
}

// Puts data, which nobody has and which fits before the next chunk, behind `after` (nullptr:
// first); `after` becomes the last chunk written. Returns how many bytes found room.
uint32_t OooQueue::store(Socket& sk, StreamChunk*& after, Seq seq, Bytes data, uint32_t chunks_max,
                         const RxTime& came) {
  uint32_t stored = 0;
  while (stored < data.size()) {
    const Seq at = seq + stored;
    StreamChunk* c = after;
    if (c == nullptr || !(end(c) == at) || c->length == StreamChunk::kBytes) {
      c = chunks_ < chunks_max ? stream_take(sk) : nullptr;
      if (c == nullptr) break;
      ++chunks_;
      c->seq = at.v;
      c->length = 0;
      c->next = after == nullptr ? head_ : after->next;
      (after == nullptr ? head_ : after->next) = c;
      if (c->next == nullptr) tail_ = c;
      after = c;
    }
    const auto n = static_cast<uint32_t>(
        std::min<size_t>(data.size() - stored, StreamChunk::kBytes - c->length));
    std::memcpy(c->bytes + c->length, data.data() + stored, n);
    c->length += n;
    c->came.at_least(came);
    stored += n;
  }
  return stored;
}

void OooQueue::drop_head(Socket& sk) {
  StreamChunk* gone = head_;
  head_ = gone->next;
  if (head_ == nullptr) tail_ = nullptr;
  --chunks_;
  stream_give(sk, gone);
}

uint32_t OooQueue::deliver(Socket& sk, Seq rcv_nxt, Nanos now) {
  uint32_t delivered = 0;
  while (head_ != nullptr && begin(head_) <= rcv_nxt) {
    if (end(head_) <= rcv_nxt) {  // came in order meanwhile
      drop_head(sk);
      continue;
    }
    const uint32_t skip = rcv_nxt - begin(head_);
    const Bytes rest{head_->bytes + skip, head_->length - skip};
    // The end of what is here counts as pushed: more may be long in coming.
    const bool last = head_->next == nullptr || end(head_) < begin(head_->next);
    const uint32_t took = stream_deliver(sk, rest, last, head_->came, now);
    STACK_DCHECK(took <= rest.size());
    delivered += took;
    rcv_nxt += took;
    if (took < rest.size()) break;
  }
  return delivered;
}

bool OooQueue::has_sack(Seq rcv_nxt) const {
  return has_duplicate_ || (tail_ != nullptr && rcv_nxt < begin(tail_));
}

// The run of neighbouring bytes that has seq; empty if none does.
SackBlock OooQueue::run_at(Seq seq) const {
  for (const StreamChunk* c = head_; c != nullptr && begin(c) <= seq;) {
    const SackBlock run = run_from(c);
    if (in_range(seq, run.left, run.right)) return run;
  }
  return {};
}

SackBlock OooQueue::run_from(const StreamChunk*& c) {
  SackBlock run{begin(c), end(c)};
  for (c = c->next; c != nullptr && begin(c) == run.right; c = c->next) run.right = end(c);
  return run;
}

uint32_t OooQueue::sack_blocks(Seq rcv_nxt, SackBlock* out, uint32_t most) {
  uint32_t count = 0, first = 0;
  const auto told = [&](const SackBlock& run) {
    return std::any_of(out + first, out + count, [&](const SackBlock& b) { return b == run; });
  };
  // What is in order but not delivered yet is no run: the ACK speaks of it, or will.
  const auto tell = [&](const SackBlock& run) {
    if (count < most && rcv_nxt < run.left && !told(run)) out[count++] = run;
  };
  if (has_duplicate_ && most > 0) {
    out[count++] = duplicate_;
    first = 1;
    has_duplicate_ = false;
  }
  for (uint32_t i = 0; i < recent_count_; ++i) {
    if (rcv_nxt < recent_[i]) {
      if (const SackBlock run = run_at(recent_[i]); run.left < run.right) tell(run);
    }
  }
  for (const StreamChunk* c = head_; c != nullptr && count < most;) tell(run_from(c));
  return count;
}

void OooQueue::clear(Socket& sk) {
  while (head_ != nullptr) drop_head(sk);
  recent_count_ = 0;
  has_duplicate_ = has_fin_ = false;
}

}  // namespace pinion
