// RACK-TLP (RFC 8985) as conversations.
#include <gtest/gtest.h>

#include "unit/tcp/loss_bed.h"

namespace pinion {
namespace {

using testing::again;
using testing::fresh;
using testing::LossBed;

TEST(Rack, OneSackArmsTheReorderingTimer) {  // 6.2 step 5, and the example of 9.2
  LossBed bed({});
  bed.output(4);
  bed.take_sent();
  bed.pass(100 * kMilli);
  EXPECT_FALSE(bed.ack(0, {{1, 2}}).marked_lost);
  // RACK.rtt + min_RTT / 4 after it was sent.
  EXPECT_EQ(bed.loss.deadline(), bed.now + 25 * kMilli);
  EXPECT_EQ(bed.fire(), LossTimer::reorder);
  EXPECT_EQ(bed.loss.congestion.phase, CongestionPhase::recovery);
  bed.output(0);
  EXPECT_EQ(bed.take_sent(), again({0}));
}

TEST(Rack, ReorderedWithinTheWindowIsNotLost) {
  LossBed bed({});
  bed.output(4);
  bed.take_sent();
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 2}});
  bed.pass(10 * kMilli);
  bed.ack(2);
  EXPECT_EQ(bed.loss.stats.fast_recoveries, 0u);
  // It is known now that segments are reordered: three SACKed ones do not mean loss at once.
  bed.pass(kMilli);
  bed.output(6);
  bed.pass(100 * kMilli);
  EXPECT_FALSE(bed.ack(4, {{5, 9}}).marked_lost);
  EXPECT_EQ(bed.fire(), LossTimer::reorder);
  EXPECT_TRUE(bed.loss.has_lost());
}

TEST(Rack, DsackWidensTheWindow) {  // 6.2 step 4
  LossBed bed({});
  bed.output(4);
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 2}});
  bed.fire();
  bed.output(0);
  bed.pass(5 * kMilli);
  bed.ack(4);  // it was only late
  bed.pass(95 * kMilli);
  EXPECT_TRUE(bed.ack(4, {{0, 1}}).dsack);
  EXPECT_EQ(bed.loss.stats.dsacks, 1u);
  bed.output(4);
  bed.pass(100 * kMilli);
  bed.ack(4, {{5, 6}});
  EXPECT_EQ(bed.loss.deadline(), bed.now + 50 * kMilli);  // 2 * min_RTT / 4
}

TEST(Rack, LostRetransmissionIsFound) {  // which DupThresh cannot
  LossBed bed({.cwnd_segments = 20});
  bed.output(10);
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 10}});
  bed.take_sent();
  bed.output(10);  // 0 again, and it is lost; then new data
  EXPECT_EQ(bed.take_sent().front(), (LossBed::Sent{0, true}));
  bed.pass(100 * kMilli);
  EXPECT_TRUE(bed.ack(0, {{1, 11}}).marked_lost);
  bed.output(10);
  EXPECT_EQ(bed.take_sent().front(), (LossBed::Sent{0, true}));
}

TEST(Rack, SegmentsSentLaterAreNotLost) {  // what a previous attempt got wrong
  LossBed bed({.cwnd_segments = 20});
  bed.output(4);
  bed.pass(50 * kMilli);
  bed.output(4);
  bed.pass(50 * kMilli);
  bed.ack(0, {{1, 4}});
  EXPECT_EQ(bed.loss.scoreboard().lost_bytes(), 1000u);
  bed.output(0);
  EXPECT_EQ(bed.loss.stats.retransmitted_segments, 1u);
}

TEST(Rack, SentAgainBehindNewDataOfTheSameMoment) {
  // All that leaves in one pass of the core has one time: the order of transmission decides.
  LossBed bed({.cwnd_segments = 20});
  bed.output(4);
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 3}});
  bed.output(1);         // 4, by limited transmit
  bed.ack(0, {{1, 4}});  // 0 is lost
  bed.output(0);         // and sent again, behind 4
  bed.pass(100 * kMilli);
  EXPECT_FALSE(bed.ack(0, {{1, 5}}).marked_lost);
  EXPECT_FALSE(bed.loss.has_lost());
}

TEST(Rack, AnEchoOfTheFirstTransmissionSaysNothingOfTheSecond) {  // 6.2 step 2
  LossBed bed({});
  bed.output(4);
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 4}});
  bed.output(4);  // 0 again, and 4..
  const Nanos resent = bed.now;
  bed.pass(100 * kMilli);
  // The ACK of 0 echoes a time before the retransmission: the first one has arrived, late.
  bed.loss.on_ack(bed.config, bed.pool, {.ack = bed.at(4), .echoed_until = resent - 1}, bed.now);
  EXPECT_FALSE(bed.loss.has_lost());
}

TEST(Rack, AfterATimeoutOnlyWhatIsLate) {  // 6.3
  LossBed bed({.probes = false});
  bed.output(2);
  bed.pass(290 * kMilli);
  bed.output(2);
  EXPECT_EQ(bed.fire(), LossTimer::timeout);             // 300 ms after the first
  EXPECT_EQ(bed.loss.scoreboard().lost_bytes(), 4000u);  // no RTT of RACK's own yet: all

  LossBed known({.probes = false});
  known.output(1);
  known.pass(100 * kMilli);
  known.ack(1);
  known.output(2);
  known.pass(known.loss.rtt.rto(known.config.rtt) - 10 * kMilli);
  known.output(2);
  EXPECT_EQ(known.fire(), LossTimer::timeout);
  EXPECT_EQ(known.loss.scoreboard().lost_bytes(), 2000u);
}

