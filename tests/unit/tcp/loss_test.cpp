// Loss recovery as conversations: acknowledgment, retransmission timer, NewReno without SACK, SACK,
// reneging. RACK and TLP have a file of their own.
#include "tcp/loss.h"

#include <gtest/gtest.h>

#include "unit/tcp/loss_bed.h"

namespace pinion {
namespace {

using testing::again;
using testing::fresh;
using testing::LossBed;

TEST(Loss, SendsWhatTheWindowAllows) {
  LossBed bed({.cwnd_segments = 4});
  bed.output(10);
  EXPECT_EQ(bed.take_sent(), fresh(0, 3));
  EXPECT_EQ(bed.loss.quota(), 0u);
  EXPECT_EQ(bed.loss.pipe(), 4000u);
  bed.pass(100 * kMilli);
  const LossOutcome out = bed.ack(2);
  EXPECT_EQ(out.acked, 2000u);
  EXPECT_EQ(out.delivered, 2000u);
  bed.output(10);
  EXPECT_EQ(bed.take_sent(), fresh(4, 7));  // slow start: two for each
  EXPECT_EQ(bed.loss.flight_size(), 6000u);
}

TEST(Loss, PartOfASegmentAcknowledged) {
  LossBed bed({});
  bed.output(2);
  bed.pass(100 * kMilli);
  const LossOutcome out = bed.loss.on_ack(bed.config, bed.pool, {.ack = bed.at(0) + 300}, bed.now);
  EXPECT_EQ(out.acked, 300u);
  EXPECT_EQ(bed.loss.scoreboard().front()->length, 700u);
  EXPECT_EQ(bed.loss.pipe(), 1700u);
}

TEST(Loss, MeasuresTheFirstThatIsAcknowledged) {
  LossBed bed({.rtt = 0});
  bed.output(1);
  bed.pass(20 * kMilli);
  bed.output(1);
  bed.pass(100 * kMilli);
  bed.ack(2);
  EXPECT_EQ(bed.loss.rtt.srtt, 120 * kMilli);
  EXPECT_EQ(bed.loss.rtt.min_rtt(), 100 * kMilli);  // of the one sent last
}

TEST(Loss, NothingMeasuredOfARetransmission) {  // Karn
  LossBed bed({.sack = false, .rtt = 0});
  bed.output(2);
  EXPECT_EQ(bed.fire(), LossTimer::timeout);
  bed.output(0);
  bed.pass(100 * kMilli);
  bed.ack(2);
  EXPECT_FALSE(bed.loss.rtt.measured());
  EXPECT_EQ(bed.loss.rtt.backoffs, 1u);  // until there is a sample
  EXPECT_EQ(bed.loss.timeouts(), 0u);
}

TEST(Loss, RetransmissionTimer) {  // RFC 6298 5.1 to 5.6
  LossBed bed({.probes = false});
  EXPECT_EQ(bed.loss.deadline(), kNever);
  bed.output(3);
  const Nanos rto = bed.loss.rtt.rto(bed.config.rtt);
  EXPECT_EQ(bed.loss.deadline(), bed.now + rto);
  bed.pass(50 * kMilli);
  bed.output(1);  // runs already
  EXPECT_EQ(bed.loss.deadline(), bed.now - 50 * kMilli + rto);
  bed.pass(50 * kMilli);
  bed.ack(1);
  EXPECT_EQ(bed.loss.deadline(), bed.now + bed.loss.rtt.rto(bed.config.rtt));
  bed.ack(4);
  EXPECT_EQ(bed.loss.deadline(), kNever);
}

TEST(Loss, TimeoutsBackOffAndKeepSsthresh) {
  LossBed bed({.probes = false, .cwnd_segments = 8});
  bed.output(8);
  bed.take_sent();
  const Nanos rto = bed.loss.rtt.rto(bed.config.rtt);
  EXPECT_EQ(bed.fire(), LossTimer::timeout);
  EXPECT_EQ(bed.loss.congestion.cwnd, 1000u);
  EXPECT_EQ(bed.loss.congestion.ssthresh, 4000u);
  bed.output(8);
  EXPECT_EQ(bed.take_sent(), again({0}));
  EXPECT_EQ(bed.loss.deadline(), bed.now + 2 * rto);
  EXPECT_EQ(bed.fire(), LossTimer::timeout);
  EXPECT_EQ(bed.loss.congestion.ssthresh, 4000u);
  EXPECT_EQ(bed.loss.timeouts(), 2u);
  bed.output(8);
  EXPECT_EQ(bed.take_sent(), again({0}));
  // The others were lost too: slow start resends them before anything new.
  bed.pass(100 * kMilli);
  bed.ack(1);
  EXPECT_EQ(bed.loss.timeouts(), 0u);
  bed.output(8);
  EXPECT_EQ(bed.take_sent(), again({1, 2}));
  bed.pass(100 * kMilli);
  bed.ack(3);
  bed.output(8);
  EXPECT_EQ(bed.take_sent(), again({3, 4, 5}));  // one segment more an ACK (RFC 3465 2.3)
  bed.pass(100 * kMilli);
  bed.ack(8);
  EXPECT_EQ(bed.loss.congestion.phase, CongestionPhase::open);
}

TEST(Loss, TimeoutDoesNotResendWhatIsSacked) {
  LossBed bed({.probes = false});
  bed.output(6);
  bed.take_sent();
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 3}});  // two: not enough yet
  while (bed.fire() != LossTimer::timeout) {
  }
  bed.loss.congestion.cwnd = 10'000;
  bed.output(0);
  for (const auto& s : bed.take_sent()) EXPECT_TRUE(s.segment == 0 || s.segment > 2) << s.segment;
  EXPECT_EQ(bed.loss.scoreboard().sacked_bytes(), 2000u);
}

