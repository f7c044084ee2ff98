// Closing (RFC 9293 3.6, 3.10.4, 3.10.5): from either side, both at once, half, and by force.
#include <cerrno>

#include "tcp/bed.h"

namespace pinion {
namespace {

using namespace testing;

TEST(TcpClose, ActiveCloseEndsInTimeWait) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  bed.app_sends(s, "bye");
  bed.tcp().close(s.sk, bed.bed.now);
  EXPECT_EQ(s.released, 0);  // "bye" is not acknowledged
  const auto out = bed.out();
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].flags, kFinAck);
  EXPECT_EQ(bed.info(s).state, TcpState::fin_wait_1);
  EXPECT_EQ(bed.send({.ack = 5}), Drop::none);
  EXPECT_EQ(s.released, 1);
  EXPECT_EQ(bed.send({.ack = 5, .flags = kFinAck}), Drop::none);
  EXPECT_EQ(bed.out_one()->ack, 2u);
  EXPECT_EQ(bed.tcp().time_waiting(), 1u);
  bed.pass(60 * kSecond);
  EXPECT_EQ(bed.send({.ack = 5, .flags = kFinAck}), Drop::tcp_duplicate);  // the ACK was lost
  EXPECT_EQ(bed.out_one()->ack, 2u);
  EXPECT_EQ(bed.send({.seq = 2, .flags = kTcpRst}), Drop::tcp_reset_time_wait);  // RFC 1337
  bed.pass(119 * kSecond);
  EXPECT_EQ(bed.tcp().time_waiting(), 1u);
  bed.pass(kSecond);
  EXPECT_EQ(bed.tcp().tcbs_used(), 0u);
}

TEST(TcpClose, PassiveCloseAfterHalfClose) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.send({.flags = kFinAck, .data = "last"}), Drop::none);
  EXPECT_EQ(s.received, "last");
  EXPECT_EQ(s.ends, 1);
  EXPECT_EQ(bed.out_one()->ack, 6u);
  bed.app_sends(s, "still here");
  EXPECT_EQ(bed.out_one()->data, "still here");
  EXPECT_EQ(bed.send({.seq = 6, .ack = 11}), Drop::none);
  bed.tcp().close(s.sk, bed.bed.now);
  EXPECT_EQ(s.released, 1);
  EXPECT_EQ(bed.out_one()->flags, kFinAck);
  EXPECT_EQ(bed.send({.seq = 6, .ack = 12}), Drop::none);
  EXPECT_EQ(bed.tcp().tcbs_used(), 0u);
}

TEST(TcpClose, SimultaneousClose) {  // figure 13
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.tcp().shutdown(s.sk, bed.bed.now), 0);
  EXPECT_EQ(bed.out_one()->flags, kFinAck);
  EXPECT_EQ(bed.send({.flags = kFinAck}), Drop::none);
  EXPECT_EQ(bed.info(s).state, TcpState::closing);
  EXPECT_EQ(bed.out_one()->ack, 2u);
  EXPECT_EQ(bed.send({.seq = 2, .ack = 2}), Drop::none);
  EXPECT_EQ(bed.info(s).state, TcpState::time_wait);
  EXPECT_EQ(s.ends, 1);
}

TEST(TcpClose, FinIsRepeated) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  bed.app_sends(s, "x");
  EXPECT_EQ(bed.tcp().shutdown(s.sk, bed.bed.now), 0);
  EXPECT_EQ(bed.out().size(), 2u);
  std::string seen;
  bool fin = false;
  for (int i = 0; i < 5000 && !(fin && seen.size() > 0); ++i) {
    bed.pass(kMilli);
    for (const Out& o : bed.out()) seen += o.data, fin = fin || (o.flags & kTcpFin);
  }
  EXPECT_TRUE(fin);
  EXPECT_EQ(bed.send({.ack = 3}), Drop::none);
  EXPECT_EQ(bed.info(s).state, TcpState::fin_wait_2);
  EXPECT_EQ(bed.send({.ack = 3, .data = "more"}), Drop::none);  // half closed: it still receives
  EXPECT_EQ(s.received, "more");
  bed.out();
}

TEST(TcpClose, AbortSendsReset) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  bed.app_sends(s, "lost");
  bed.out();
  bed.tcp().abort(s.sk, -ECONNABORTED, bed.bed.now);
  EXPECT_EQ(s.error, -ECONNABORTED);
  EXPECT_EQ(s.released, 1);
  const auto rst = bed.out_one();
  ASSERT_TRUE(rst);
  EXPECT_EQ(rst->flags, kTcpRst | kTcpAck);
  EXPECT_EQ(rst->seq, 5u);
  EXPECT_EQ(bed.tcp().time_waiting(), 1u);  // its grave
  bed.pass(120 * kSecond);
  EXPECT_EQ(bed.tcp().tcbs_used(), 0u);
}

