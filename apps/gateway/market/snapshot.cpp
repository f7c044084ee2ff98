#include "gateway/market/snapshot.h"

#include <algorithm>

#include "gateway/soupbintcp/server.h"

namespace pinion::market {

using soupbintcp::ClientState;

void SnapshotSession::on_connecting(Nanos now) {
  ++counters_.attempts;
  const bool well = wait_ == 0 || now - next_ >= pace_.max;
  wait_ = well ? pace_.first : std::min(wait_ * 2, pace_.max);
  next_ = now + wait_;
  started_ = now;
  busy_ = true;
  over_ = begun_ = false;
  client_ = soupbintcp::Client(client_config_);
  client_.on_connecting(now);
}

void SnapshotSession::on_connected(Nanos now) {
  client_.on_connected(now);
  stream_.feed().keep_for_snapshot();
}

// The first message means that the login was accepted: until then, books that are good are used.
size_t SnapshotSession::input(Bytes stream, Nanos now) {
  const size_t used = client_.input(stream, now, [&](uint64_t, Bytes message) {
    // A server that begins later than with the first message leaves orders out.
    if (client_.missed() != 0) return;
    if (!begun_ && stream_.wants_snapshot()) stream_.begin_snapshot(now);
    begun_ = true;
    stream_.snapshot_message(message, now);
  });
  poll(now);
  return used;
}

void SnapshotSession::poll(Nanos now) {
  if (!busy_ || over_) return;
  client_.poll(now);
  over_ = client_.wants_close() || client_.missed() != 0 || now - started_ >= pace_.attempt_max ||
          (begun_ && !stream_.feed().loading());
}

void SnapshotSession::on_closed() {
  book::Feed& feed = stream_.feed();
  if (client_.state() == ClientState::rejected) {
    refused_ = client_.reject_reason() == soupbintcp::kNotAuthorised;
  }
  if (!begun_ || feed.loading()) ++counters_.broken;
  else if (!feed.live()) ++counters_.useless;
  feed.abandon_snapshot();
  busy_ = false;
}

Nanos SnapshotSession::next_deadline() const {
  if (!busy_) return !refused_ && stream_.wants_snapshot() ? next_ : kNever;
  if (over_) return INT64_MIN;
  return std::min(client_.next_deadline(), started_ + pace_.attempt_max);
}

}  // namespace pinion::market