TEST(Loss, OldestSentAtIsOfTheFirstTransmission) {
  LossBed bed({.probes = false});
  EXPECT_EQ(bed.loss.oldest_sent_at(), kNever);
  const Nanos began = bed.now;
  bed.output(1);
  bed.fire();
  bed.output(0);
  EXPECT_EQ(bed.loss.oldest_sent_at(), began);
}

TEST(Loss, IdleRestartsTheWindow) {
  LossBed bed({.cwnd_segments = 10});
  bed.loss.congestion.cwnd = 40'000;
  bed.output(1);
  bed.pass(100 * kMilli);
  bed.ack(1);
  bed.pass(10 * kSecond);
  bed.output(1);
  EXPECT_EQ(bed.loss.congestion.cwnd, 10'000u);
}

// ---- without SACK

TEST(NewReno, ThreeDuplicatesRetransmit) {  // RFC 5681 3.2
  LossBed bed({.sack = false});
  bed.output(10);
  bed.take_sent();
  bed.pass(100 * kMilli);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(bed.ack(0).duplicate);
    bed.output(10);
    EXPECT_EQ(bed.take_sent(), fresh(10 + i, 10 + i)) << "limited transmit, RFC 3042";
  }
  const LossOutcome out = bed.ack(0);
  EXPECT_TRUE(out.recovery_began);
  EXPECT_EQ(bed.loss.congestion.ssthresh, 5000u);
  bed.output(10);
  EXPECT_EQ(bed.take_sent(), again({0}));
}

TEST(NewReno, PartialAckRetransmitsTheNextHole) {  // RFC 6582 3.2
  LossBed bed({.sack = false});
  bed.output(10);
  bed.pass(100 * kMilli);
  for (int i = 0; i < 3; ++i) bed.ack(0);
  bed.output(0);
  bed.take_sent();
  bed.pass(100 * kMilli);
  EXPECT_FALSE(bed.ack(4).recovery_ended);
  bed.output(0);
  EXPECT_EQ(bed.take_sent(), again({4}));
  bed.pass(100 * kMilli);
  EXPECT_TRUE(bed.ack(10).recovery_ended);
  EXPECT_EQ(bed.loss.congestion.cwnd, 5000u);
  EXPECT_EQ(bed.loss.pipe(), 0u);
}

