// Opening a connection, from both sides (RFC 9293 3.5, 3.10.7.1 to 3.10.7.3), and what a listener
// does when too many come (RFC 4987).
#include <cerrno>

#include "tcp/bed.h"

namespace pinion {
namespace {

using namespace testing;

TEST(TcpHandshake, PassiveOpen) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  EXPECT_EQ(bed.info(s).state, TcpState::established);
  EXPECT_EQ(s.sk.remote, (Endpoint{kPeer, kPeerPort}));
  bed.expect_nothing();
}

TEST(TcpHandshake, ActiveOpen) {
  TcpBed bed;
  FakeStream& s = bed.connect();
  EXPECT_EQ(bed.info(s).state, TcpState::established);
  EXPECT_EQ(bed.info(s).mss, 1460);
}

TEST(TcpHandshake, OptionsCountOnlyIfBothWantThem) {
  TcpBed bed;
  bed.syn_options = {.mss = 1000,
                     .has_window_scale = true,
                     .sack_permitted = true,
                     .has_timestamps = true,
                     .window_scale = 5,
                     .ts_val = 77};
  FakeStream& s = bed.stream;
  bed.listen();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn, .options = bed.syn_options}), Drop::none);
  const auto syn_ack = bed.out_one();
  ASSERT_TRUE(syn_ack);
  EXPECT_EQ(syn_ack->options.mss, 1460);
  EXPECT_TRUE(syn_ack->options.has_window_scale && syn_ack->options.sack_permitted);
  EXPECT_TRUE(syn_ack->options.has_timestamps);
  EXPECT_EQ(syn_ack->options.ts_ecr, 77u);
  TcpOptions ts{.has_timestamps = true, .ts_val = 78, .ts_ecr = syn_ack->options.ts_val};
  EXPECT_EQ(bed.send({.wnd = 100}), Drop::tcp_no_timestamp);
  EXPECT_EQ(bed.send({.wnd = 100, .options = ts}), Drop::none);
  ASSERT_EQ(s.accepted.size(), 1u);
  const StreamInfo info = bed.info(bed.accepted());
  EXPECT_EQ(info.mss, 988);
  EXPECT_EQ(info.snd_wnd, 100u << 5);
  EXPECT_TRUE(info.timestamps && info.sack);
}

TEST(TcpHandshake, SimultaneousOpen) {  // RFC 9293 figure 8
  TcpBed bed;
  ASSERT_EQ(bed.tcp().bind(bed.stream.sk, {kOurs, kOurPort}, false), 0);
  ASSERT_EQ(bed.tcp().connect(bed.stream.sk, {kPeer, kPeerPort}, bed.bed.now), -EINPROGRESS);
  ASSERT_EQ(bed.out_one()->flags, kTcpSyn);
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn, .options = bed.syn_options}), Drop::none);
  const auto syn_ack = bed.out_one();
  ASSERT_TRUE(syn_ack);
  EXPECT_EQ(syn_ack->flags, kTcpSyn | kTcpAck);
  EXPECT_EQ(syn_ack->seq, 0u);
  EXPECT_EQ(bed.info(bed.stream).state, TcpState::syn_received);
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn | kTcpAck, .options = bed.syn_options}),
            Drop::none);
  EXPECT_EQ(bed.stream.connected, 1);
  EXPECT_EQ(bed.info(bed.stream).state, TcpState::established);
}

TEST(TcpHandshake, RefusedConnect) {
  TcpBed bed;
  ASSERT_EQ(bed.tcp().connect(bed.stream.sk, {kPeer, kPeerPort}, bed.bed.now), -EINPROGRESS);
  const auto syn = bed.out_one();
  const uint16_t port = bed.stream.sk.local.port;
  TcpSegment rst{.source_port = kPeerPort, .destination_port = port, .ack = Seq{bed.our_iss} + 2};
  rst.flags = kTcpRst | kTcpAck;
  EXPECT_EQ(bed.bed.receive(tcp_frame(kIn, kPeer, kOurs, rst)), Drop::tcp_ack_unsent);
  EXPECT_EQ(bed.stream.failures, 0);
  rst.ack = Seq{bed.our_iss} + 1;
  EXPECT_EQ(bed.bed.receive(tcp_frame(kIn, kPeer, kOurs, rst)), Drop::none);
  EXPECT_EQ(bed.stream.error, -ECONNREFUSED);
  bed.expect_nothing();
}

