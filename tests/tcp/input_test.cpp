// Segments for a connection (RFC 9293 3.10.7.4): data, acknowledgments, resets, windows, the end.
#include <cerrno>

#include "tcp/bed.h"

namespace pinion {
namespace {

using namespace testing;

TEST(TcpInput, DataIsDeliveredAndAcknowledgedOnceAPass) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.send({.data = "abc"}), Drop::none);
  EXPECT_EQ(bed.send({.seq = 4, .data = "def"}), Drop::none);
  EXPECT_EQ(s.received, "abcdef");
  const auto ack = bed.out_one();
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->ack, 7u);
  EXPECT_EQ(ack->flags, kTcpAck);
}

TEST(TcpInput, AnswerCarriesTheAck) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.send({.data = "request"}), Drop::none);
  bed.app_sends(s, "reply");
  const auto out = bed.out_one();
  ASSERT_TRUE(out);
  EXPECT_EQ(out->data, "reply");
  EXPECT_EQ(out->ack, 8u);
  EXPECT_EQ(out->flags, kTcpAck | kTcpPsh);
  EXPECT_EQ(bed.send({.seq = 8, .ack = 6}), Drop::none);
  EXPECT_EQ(s.acked, 5u);
}

TEST(TcpInput, DelayedAckWaitsButNotForTheSecondFullSegment) {
  TcpBed bed({.delayed_ack = 40 * kMilli});
  bed.accept();
  EXPECT_EQ(bed.send({.data = "abc"}), Drop::none);
  bed.expect_nothing();
  bed.pass(40 * kMilli);
  EXPECT_EQ(bed.out_one()->ack, 4u);
  const std::string full(1460, 'x');
  EXPECT_EQ(bed.send({.seq = 4, .data = full}), Drop::none);
  bed.expect_nothing();
  EXPECT_EQ(bed.send({.seq = 1464, .data = full}), Drop::none);
  EXPECT_EQ(bed.out_one()->ack, 2924u);
}

TEST(TcpInput, OutOfOrderIsKeptAndAcknowledgedAtOnce) {
  TcpBed bed;
  bed.syn_options.sack_permitted = true;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.send({.seq = 4, .data = "def"}), Drop::none);
  const auto dup = bed.out_one();
  ASSERT_TRUE(dup);
  EXPECT_EQ(dup->ack, 1u);
  ASSERT_EQ(dup->options.sack_count, 1);
  EXPECT_EQ(dup->options.sack[0].left.v - kPeerIss, 4u);
  EXPECT_EQ(dup->options.sack[0].right.v - kPeerIss, 7u);
  EXPECT_EQ(bed.send({.seq = 7, .flags = kTcpAck | kTcpFin, .data = "g"}), Drop::none);
  EXPECT_EQ(bed.out_one()->ack, 1u);
  EXPECT_EQ(bed.send({.data = "abc"}), Drop::none);
  EXPECT_EQ(s.received, "abcdefg");
  EXPECT_EQ(s.ends, 1);
  EXPECT_EQ(bed.out_one()->ack, 9u);
  EXPECT_EQ(bed.info(s).state, TcpState::close_wait);
  EXPECT_EQ(s.chunks, 0u);
}

TEST(TcpInput, DuplicatesAreAcknowledgedAndDropped) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.send({.data = "abc"}), Drop::none);
  bed.out();
  EXPECT_EQ(bed.send({.data = "abc"}), Drop::tcp_duplicate);
  EXPECT_EQ(bed.out_one()->ack, 4u);
  EXPECT_EQ(bed.send({.data = "abcde"}), Drop::none);  // a part of it is new
  EXPECT_EQ(s.received, "abcde");
  bed.out();
}

TEST(TcpInput, ResetAtTheEdgeOnly) {  // RFC 5961 3.2
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpRst}), Drop::tcp_duplicate);
  EXPECT_EQ(bed.send({.seq = 70000, .flags = kTcpRst}), Drop::tcp_out_of_window);
  bed.expect_nothing();
  EXPECT_EQ(bed.send({.seq = 2, .flags = kTcpRst}), Drop::tcp_reset_challenged);
  EXPECT_EQ(bed.out_one()->flags, kTcpAck);
  EXPECT_EQ(bed.send({.seq = 2, .flags = kTcpRst}), Drop::tcp_reset_challenged);
  bed.expect_nothing();  // limited
  EXPECT_EQ(bed.send({.seq = 1, .flags = kTcpRst}), Drop::none);
  EXPECT_EQ(s.error, -ECONNRESET);
  EXPECT_EQ(bed.info(s).state, TcpState::closed);
}

TEST(TcpInput, SynIsChallenged) {  // RFC 5961 4
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}), Drop::tcp_syn_challenged);
  EXPECT_EQ(bed.out_one()->flags, kTcpAck);
  EXPECT_EQ(bed.info(s).state, TcpState::established);
}