// Segments of the aborted connection may be about still. Within a moment it has sent more than the
// clock of RFC 6528 has ticked, so only what is kept of it can put the next one behind it.
TEST(TcpClose, TheNextConnectionBeginsBehindAnAbortedOne) {
  TcpBed bed;
  FakeStream& s = bed.connect();
  const std::string much(5000, 'x');
  bed.app_sends(s, much);
  EXPECT_FALSE(bed.out().empty());
  bed.tcp().abort(s.sk, -ECONNABORTED, bed.bed.now);
  const auto rst = bed.out_one();
  ASSERT_TRUE(rst);
  EXPECT_EQ(rst->seq, 5001u);
  // Whatever comes late is answered as in CLOSED, and the port is anybody's.
  EXPECT_EQ(bed.send({.ack = 1}), Drop::tcp_no_connection);
  EXPECT_EQ(bed.out_one()->flags, kTcpRst);
  s.released = 0;
  ASSERT_EQ(bed.tcp().bind(s.sk, {kOurs, kOurPort}, false), 0);
  ASSERT_EQ(bed.tcp().connect(s.sk, {kPeer, kPeerPort}, bed.bed.now), -EINPROGRESS);
  const auto syn = bed.out_one();
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->flags, kTcpSyn);
  EXPECT_EQ(syn->seq, 5001u + 65536);
  EXPECT_EQ(bed.tcp().tcbs_used(), 1u);
}

// What begins nothing leaves the grave where it is.
TEST(TcpClose, AGraveIsOpenedByAConnectionOnly) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.send({.flags = kTcpRst}), Drop::none);
  EXPECT_EQ(s.error, -ECONNRESET);
  EXPECT_EQ(bed.send({.seq = 5, .flags = kTcpSyn | kTcpFin}), Drop::tcp_no_connection);
  EXPECT_EQ(bed.out().size(), 1u);
  EXPECT_EQ(bed.tcp().time_waiting(), 1u);
}