TEST(TcpHandshake, SynIsRepeatedAndTimesOut) {  // RFC 6298, RFC 9293 3.8.3
  TcpBed bed({.connect_timeout = 10 * kSecond});
  ASSERT_EQ(bed.tcp().connect(bed.stream.sk, {kPeer, kPeerPort}, bed.bed.now), -EINPROGRESS);
  std::vector<Nanos> at;
  const Nanos begin = bed.bed.now;
  for (int i = 0; i < 120 && bed.stream.failures == 0; ++i) {
    if (!bed.out().empty()) at.push_back((bed.bed.now - begin) / kSecond);
    bed.pass(100 * kMilli);
  }
  EXPECT_EQ(at, (std::vector<Nanos>{0, 1, 3, 7}));
  EXPECT_EQ(bed.stream.error, -ETIMEDOUT);
  EXPECT_EQ(bed.bed.now - begin, 10 * kSecond);
}

TEST(TcpHandshake, SynAckIsRepeatedALimitedNumberOfTimes) {
  TcpBed bed({.syn_retries = 2});
  bed.listen();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}), Drop::none);
  EXPECT_EQ(bed.out().size(), 1u);
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}), Drop::tcp_duplicate);
  EXPECT_EQ(bed.out().size(), 1u);  // the peer's SYN again: the SYN-ACK again
  int sent = 2;
  for (int i = 0; i < 100; ++i) {
    bed.pass(100 * kMilli);
    sent += static_cast<int>(bed.out().size());
  }
  EXPECT_EQ(sent, 3);
  EXPECT_EQ(bed.tcp().half_open(), 0u);
}

TEST(TcpHandshake, ClosedPortAnswersReset) {  // RFC 9293 3.5.2
  TcpBed bed;
  bed.know_iss = true;
  EXPECT_EQ(bed.send({.seq = 5, .flags = kTcpSyn}), Drop::tcp_no_connection);
  auto rst = bed.out_one();
  ASSERT_TRUE(rst);
  EXPECT_EQ(rst->flags, kTcpRst | kTcpAck);
  EXPECT_EQ(rst->ack, 6u);
  EXPECT_EQ(bed.send({.seq = 5, .ack = 9, .flags = kTcpAck}), Drop::tcp_no_connection);
  rst = bed.out_one();
  ASSERT_TRUE(rst);
  EXPECT_EQ(rst->flags, kTcpRst);
  EXPECT_EQ(rst->seq, 9u);
  EXPECT_EQ(bed.send({.flags = kTcpRst}), Drop::tcp_no_connection);
  bed.expect_nothing();
}

TEST(TcpHandshake, ListenIgnoresWhatBeginsNothing) {
  TcpBed bed;
  bed.listen();
  EXPECT_EQ(bed.send({.flags = kTcpRst}), Drop::tcp_no_connection);
  EXPECT_EQ(bed.send({.flags = kTcpFin}), Drop::tcp_no_syn);
  EXPECT_EQ(bed.send({.flags = kTcpSyn | kTcpFin}), Drop::tcp_syn_fin);
  EXPECT_EQ(bed.send({.flags = 0}), Drop::tcp_no_syn);
  bed.expect_nothing();
  bed.know_iss = true;
  EXPECT_EQ(bed.send({}), Drop::tcp_no_connection);
  EXPECT_EQ(bed.out_one()->flags, kTcpRst);
}

