// Loss recovery over a path that loses, delays and repeats by a seed, to a receiver that SACKs as
// RFC 2018 says; and the scoreboard against a plain array that takes each ACK literally. Everything
// arrives; nothing that was SACKed is sent again; where segments keep their order and no ACK is
// lost, as many are sent again as were lost; and every element goes back to the pool.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/rng.h"
#include "unit/tcp/loss_bed.h"

namespace pinion {
namespace {

constexpr uint32_t kSegment = testing::LossBed::kSmss;
constexpr Seq kFirst = testing::LossBed::kFirst;

struct PathOptions {
  uint64_t seed = 1;
  double loss = 0.01, ack_loss = 0, repeat = 0;
  Nanos delay = kMilli / 2, jitter = 0;
  bool sack = true, dsack = true, probes = true, stretch = false;
  CongestionControl control = CongestionControl::cubic;
  uint32_t segments = 1000;
};

class Path {
 public:
  explicit Path(const PathOptions& o) : o_(o), rng_(o.seed), pool_(1024) {
    config_.rtt.rto_min = 5 * kMilli;
    config_.tail_loss_probe = o.probes;
    loss_.rtt.start(config_.rtt);
    loss_.rtt.sample(config_.rtt, 2 * o.delay, now_);
    loss_.start(config_, kFirst, o.sack, o.control, kSegment, false);
    got_.resize(o.segments), told_.resize(o.segments);
  }
  ~Path() {
    loss_.clear(pool_);
    EXPECT_EQ(pool_.used(), 0u);
  }

  // False: it did not end in this time.
  bool run(Nanos limit) {
    const Nanos end = now_ + limit;
    output();
    while (acked_ < o_.segments && !::testing::Test::HasFailure()) {
      const Nanos next = std::min(loss_.deadline(), wire_.empty() ? kNever : wire_.begin()->first);
      if (next > end) return false;
      now_ = std::max(now_, next);
      if (!wire_.empty() && wire_.begin()->first <= now_) arrive();
      else on_timer();
      check();
    }
    return !::testing::Test::HasFailure();
  }

  Nanos elapsed() const { return now_ - kStart; }
  uint32_t lost() const { return lost_; }
  const LossStats& stats() const { return loss_.stats; }

 private:
  static constexpr Nanos kStart = 5 * kSecond;
  struct Packet {
    bool ack = false;
    uint32_t segment = 0;  // or what is acknowledged
    std::vector<SackBlock> sack{};
  };
  static Seq at(uint32_t segment) { return kFirst + segment * kSegment; }
  static uint32_t index(Seq seq) { return (seq - kFirst) / kSegment; }

  void put(const Packet& packet) {
    const Nanos jitter = o_.jitter == 0 ? 0 : rng_.below(static_cast<uint32_t>(o_.jitter));
    wire_.emplace(now_ + o_.delay + jitter, packet);
  }
  void transmit(uint32_t segment) {
    ASSERT_FALSE(told_[segment]) << "was SACKed or acknowledged, seed " << o_.seed;
    if (rng_.chance(o_.loss)) {
      ++lost_;
      return;
    }
    put({.segment = segment});
    if (rng_.chance(o_.repeat)) put({.segment = segment});
  }
  void output() {
    loss_.begin_output(config_, now_);
    for (;;) {
      if (loss_.quota() < kSegment) return;
      if (SentSegment* s = loss_.next_lost(pool_, kSegment)) {
        ASSERT_EQ(s->length, kSegment);
        transmit(index(s->seq));
        loss_.retransmitted(config_, s, now_);
      } else if (index(loss_.snd_nxt()) < o_.segments && pool_.has_room()) {
        transmit(index(loss_.snd_nxt()));
        loss_.sent(config_, pool_, kSegment, now_);
      } else {
        return;
      }
    }
  }
  void on_timer() {
    switch (loss_.on_timer(config_, now_)) {
      case LossTimer::none: return;
      case LossTimer::reorder:
      case LossTimer::timeout: return output();
      case LossTimer::probe: break;
    }
    const uint32_t next = index(loss_.snd_nxt());
    if (next < o_.segments && pool_.has_room()) {
      transmit(next);
      loss_.sent(config_, pool_, kSegment, now_);
      return loss_.probe_sent(config_, true, false, now_);
    }
    SentSegment* s = loss_.probe_segment(pool_, kSegment);
    transmit(index(s->seq));
    loss_.retransmitted(config_, s, now_);
    loss_.probe_sent(config_, true, true, now_);
  }
  void arrive() {
    const Packet packet = wire_.begin()->second;
    wire_.erase(wire_.begin());
    if (packet.ack) on_ack(packet);
    else receive(packet.segment);
  }

  // The receiver.
  void receive(uint32_t segment) {
    std::optional<SackBlock> twice;
    if (got_[segment]) twice = SackBlock{at(segment), at(segment + 1)};
    got_[segment] = true;
    while (next_ < o_.segments && got_[next_]) ++next_;
    Packet ack{.ack = true, .segment = next_};
    if (o_.sack) {
      if (twice && o_.dsack) ack.sack.push_back(*twice);
      add_run(ack, segment);
      for (const uint32_t s : std::vector<uint32_t>(recent_)) add_run(ack, s);
      recent_.insert(recent_.begin(), segment);
      if (recent_.size() > 8) recent_.pop_back();
    }
    if (o_.stretch && !wire_.empty() && next_ > segment && rng_.below(2)) return;
    if (!rng_.chance(o_.ack_loss)) put(ack);
  }
  void add_run(Packet& ack, uint32_t segment) const {
    if (segment < next_ || ack.sack.size() >= 3) return;
    uint32_t left = segment, right = segment + 1;
    while (left > next_ && got_[left - 1]) --left;
    while (right < o_.segments && got_[right]) ++right;
    const SackBlock run{at(left), at(right)};
    for (const SackBlock& b : ack.sack) {
      if (b == run) return;
    }
    ack.sack.push_back(run);
  }

