// Brings a stream of ITCH messages and the books together: a sink of moldudp64::Receiver. From the
// stream's first message on it applies what comes; behind a hole, or when it starts in the middle,
// it wants a GLIMPSE 5.0 snapshot and merges it with what comes meanwhile. So it does when a book
// is corrupt; the others are used until the snapshot begins. How often to ask is the caller's to
// limit: a snapshot need not help.
//
//     snapshot:   orders as of number n ................ G n
//     live:       k, k+1, ...... (kept) .... n, n+1, ...      k <= n: drop up to n, apply from n
//                                                             k >  n: start over, as for a hole
//                                                             behind n, or more than is kept
#pragma once
#include <algorithm>

#include "gateway/book/books.h"
#include "gateway/wire/message_store.h"

namespace pinion::book {

class Feed {
 public:
  // kept: room for the live messages that come while a snapshot does.
  Feed(Books& books, MessageStore::Limits kept) : books_(books), kept_(kept) {}

  // True while the books need a snapshot that nobody has begun.
  bool wants_snapshot() const {
    return state_ == State::stale || (state_ == State::live && books_.corrupt());
  }
  bool loading() const { return state_ == State::loading; }
  bool live() const { return state_ == State::live; }
  // Whether a stream that goes on with this number has come to where the snapshot was taken. Before
  // that the books are of a later moment, and nothing yet has shown that they are of this stream.
  bool reached(uint64_t next) const {
    return state_ == State::stale || (state_ == State::live && next >= apply_from_);
  }
  bool ended() const { return ended_; }
  uint64_t snapshots_merged() const { return merged_; }

  // Sink of the receiver.
  void message(uint64_t sequence, Bytes bytes) {
    if (next_live_ == 0 && state_ == State::live && sequence > apply_from_) hole(0, sequence);
    next_live_ = sequence + 1;
    if (state_ == State::stale && sequence == 1) start();
    if (keeping_) keep(sequence, bytes);
    if (state_ == State::live) apply(sequence, bytes);
  }
  void hole(uint64_t /*first*/, uint64_t end) {
    next_live_ = end;
    if (keeping_) {
      hole_end_ = end;  // harmless if the snapshot is of later
      kept_.clear();
      first_kept_ = 0;
    }
    if (state_ == State::loading || (state_ == State::live && end <= apply_from_)) return;
    books_.mark_hole();
    state_ = State::stale;
  }
  void end_of_session() { ended_ = true; }

  // The GLIMPSE session: keep what comes live before its login is sent; begin when it is accepted
  // (until then the books stay as they are); then each of its sequenced messages, as long as it is
  // loading; abandon if it breaks before.
  void keep_for_snapshot() {
    kept_.clear();
    first_kept_ = hole_end_ = 0;
    keeping_ = true;
  }
  void begin_snapshot() {
    if (!keeping_) keep_for_snapshot();
    books_.begin_snapshot();
    state_ = State::loading;
  }
  // next: the number that the stream goes on with, of which heartbeats tell as well (0: unknown). A
  // snapshot of far more than that is not of this stream.
  void snapshot_message(Bytes bytes, uint64_t next, uint64_t ahead_max) {
    if (state_ != State::loading) return;
    const auto* end = !bytes.empty() && static_cast<char>(bytes[0]) == itch::Snapshot::kType
                          ? in_place<itch::Snapshot>(bytes)
                          : nullptr;
    if (end) merge(end->sequence.get(), next, ahead_max);
    else books_.apply(bytes);
  }
  void abandon_snapshot() {
    if (state_ == State::loading) state_ = State::stale;
    keeping_ = false;
  }
  // The one that was merged is not of this stream: there are no books again.
  void disown_snapshot() {
    books_.begin_snapshot();
    state_ = State::stale;
  }

 private:
  enum class State : uint8_t { stale, loading, live };

  void start() {
    books_.start();
    apply_from_ = 1;
    state_ = State::live;
  }
  void apply(uint64_t sequence, Bytes bytes) {
    if (sequence >= apply_from_) books_.apply(bytes);
  }
  void keep(uint64_t sequence, Bytes bytes) {
    if (first_kept_ == 0) first_kept_ = sequence;
    if (!kept_.append(bytes)) abandon_snapshot();  // it comes too slowly
  }
  // from: the first live number that the snapshot does not contain. Before it nothing counts; from
  // it on we must have everything.
  void merge(uint64_t from, uint64_t next, uint64_t ahead_max) {
    keeping_ = false;
    // 0: the first live message will show a hole.
    const uint64_t have_from = first_kept_ ? first_kept_ : std::max(next_live_, next);
    const bool too_far = from > next && from - next > ahead_max;
    if (from == Digits20::kBad || too_far || hole_end_ > from || have_from > from) {
      state_ = State::stale;
      return;
    }
    state_ = State::live;
    apply_from_ = from;
    ++merged_;
    books_.finish_snapshot();
    for (uint64_t i = 1; i < kept_.next(); ++i) apply(first_kept_ + i - 1, kept_.get(i));
    kept_.clear();
  }

  Books& books_;
  State state_ = State::stale;
  MessageStore kept_;
  uint64_t first_kept_ = 0;  // 0: nothing is kept
  uint64_t hole_end_ = 0, next_live_ = 0, apply_from_ = 1;
  uint64_t merged_ = 0;
  bool keeping_ = false, ended_ = false;
};

}  // namespace pinion::book
