// The market data of one venue without a socket: the lines' datagrams become books, and at every
// moment a book says whether it may be believed. Owns moldudp64's receiver, the feed and the books.
//
// Beyond what makes books stale themselves: while a hole is asked for they are behind, and so they
// are until the stream has come to where their snapshot was taken; when all lines are silent they
// are silent. A hole that the other line fills within gap_wait is no reason:
// two lines never bring a packet in the same moment.
#pragma once
#include <vector>

#include "gateway/book/feed.h"
#include "gateway/moldudp64/receiver.h"

namespace pinion::market {

struct StreamConfig {
  size_t lines = 2;  // or 1
  moldudp64::ReceiverConfig receiver;
  book::BooksConfig books;
  size_t kept_messages_max = 1 << 20;  // live ones that come while a snapshot does
};

class Stream {
 public:
  explicit Stream(const StreamConfig& config);

  void input(moldudp64::Line which, Bytes datagram, Nanos now) {
    receiver_.input(which, datagram, now, feed_);
    look(now);
  }
  void poll(Nanos now) {
    receiver_.poll(now, feed_);
    look(now);
  }
  // What a GLIMPSE session brings.
  void begin_snapshot(Nanos now) {
    feed_.begin_snapshot();
    look(now);
  }
  void snapshot_message(Bytes message, Nanos now) {
    if (!feed_.loading()) return;
    feed_.snapshot_message(message, receiver_.expected(), ahead_max_);
    if (feed_.loading()) return;
    snapshot_ended_ = now;
    look(now);
  }
  // As moldudp64::Receiver's.
  size_t request(MutableBytes out, uint32_t& server, Nanos now) {
    return receiver_.request(out, server, now);
  }
  Nanos next_deadline() const;

  // Not before something is heard: a snapshot is merged with what comes behind it.
  bool wants_snapshot() const {
    return feed_.wants_snapshot() && !feed_.ended() &&
           receiver_.state() != moldudp64::ReceiverState::waiting;
  }
  book::Feed& feed() { return feed_; }

  const book::Feed& feed() const { return feed_; }
  const book::Books& books() const { return books_; }
  const moldudp64::Receiver& receiver() const { return receiver_; }
  size_t lines() const { return lines_; }
  bool silent() const { return silent_; }  // all lines
  // That were merged, and the stream has shown that they are not of it.
  uint64_t snapshots_disowned() const { return disowned_; }

  // on_stale(index) for each book that was fresh and has gone stale since the last call, whether it
  // is fresh again or not.
  template <class OnStale>
  void take_stale(OnStale&& on_stale) {
    if (told_ == books_.counters().times_stale) return;
    told_ = books_.counters().times_stale;
    for (size_t i = 0; i < books_.size(); ++i) {
      if (told_of_[i] == books_.at(i).times_stale) continue;
      told_of_[i] = books_.at(i).times_stale;
      on_stale(i);
    }
  }

 private:
  void look(Nanos now);
  void look_at_snapshot();
  Nanos last_heard() const;  // of any line

  size_t lines_;
  Nanos line_silence_;
  uint64_t ahead_max_;
  book::Books books_;
  book::Feed feed_;
  moldudp64::Receiver receiver_;
  bool silent_ = false, behind_ = false;
  Nanos snapshot_ended_ = 0;
  uint64_t disowned_ = 0;
  uint64_t told_ = 0;
  std::vector<uint64_t> told_of_;
};

}  // namespace pinion::market