  void on_ack(const Packet& packet) {
    const Seq ack = at(packet.segment);
    for (uint32_t i = acked_; i < packet.segment; ++i) told_[i] = true;
    for (const SackBlock& b : packet.sack) {
      for (Seq s = b.left; s < b.right; s += kSegment) told_[index(s)] = true;
    }
    acked_ = std::max(acked_, packet.segment);
    loss_.on_ack(config_, pool_, {.ack = ack, .sack = packet.sack}, now_);
    output();
  }

  // The scoreboard is what the ACKs said, in order and without gaps; its sums are right.
  void check() {
    uint32_t sacked = 0, lost = 0, in_flight = 0;
    Seq expected = loss_.snd_una();
    for (const SentSegment* s = loss_.scoreboard().front(); s != nullptr; s = Scoreboard::next(s)) {
      ASSERT_EQ(s->seq, expected);
      expected = s->end();
      switch (s->fate) {
        case SegmentFate::sacked: sacked += s->length; break;
        case SegmentFate::lost: lost += s->length; break;
        case SegmentFate::in_flight: in_flight += s->length; break;
      }
      for (Seq b = s->seq; b < s->end(); b += kSegment) {
        ASSERT_EQ(told_[index(b)], s->fate == SegmentFate::sacked) << "seed " << o_.seed;
      }
    }
    ASSERT_EQ(expected, loss_.snd_nxt());
    ASSERT_EQ(sacked, loss_.scoreboard().sacked_bytes());
    ASSERT_EQ(lost, loss_.scoreboard().lost_bytes());
    ASSERT_EQ(in_flight, loss_.scoreboard().in_flight_bytes());
    ASSERT_LE(loss_.pipe(), in_flight);
    ASSERT_EQ(loss_.deadline() == kNever, loss_.flight_size() == 0);
    ASSERT_GE(loss_.congestion.cwnd, kSegment);
  }

  PathOptions o_;
  Rng rng_;
  LossConfig config_{};
  SegmentPool pool_;
  Loss loss_;
  Nanos now_ = kStart;
  std::multimap<Nanos, Packet> wire_;
  std::vector<bool> got_;   // by the receiver
  std::vector<bool> told_;  // to the sender
  std::vector<uint32_t> recent_;
  uint32_t next_ = 0, acked_ = 0, lost_ = 0;
};

TEST(LossRandom, NoMoreRetransmissionsThanLosses) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    for (const double loss : {0.0, 0.01, 0.05, 0.2}) {
      Path path({.seed = seed, .loss = loss});
      ASSERT_TRUE(path.run(600 * kSecond)) << "seed " << seed << " loss " << loss;
      // A probe may be one too many, and a timeout what was only late.
      const uint32_t extra = path.stats().probes + path.stats().timeouts;
      EXPECT_LE(path.stats().retransmitted_segments, path.lost() + extra) << seed << " " << loss;
      if (loss <= 0.01) {
        EXPECT_LE(path.stats().timeouts, 1u) << seed;
      }
      if (loss == 0) {
        EXPECT_EQ(path.stats().retransmitted_segments, 0u) << seed;
      }
    }
  }
}

TEST(LossRandom, AcksLostRepeatedAndReordered) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Path path({.seed = seed,
               .loss = 0.03,
               .ack_loss = 0.1,
               .repeat = 0.02,
               .jitter = static_cast<Nanos>(seed % 4) * 200 * kMicro,
               .dsack = seed % 2 == 0,
               .stretch = seed % 3 == 0,
               .control = seed % 2 ? CongestionControl::newreno : CongestionControl::cubic});
    ASSERT_TRUE(path.run(600 * kSecond)) << "seed " << seed;
  }
}

TEST(LossRandom, WithoutSack) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Path path({.seed = seed,
               .loss = seed % 2 ? 0.01 : 0.05,
               .ack_loss = 0.01 * (seed % 3),
               .sack = false,
               .control = CongestionControl::newreno});
    // What is resent after a timeout may be there already: told_ knows only cumulative ACKs.
    ASSERT_TRUE(path.run(600 * kSecond)) << "seed " << seed;
  }
}

TEST(LossRandom, ReorderingAloneLosesLittle) {
  // RACK learns: what D-SACKs tell keeps the spurious retransmissions few.
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Path path({.seed = seed, .loss = 0, .jitter = 300 * kMicro});
    ASSERT_TRUE(path.run(600 * kSecond)) << "seed " << seed;
    EXPECT_LE(path.stats().retransmitted_segments, 100u) << seed;
  }
}

TEST(LossRandom, NearlyEverythingLost) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Path path({.seed = seed, .loss = 0.6, .ack_loss = 0.3, .segments = 50});
    ASSERT_TRUE(path.run(100'000 * kSecond)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace pinion