TEST(NewReno, NoSecondRecoveryForTheSameWindow) {  // RFC 6582 3.2 step 2, and 4
  LossBed bed({.sack = false});
  bed.output(10);
  EXPECT_EQ(bed.fire(), LossTimer::timeout);
  bed.output(0);
  bed.pass(100 * kMilli);
  bed.ack(10);
  bed.output(1);
  bed.take_sent();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(bed.ack(10).recovery_began);
}

TEST(NewReno, NotADuplicate) {  // RFC 5681 section 2
  LossBed bed({.sack = false});
  EXPECT_FALSE(bed.ack(0).duplicate);  // nothing is outstanding
  bed.output(4);
  const auto out =
      bed.loss.on_ack(bed.config, bed.pool, {.ack = bed.at(0), .plain = false}, bed.now);
  EXPECT_FALSE(out.duplicate);
  EXPECT_EQ(bed.loss.pipe(), 4000u);
}

// ---- SACK

TEST(Sack, ThreeSackedSegmentsRetransmitOnlyTheHole) {
  LossBed bed({});
  bed.output(10);
  bed.take_sent();
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 2}});
  bed.ack(0, {{1, 3}});
  const LossOutcome out = bed.ack(0, {{1, 4}});
  EXPECT_TRUE(out.recovery_began && out.marked_lost && out.duplicate);
  EXPECT_EQ(bed.loss.pipe(), 6000u);
  bed.output(0);
  EXPECT_EQ(bed.take_sent(), again({0}));
  bed.pass(100 * kMilli);
  EXPECT_TRUE(bed.ack(10).recovery_ended);
  EXPECT_EQ(bed.loss.stats.retransmitted_segments, 1u);
}

TEST(Sack, SeveralHolesOneAck) {
  LossBed bed({});
  bed.output(10);
  bed.take_sent();
  bed.pass(100 * kMilli);
  bed.ack(1, {{8, 10}, {5, 6}, {2, 4}});
  EXPECT_EQ(bed.loss.scoreboard().sacked_bytes(), 5000u);
  EXPECT_EQ(bed.loss.scoreboard().lost_bytes(), 4000u);  // 1, 4, 6, 7
  for (int i = 0; i < 4; ++i) {
    bed.output(0);
    bed.pass(kMilli);
    bed.loss.congestion.cwnd += 1000;
  }
  EXPECT_EQ(bed.take_sent(), again({1, 4, 6, 7}));
}

TEST(Sack, NonsenseIsIgnored) {
  LossBed bed({});
  bed.output(4);
  bed.pass(100 * kMilli);
  bed.ack(1, {{9, 12}});  // never sent
  bed.ack(1, {{3, 2}});   // inside out
  bed.ack(1, {{2, 2}});   // empty
  bed.ack(1, {{0, 1}});   // old
  EXPECT_EQ(bed.loss.scoreboard().sacked_bytes(), 0u);
  EXPECT_EQ(bed.loss.stats.dsacks, 0u);  // nothing was ever sent again
  bed.ack(1, {{0, 3}});                  // from below: the part that is outstanding
  EXPECT_EQ(bed.loss.scoreboard().sacked_bytes(), 2000u);
}

TEST(Sack, PartOfASegmentSplitsIt) {
  LossBed bed({});
  bed.output(4);
  bed.pass(100 * kMilli);
  const SackBlock block{bed.at(1) + 200, bed.at(2) + 100};
  bed.loss.on_ack(bed.config, bed.pool, {.ack = bed.at(0), .sack = {&block, 1}}, bed.now);
  EXPECT_EQ(bed.loss.scoreboard().sacked_bytes(), 900u);
  EXPECT_EQ(bed.loss.scoreboard().bytes(), 4000u);
}