TEST(TcpClose, TheNextSynIsAnsweredBehindAResetConnection) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  bed.app_sends(s, std::string(3000, 'x'));
  bed.out();
  EXPECT_EQ(bed.send({.flags = kTcpRst}), Drop::none);
  EXPECT_EQ(s.error, -ECONNRESET);
  EXPECT_EQ(bed.send({.seq = 100'000, .flags = kTcpSyn, .options = bed.syn_options}), Drop::none);
  const auto syn_ack = bed.out_one();
  ASSERT_TRUE(syn_ack);
  EXPECT_EQ(syn_ack->flags, kTcpSyn | kTcpAck);
  EXPECT_EQ(syn_ack->seq, 3001u + 65536);
}

TEST(TcpClose, DataAfterCloseResets) {  // RFC 1122 4.2.2.13
  TcpBed bed;
  FakeStream& s = bed.accept();
  bed.tcp().close(s.sk, bed.bed.now);
  EXPECT_EQ(s.released, 1);
  bed.out();
  EXPECT_EQ(bed.send({.ack = 2, .data = "x"}), Drop::tcp_after_close);
  EXPECT_EQ(bed.out_one()->flags, kTcpRst);
  EXPECT_EQ(bed.tcp().time_waiting(), 1u);
}

TEST(TcpClose, FinWait2WithoutOwnerIsLimited) {
  TcpBed bed({.fin_wait_2 = 3 * kSecond});
  FakeStream& s = bed.accept();
  bed.tcp().close(s.sk, bed.bed.now);
  bed.out();
  EXPECT_EQ(bed.send({.ack = 2}), Drop::none);
  bed.pass(2 * kSecond);
  EXPECT_EQ(bed.tcp().tcbs_used(), 1u);
  bed.pass(kSecond);
  EXPECT_EQ(bed.tcp().tcbs_used(), 0u);
}

TEST(TcpClose, SynInTimeWaitBeginsAnew) {  // RFC 6191, RFC 9293 3.6.1
  TcpBed bed;
  FakeStream& s = bed.accept();
  bed.tcp().close(s.sk, bed.bed.now);
  bed.out();
  EXPECT_EQ(bed.send({.ack = 2, .flags = kFinAck}), Drop::none);
  bed.out();
  EXPECT_EQ(bed.tcp().time_waiting(), 1u);
  EXPECT_EQ(bed.send({.seq = 1, .flags = kTcpSyn}), Drop::tcp_syn_challenged);
  bed.out();
  EXPECT_EQ(bed.send({.seq = 1000, .flags = kTcpSyn}), Drop::none);
  const auto syn_ack = bed.out_one();
  ASSERT_TRUE(syn_ack);
  EXPECT_EQ(syn_ack->flags, kTcpSyn | kTcpAck);
  EXPECT_GT(syn_ack->seq, 2u);  // behind the old connection's numbers
  EXPECT_EQ(bed.tcp().time_waiting(), 0u);
}

TEST(TcpClose, CloseInSynSent) {
  TcpBed bed;
  ASSERT_EQ(bed.tcp().connect(bed.stream.sk, {kPeer, kPeerPort}, bed.bed.now), -EINPROGRESS);
  bed.out();
  bed.tcp().close(bed.stream.sk, bed.bed.now);
  EXPECT_EQ(bed.stream.released, 1);
  EXPECT_EQ(bed.stream.failures, 0);
  EXPECT_EQ(bed.tcp().tcbs_used(), 0u);
}

// The owner has closed, so nobody is told that it failed; what it had sent ends with the reason.
TEST(TcpClose, FailureAfterCloseLeavesItsReason) {
  for (const bool reset : {false, true}) {
    TcpBed bed;
    FakeStream& s = bed.accept();
    s.sk.stream.user_timeout = 3 * kSecond;
    bed.tcp().options_changed(s.sk, bed.bed.now);
    bed.app_sends(s, "lost");
    bed.tcp().close(s.sk, bed.bed.now);
    bed.out();
    EXPECT_EQ(s.released, 0);
    if (reset) EXPECT_EQ(bed.send({.flags = kTcpRst}), Drop::none);
    else bed.pass(3 * kSecond);
    EXPECT_EQ(s.released, 1);
    EXPECT_EQ(s.failures, 0);
    EXPECT_EQ(s.sk.pending_error, reset ? -ECONNRESET : -ETIMEDOUT);
    bed.out();
  }
}

// HOSTILE A36, W63: peers that never answer a FIN, of an application that opens and closes.
TEST(TcpClose, OldestOrphanGivesWayToAConnection) {
  constexpr uint16_t kPool = 3;
  TcpBed bed({.connections_max = kPool});
  bed.listen();
  const auto establish = [&](uint16_t port) {
    bed.know_iss = false;
    EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn, .options = bed.syn_options}, port), Drop::none);
    const auto out = bed.out();
    EXPECT_EQ(bed.send({}, port), Drop::none);
    return out;
  };
  for (uint16_t i = 0; i < kPool; ++i) {
    EXPECT_EQ(establish(kPeerPort + i).size(), 1u);
    FakeStream& s = bed.accepted(i);
    bed.tcp().close(s.sk, bed.bed.now);
    EXPECT_EQ(bed.out_one()->flags, kFinAck);
    const Seg answers[] = {{.ack = 2}, {.flags = kFinAck}};  // FIN-WAIT-2, CLOSING; FIN-WAIT-1
    if (i < 2) {
      EXPECT_EQ(bed.send(answers[i], kPeerPort + i), Drop::none);
    }
    bed.out();
  }
  EXPECT_EQ(bed.tcp().orphans(), kPool);
  const auto out = establish(kPeerPort + kPool);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].flags, kTcpRst | kTcpAck);
  EXPECT_EQ(out[1].flags, kTcpSyn | kTcpAck);
  EXPECT_EQ(bed.bed.counters.tcp_orphans_evicted, 1u);
  EXPECT_EQ(bed.stream.accepted.size(), kPool + 1u);
  EXPECT_EQ(bed.tcp().orphans(), kPool - 1u);
  // Those that an owner holds are nobody's to take.
  for (uint16_t i = 1; i <= 2; ++i) establish(kPeerPort + kPool + i);
  EXPECT_EQ(bed.tcp().orphans(), 0u);
  EXPECT_EQ(bed.bed.counters.tcp_orphans_evicted, kPool);
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}, 8000), Drop::none);  // a cookie
  EXPECT_EQ(bed.tcp().tcbs_used(), kPool);
  bed.out();
}

// What becomes of an orphan: TIME-WAIT when its peer closes, and nothing when that is over.
TEST(TcpClose, OrphanEndsByItself) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  bed.tcp().close(s.sk, bed.bed.now);
  bed.out();
  EXPECT_EQ(bed.tcp().orphans(), 1u);
  EXPECT_EQ(bed.send({.flags = kFinAck}), Drop::none);  // CLOSING
  EXPECT_EQ(bed.tcp().orphans(), 1u);
  EXPECT_EQ(bed.send({.seq = 2, .ack = 2}), Drop::none);
  EXPECT_EQ(bed.tcp().orphans(), 0u);
  EXPECT_EQ(bed.tcp().time_waiting(), 1u);
  bed.out();
}

TEST(TcpClose, TimeWaitGivesWayToAConnection) {
  TcpBed bed({.connections_max = 1});
  FakeStream& s = bed.accept();
  bed.tcp().close(s.sk, bed.bed.now);
  bed.out();
  EXPECT_EQ(bed.send({.ack = 2, .flags = kFinAck}), Drop::none);
  bed.out();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}, 7001), Drop::none);
  EXPECT_EQ(bed.tcp().half_open(), 1u);
  EXPECT_EQ(bed.bed.counters.tcp_time_wait_evicted, 1u);
  bed.out();
}

}  // namespace
}  // namespace pinion