TEST(TcpInput, AckOfWhatWasNotSentIsAnswered) {
  TcpBed bed;
  bed.accept();
  EXPECT_EQ(bed.send({.ack = 2}), Drop::tcp_ack_unsent);
  EXPECT_EQ(bed.out_one()->ack, 1u);
  EXPECT_EQ(bed.send({.flags = 0, .data = "x"}), Drop::tcp_no_ack);
}

TEST(TcpInput, WindowClosesAndOpens) {  // RFC 9293 3.8.6.2.2
  TcpBed bed;
  bed.stream.sk.stream.receive_bytes = 4096;
  FakeStream& s = bed.accept();
  s.reads = false;
  s.room = 4096;
  const std::string full(1460, 'x');
  uint32_t seq = 1;
  // The first windows told are still larger: what does not fit is not taken.
  for (int i = 0; i < 2; ++i, seq += 1460)
    EXPECT_EQ(bed.send({.seq = seq, .data = full}), Drop::none);
  bed.out();
  s.held = s.room;  // full
  EXPECT_EQ(bed.send({.seq = seq, .data = full}), Drop::tcp_memory_full);
  bed.out();
  s.held -= 100;
  bed.tcp().room_grew(s.sk, bed.bed.now);
  bed.expect_nothing();
  s.held = 0;
  bed.tcp().room_grew(s.sk, bed.bed.now);
  bed.out();
}

TEST(TcpInput, ZeroWindowIsProbed) {  // RFC 9293 3.8.6.1
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.send({.wnd = 0}), Drop::none);
  bed.app_sends(s, "hello");
  bed.expect_nothing();
  bed.pass(2 * kSecond);
  auto probe = bed.out_one();
  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->data, "h");
  EXPECT_EQ(probe->seq, 1u);
  EXPECT_EQ(bed.send({.wnd = 0}), Drop::none);
  bed.pass(10 * kSecond);
  EXPECT_EQ(bed.out_one()->data, "h");
  EXPECT_EQ(bed.send({.ack = 2, .wnd = 1000}), Drop::none);  // it took the byte
  EXPECT_EQ(s.acked, 1u);
  EXPECT_EQ(bed.out_one()->data, "ello");
  EXPECT_EQ(bed.send({.ack = 6}), Drop::none);
}

TEST(TcpInput, NagleHoldsASmallSegment) {
  TcpBed bed;
  bed.stream.sk.stream.nodelay = false;
  FakeStream& s = bed.accept();
  bed.app_sends(s, "a");
  EXPECT_EQ(bed.out_one()->data, "a");
  bed.app_sends(s, "b");
  bed.app_sends(s, "c");
  bed.expect_nothing();
  EXPECT_EQ(bed.send({.ack = 2}), Drop::none);
  EXPECT_EQ(bed.out_one()->data, "bc");
  EXPECT_EQ(bed.send({.ack = 4}), Drop::none);
}

TEST(TcpInput, RetransmissionTimeout) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  bed.app_sends(s, "hello");
  EXPECT_EQ(bed.out_one()->data, "hello");
  for (int i = 0; i < 3; ++i) {
    std::vector<Out> out;
    while (out.empty()) bed.pass(kMilli), out = bed.out();
    EXPECT_EQ(out[0].data, "hello");
  }
  EXPECT_EQ(bed.send({.ack = 6}), Drop::none);
  EXPECT_EQ(s.acked, 5u);
}

TEST(TcpInput, UserTimeout) {
  TcpBed bed({.user_timeout = 5 * kSecond});
  FakeStream& s = bed.accept();
  bed.app_sends(s, "hello");
  for (int i = 0; i < 49; ++i) bed.pass(100 * kMilli), bed.out();
  EXPECT_EQ(s.failures, 0);
  for (int i = 0; i < 2; ++i) bed.pass(100 * kMilli), bed.out();
  EXPECT_EQ(s.error, -ETIMEDOUT);
}

TEST(TcpInput, Keepalive) {  // RFC 9293 3.8.4
  TcpBed bed({.keepalive_interval = kSecond, .keepalive_count = 2});
  bed.stream.sk.stream.keepalive_idle = 10 * kSecond;
  FakeStream& s = bed.accept();
  bed.pass(10 * kSecond);
  auto probe = bed.out_one();
  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->seq, 0u);
  EXPECT_EQ(bed.send({}), Drop::none);
  for (int i = 0; i < 9; ++i) bed.pass(kSecond), bed.expect_nothing();
  bed.pass(kSecond);
  EXPECT_EQ(bed.out().size(), 1u);
  bed.pass(kSecond);
  EXPECT_EQ(bed.out().size(), 1u);
  bed.pass(kSecond);
  EXPECT_EQ(s.error, -ETIMEDOUT);
  bed.out();
}

}  // namespace
}  // namespace pinion
