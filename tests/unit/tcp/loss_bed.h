// For tests of Loss: a sender of segments of 1000 bytes at a clock of its own, which sends as Loss
// allows and writes down what it sent.
#pragma once
#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "tcp/loss.h"

namespace pinion::testing {

struct LossBed {
  static constexpr uint32_t kSmss = 1000;
  // Near its wrap, so that each test crosses it.
  static constexpr Seq kFirst{0xfffff000};

  struct Sent {
    uint32_t segment;  // number of its first byte, in segments
    bool again;
    friend bool operator==(const Sent&, const Sent&) = default;
  };
  struct Options {
    bool sack = true;
    bool probes = true;
    uint32_t cwnd_segments = 10;
    Nanos rtt = 100 * kMilli;  // measured already; 0: not
    CongestionControl control = CongestionControl::newreno;
    uint32_t pool = 4096;
  };

  LossConfig config{};
  SegmentPool pool;
  Loss loss;
  Nanos now = 10 * kSecond;
  std::vector<Sent> sent;  // since take_sent

  explicit LossBed(const Options& o) : pool(o.pool) {
    config.rtt.rto_min = 200 * kMilli;
    config.tail_loss_probe = o.probes;
    config.congestion.initial_window_segments = o.cwnd_segments;
    loss.rtt.start(config.rtt);
    if (o.rtt != 0) loss.rtt.sample(config.rtt, o.rtt, now);
    loss.start(config, kFirst, o.sack, o.control, kSmss, false);
    loss.congestion.cwnd = o.cwnd_segments * kSmss;
  }
  ~LossBed() {
    loss.clear(pool);
    EXPECT_EQ(pool.used(), 0u);
  }

  static Seq at(uint32_t segment) { return kFirst + segment * kSmss; }

  // Sends as Tcp does: what is lost first, then at most `fresh` new segments.
  void output(uint32_t fresh) {
    loss.begin_output(config, now);
    for (;;) {
      SentSegment* s = loss.next_lost(pool, kSmss);
      const uint32_t length = s != nullptr ? std::min(s->length, kSmss) : kSmss;
      if (loss.quota() < length) return;
      if (s != nullptr) {
        sent.push_back({(s->seq - kFirst) / kSmss, true});
        loss.retransmitted(config, s, now);
      } else if (fresh > 0 && pool.has_room()) {
        --fresh;
        sent.push_back({(loss.snd_nxt() - kFirst) / kSmss, false});
        loss.sent(config, pool, kSmss, now);
      } else {
        return;
      }
    }
  }
  // Those segments below `segment` are acknowledged, and of those above the pairs [left, right) are
  // SACKed, newest first.
  using Ranges = std::initializer_list<std::pair<uint32_t, uint32_t>>;
  LossOutcome ack(uint32_t segment, Ranges sack = {}) {
    std::vector<SackBlock> blocks;
    for (const auto& [left, right] : sack) blocks.push_back({at(left), at(right)});
    return loss.on_ack(config, pool, {.ack = at(segment), .sack = blocks}, now);
  }
  void pass(Nanos time) { now += time; }
  // To the deadline, and what is due there.
  LossTimer fire() {
    now = loss.deadline();
    return loss.on_timer(config, now);
  }
  // As Tcp does: new data if there is any, else the last segment again.
  void send_probe(uint32_t fresh) {
    if (fresh > 0) {
      sent.push_back({(loss.snd_nxt() - kFirst) / kSmss, false});
      loss.sent(config, pool, kSmss, now);
      return loss.probe_sent(config, true, false, now);
    }
    SentSegment* s = loss.probe_segment(pool, kSmss);
    sent.push_back({(s->seq - kFirst) / kSmss, true});
    loss.retransmitted(config, s, now);
    loss.probe_sent(config, true, true, now);
  }
  std::vector<Sent> take_sent() { return std::exchange(sent, {}); }
};

inline std::vector<LossBed::Sent> fresh(uint32_t first, uint32_t last) {
  std::vector<LossBed::Sent> all;
  for (uint32_t i = first; i <= last; ++i) all.push_back({i, false});
  return all;
}
inline std::vector<LossBed::Sent> again(std::initializer_list<uint32_t> segments) {
  std::vector<LossBed::Sent> all;
  for (const uint32_t i : segments) all.push_back({i, true});
  return all;
}

}  // namespace pinion::testing