TEST(Tlp, ProbesTheTailWithTheLastSegment) {  // 7.2, 7.3
  LossBed bed({});
  bed.output(3);
  bed.take_sent();
  EXPECT_EQ(bed.loss.deadline(), bed.now + 200 * kMilli);  // 2 SRTT
  EXPECT_EQ(bed.fire(), LossTimer::probe);
  bed.send_probe(0);
  EXPECT_EQ(bed.take_sent(), again({2}));
  EXPECT_EQ(bed.loss.deadline(), bed.now + bed.loss.rtt.rto(bed.config.rtt));
  // The probe's SACK shows the hole.
  bed.pass(100 * kMilli);
  EXPECT_TRUE(bed.ack(0, {{2, 3}}).marked_lost || bed.fire() == LossTimer::reorder);
  EXPECT_TRUE(bed.loss.has_lost());
}

TEST(Tlp, ASingleSegmentAllowsForADelayedAck) {
  LossBed bed({});
  bed.config.max_ack_delay = 40 * kMilli;
  bed.output(1);
  EXPECT_EQ(bed.loss.deadline(), bed.now + 240 * kMilli);
}

TEST(Tlp, NeverAfterTheRetransmissionTimeout) {  // PTO = min(PTO, RTO)
  LossBed bed({});
  bed.config.max_ack_delay = 400 * kMilli;
  bed.output(1);
  const Nanos rto = bed.loss.rtt.rto(bed.config.rtt);
  EXPECT_EQ(bed.loss.deadline(), bed.now + rto);
  EXPECT_EQ(bed.fire(), LossTimer::probe);
  bed.send_probe(0);
  EXPECT_EQ(bed.fire(), LossTimer::timeout);
}

TEST(Tlp, NewDataIsTheBetterProbe) {
  LossBed bed({.cwnd_segments = 3});
  bed.output(3);
  bed.take_sent();
  EXPECT_EQ(bed.fire(), LossTimer::probe);
  bed.send_probe(1);  // beyond cwnd
  EXPECT_EQ(bed.take_sent(), fresh(3, 3));
  bed.pass(100 * kMilli);
  bed.ack(4);
  EXPECT_EQ(bed.loss.congestion.ssthresh, UINT32_MAX);
}

TEST(Tlp, ARepairedLossHalvesTheWindow) {  // 7.4.2
  LossBed bed({});
  bed.output(10);
  bed.fire();
  bed.send_probe(0);
  bed.pass(100 * kMilli);
  bed.ack(10);  // without D-SACK
  bed.output(1);
  bed.pass(100 * kMilli);
  bed.ack(11);
  EXPECT_EQ(bed.loss.congestion.ssthresh, 2000u) << "of what was in flight then";
  EXPECT_EQ(bed.loss.congestion.phase, CongestionPhase::open);
}

TEST(Tlp, ADsackOfTheProbeMeansNoLoss) {
  LossBed bed({});
  bed.output(10);
  bed.fire();
  bed.send_probe(0);
  bed.pass(50 * kMilli);
  bed.ack(10);
  bed.pass(50 * kMilli);
  bed.ack(10, {{9, 10}});
  bed.output(1);
  bed.pass(100 * kMilli);
  bed.ack(11);
  EXPECT_EQ(bed.loss.congestion.ssthresh, UINT32_MAX);
}

// A LAN, and a peer that holds the ACK of a single segment back: the timeout comes first, once.
// What was sent twice is no sample, so nothing else would teach the connection to wait.
TEST(Tlp, ADsackOfTheProbeTeachesToWaitForADelayedAck) {
  LossBed bed({.rtt = 100 * kMicro});
  bed.config.rtt.rto_min = 5 * kMilli;
  bed.config.max_ack_delay = 40 * kMilli;
  bed.output(1);
  EXPECT_EQ(bed.loss.deadline(), bed.now + 5 * kMilli);
  EXPECT_EQ(bed.fire(), LossTimer::probe);
  bed.send_probe(0);
  bed.pass(100 * kMicro);
  bed.ack(1, {{0, 1}});
  for (uint32_t i = 1; i < 5; ++i) {
    bed.output(1);
    EXPECT_GE(bed.loss.deadline(), bed.now + 50 * kMilli);
    bed.pass(44 * kMilli);
    bed.ack(i + 1);
  }
  // For several segments in flight the ACK is not held back: a probe is sent as ever.
  bed.output(2);
  EXPECT_LT(bed.loss.deadline(), bed.now + 2 * bed.loss.rtt.srtt + kMilli);
  bed.pass(100 * kMicro);
  bed.ack(7);
  // Answers that come at once end it after a while.
  for (uint32_t i = 7; i < 7 + 5 * Rtt::kPatientFor; ++i) {
    bed.output(1);
    bed.pass(100 * kMicro);
    bed.ack(i + 1);
  }
  bed.output(1);
  EXPECT_LT(bed.loss.deadline(), bed.now + 6 * kMilli);
}

TEST(Tlp, OneProbeForAMeasuredRtt) {  // 7.3
  LossBed bed({});
  bed.output(2);
  EXPECT_EQ(bed.fire(), LossTimer::probe);
  bed.send_probe(1);
  EXPECT_EQ(bed.fire(), LossTimer::timeout);
}

TEST(Tlp, NotWithoutSackNorInRecovery) {
  LossBed plain({.sack = false});
  plain.output(3);
  EXPECT_EQ(plain.fire(), LossTimer::timeout);

  LossBed bed({});
  bed.output(10);
  bed.pass(100 * kMilli);
  bed.ack(0, {{1, 4}});
  bed.output(0);
  EXPECT_EQ(bed.fire(), LossTimer::timeout);
}

}  // namespace
}  // namespace pinion