// RFC 6675 5: of any ACK. RFC 2883: twice is what lies below the ACK that tells it, not below the
// one that came before it.
TEST(Sack, AnOvertakenAckTellsWhatItSacks) {
  LossBed bed({.cwnd_segments = 10});
  bed.output(10);
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 3}});
  bed.ack(0, {{1, 4}});
  bed.output(0);  // 0 again
  EXPECT_EQ(bed.loss.stats.retransmitted_segments, 1u);
  bed.ack(5);
  LossOutcome out = bed.ack(3, {{4, 5}});  // it came late, and has come to nothing
  EXPECT_EQ(out.delivered, 0u);
  EXPECT_FALSE(out.dsack);
  out = bed.ack(3, {{6, 8}});
  EXPECT_EQ(out.delivered, 2 * LossBed::kSmss);
  EXPECT_EQ(out.acked, 0u);
  EXPECT_EQ(bed.loss.scoreboard().sacked_bytes(), 2 * LossBed::kSmss);
  EXPECT_EQ(bed.loss.snd_una(), bed.at(5));
  out = bed.ack(4, {{0, 1}});
  EXPECT_TRUE(out.dsack);
  out = bed.ack(4);  // nothing told
  EXPECT_EQ(out.delivered, 0u);
  bed.ack(10);
  EXPECT_EQ(bed.loss.flight_size(), 0u);
}

TEST(Sack, CrumbsTakeABoundedShareOfThePool) {
  LossBed bed({.cwnd_segments = 10});
  bed.output(10);
  for (uint32_t i = 0; i < 5000; i += 2) {
    const SackBlock block{bed.at(0) + i * 2 + 1, bed.at(0) + i * 2 + 2};
    if (bed.loss.snd_nxt() < block.right) break;
    bed.loss.on_ack(bed.config, bed.pool, {.ack = bed.at(0), .sack = {&block, 1}}, bed.now);
  }
  EXPECT_LE(bed.pool.used(), 32u);
}

TEST(Sack, RenegedIsSentAgain) {  // RFC 2018 section 8
  LossBed bed({.probes = false});
  bed.output(6);
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 6}});
  bed.output(0);
  bed.pass(100 * kMilli);
  bed.ack(1);  // and not 6: the peer threw it away
  EXPECT_EQ(bed.loss.scoreboard().sacked_bytes(), 5000u);
  bed.take_sent();
  while (bed.fire() != LossTimer::timeout) {
  }
  EXPECT_EQ(bed.loss.stats.reneged, 1u);
  EXPECT_EQ(bed.loss.scoreboard().sacked_bytes(), 0u);
  bed.loss.congestion.cwnd = 10'000;
  bed.output(0);
  EXPECT_EQ(bed.take_sent(), again({1, 2, 3, 4, 5}));  // in segments again, not as merged
}

TEST(Sack, SmallerPathMtuSendsAgainInPieces) {
  LossBed bed({});
  bed.output(2);
  bed.take_sent();
  bed.loss.path_mtu_fell(400);
  EXPECT_EQ(bed.loss.congestion.ssthresh, UINT32_MAX);
  std::vector<uint32_t> lengths;
  while (SentSegment* s = bed.loss.next_lost(bed.pool, 400)) {
    lengths.push_back(s->length);
    bed.loss.retransmitted(bed.config, s, bed.now);
  }
  EXPECT_EQ(lengths, (std::vector<uint32_t>{400, 400, 200, 400, 400, 200}));
}

TEST(Sack, AnEmptyPoolSendsNothingNewAndRepairsStill) {
  LossBed bed({.cwnd_segments = 100, .pool = 16});
  bed.output(100);
  EXPECT_EQ(bed.take_sent().size(), 15u);
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 15}});
  bed.output(100);
  EXPECT_EQ(bed.take_sent().front(), (LossBed::Sent{0, true}));
}

}  // namespace
}  // namespace pinion
