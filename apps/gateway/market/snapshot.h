// GLIMPSE 5.0 sessions, one after the other, whenever the stream wants a snapshot. Told what has
// happened to the connection and what came, as soupbintcp::Client is. Each attempt is a session of
// its own, from its first message on. They are paced, so that a stream that no snapshot mends, or a
// server that refuses, is not asked all the time: the waits double, until it was well for a while.
#pragma once
#include "gateway/market/stream.h"
#include "gateway/soupbintcp/client.h"

namespace pinion::market {

struct SnapshotPace {
  Nanos first = kSecond;             // between the beginnings of two attempts
  Nanos max = 60 * kSecond;          // and at most
  Nanos attempt_max = 60 * kSecond;  // a snapshot that takes longer is given up
};

struct SnapshotCounters {
  uint64_t attempts = 0;
  uint64_t broken = 0;   // ended before a snapshot was complete, or came with a part missing
  uint64_t useless = 0;  // complete, or given up, and not of this stream: the next one may be
};

class SnapshotSession {
 public:
  SnapshotSession(const soupbintcp::ClientConfig& client, const SnapshotPace& pace, Stream& stream)
      : client_config_(client), pace_(pace), stream_(stream), client_(client) {}

  SnapshotCounters counters() const {
    SnapshotCounters out = counters_;
    out.useless += stream_.snapshots_disowned();
    return out;
  }
  bool busy() const { return busy_; }
  // The login was not authorised: it is not tried again, and a person must look.
  bool refused() const { return refused_; }
  Nanos next_deadline() const;

  // The transport, as for soupbintcp::Client.
  bool wants_connection(Nanos now) const {
    return !busy_ && !refused_ && now >= next_ && stream_.wants_snapshot();
  }
  bool wants_close() const { return busy_ && over_; }
  void on_connecting(Nanos now);
  void on_connected(Nanos now);
  void on_closed();
  size_t input(Bytes stream, Nanos now);  // bytes it is done with
  size_t output(MutableBytes out, Nanos now) { return busy_ ? client_.output(out, now) : 0; }
  void poll(Nanos now);

 private:
  soupbintcp::ClientConfig client_config_;
  SnapshotPace pace_;
  Stream& stream_;
  soupbintcp::Client client_;
  SnapshotCounters counters_;
  bool busy_ = false, begun_ = false, over_ = false, refused_ = false;
  Nanos started_ = 0;
  Nanos wait_ = 0, next_ = INT64_MIN;  // 0: none was begun yet
};

}  // namespace pinion::market