TEST(TcpHandshake, FullQueueAnswersWithCookies) {
  TcpBed bed({.syn_queue_max = 1});
  bed.listen();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}, 1), Drop::none);  // takes the only place
  EXPECT_EQ(bed.out().size(), 1u);
  bed.know_iss = false;
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn, .options = {.mss = 1000}}), Drop::none);
  EXPECT_EQ(bed.out_one()->flags, kTcpSyn | kTcpAck);
  EXPECT_EQ(bed.tcp().half_open(), 1u);
  EXPECT_EQ(bed.send({.ack = 77 + (8u << 27)}), Drop::tcp_no_connection);  // not a cookie
  EXPECT_EQ(bed.out_one()->flags, kTcpRst);
  // Behind segments that were lost it tells nothing: they come again, if there is no RST now.
  EXPECT_EQ(bed.send({.seq = 6, .data = "later"}), Drop::tcp_no_connection);
  EXPECT_TRUE(bed.out().empty());
  EXPECT_EQ(bed.send({.data = "hello"}), Drop::none);
  ASSERT_EQ(bed.stream.accepted.size(), 1u);
  EXPECT_EQ(bed.accepted().received, "hello");
  EXPECT_EQ(bed.bed.counters.tcp_cookies_accepted, 1u);
  EXPECT_LE(bed.info(bed.accepted()).mss, 1000);
  EXPECT_EQ(bed.out_one()->ack, 6u);
  // After its end the cookie must not make it rise again.
  bed.tcp().abort(bed.accepted().sk, -ECONNABORTED, bed.bed.now);
  EXPECT_EQ(bed.out_one()->flags, kTcpRst | kTcpAck);
  EXPECT_EQ(bed.send({.data = "hello"}), Drop::tcp_no_connection);
  EXPECT_EQ(bed.out_one()->flags, kTcpRst);
  EXPECT_EQ(bed.stream.accepted.size(), 1u);
}

// The SYN came twice: the first was answered with a cookie, the second found room.
TEST(TcpHandshake, CookieBeforeAHalfOpenConnection) {
  TcpBed bed({.syn_queue_max = 1});
  bed.listen();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}, 1), Drop::none);
  bed.out();
  bed.know_iss = false;
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn, .options = {.mss = 1000}}), Drop::none);
  EXPECT_EQ(bed.out_one()->flags, kTcpSyn | kTcpAck);
  EXPECT_EQ(bed.send({.flags = kTcpRst}, 1), Drop::none);
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn, .options = {.mss = 1000}}), Drop::none);
  EXPECT_NE(bed.out_one()->seq, 0u);  // another ISN than the cookie
  EXPECT_EQ(bed.tcp().half_open(), 1u);
  EXPECT_EQ(bed.send({.data = "hello"}), Drop::none);
  ASSERT_EQ(bed.stream.accepted.size(), 1u);
  EXPECT_EQ(bed.accepted().received, "hello");
  EXPECT_EQ(bed.tcp().half_open(), 0u);
  EXPECT_EQ(bed.out_one()->ack, 6u);
}

TEST(TcpHandshake, OldCookieIsNone) {
  TcpBed bed({.syn_queue_max = 1});
  bed.listen();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}, 1), Drop::none);
  bed.out();
  bed.know_iss = false;
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}), Drop::none);
  bed.out();
  bed.pass(2 * kCookiePeriod);
  bed.out();
  EXPECT_EQ(bed.send({}), Drop::tcp_no_connection);
  bed.out();
}

TEST(TcpHandshake, NoRoomAtTheOwnerCountsAsALostAck) {
  TcpBed bed;
  bed.listen();
  bed.stream.backlog_max = 0;
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}), Drop::none);
  bed.out();
  EXPECT_EQ(bed.send({}), Drop::tcp_accept_full);
  bed.stream.backlog_max = 1;
  EXPECT_EQ(bed.send({.data = "x"}), Drop::none);
  ASSERT_EQ(bed.stream.accepted.size(), 1u);
  EXPECT_EQ(bed.accepted().received, "x");
  bed.out();
}

TEST(TcpHandshake, ClosingTheListenerEndsWhatIsHalfOpen) {
  TcpBed bed;
  bed.listen();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}), Drop::none);
  bed.out();
  bed.tcp().close(bed.stream.sk, bed.bed.now);
  EXPECT_EQ(bed.stream.released, 1);
  EXPECT_EQ(bed.tcp().tcbs_used(), 0u);
  EXPECT_EQ(bed.send({}), Drop::tcp_no_connection);
  EXPECT_EQ(bed.out_one()->flags, kTcpRst);
}

}  // namespace
}  // namespace pinion
