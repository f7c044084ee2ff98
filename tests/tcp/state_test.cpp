// RST in every state (RFC 9293 3.10.7, RFC 5961), ICMP errors (RFC 5927), PAWS (RFC 7323), what is
// malformed, and what happens when a port, a frame or memory is not to be had.
#include <cerrno>

#include "tcp/bed.h"
#include "wire/icmp.h"

namespace pinion {
namespace {

using namespace testing;

TEST(TcpReset, SynReceivedGoesBackToListen) {
  TcpBed bed;
  bed.listen();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}), Drop::none);
  bed.out();
  EXPECT_EQ(bed.send({.flags = kTcpRst}), Drop::none);
  EXPECT_EQ(bed.tcp().tcbs_used(), 0u);
  EXPECT_EQ(bed.stream.failures, 0);
}

// Moves an accepted connection to the state and lets an exact RST come.
void expect_reset_in(TcpState state) {
  SCOPED_TRACE(tcp_state_name(state));
  TcpBed bed;
  FakeStream& s = bed.accept();
  uint32_t seq = 1;
  const bool ours_first =
      state == TcpState::fin_wait_1 || state == TcpState::fin_wait_2 || state == TcpState::closing;
  const bool theirs = state == TcpState::close_wait || state == TcpState::last_ack;
  if (theirs) {
    EXPECT_EQ(bed.send({.seq = seq++, .flags = kFinAck}), Drop::none);
  }
  if (ours_first || state == TcpState::last_ack) bed.tcp().shutdown(s.sk, bed.bed.now);
  bed.out();
  if (state == TcpState::fin_wait_2) {
    EXPECT_EQ(bed.send({.ack = 2}), Drop::none);
  }
  if (state == TcpState::closing) {
    EXPECT_EQ(bed.send({.seq = seq++, .flags = kFinAck}), Drop::none);
  }
  bed.out();
  ASSERT_EQ(bed.info(s).state, state);
  EXPECT_EQ(bed.send({.seq = seq + 1, .flags = kTcpRst}), Drop::tcp_reset_challenged);
  EXPECT_EQ(bed.out().size(), 1u);
  EXPECT_EQ(bed.send({.seq = seq, .flags = kTcpRst}), Drop::none);
  EXPECT_EQ(s.error, -ECONNRESET);
  EXPECT_EQ(s.failures, 1);
  EXPECT_EQ(bed.tcp().time_waiting(), 1u);  // a grave: its numbers are not used again at once
  bed.expect_nothing();
}

TEST(TcpReset, SynchronisedStates) {
  for (const TcpState state : {TcpState::established, TcpState::fin_wait_1, TcpState::fin_wait_2,
                               TcpState::close_wait, TcpState::closing, TcpState::last_ack})
    expect_reset_in(state);
}

TEST(TcpPaws, OldTimestampIsAnsweredAndDropped) {  // RFC 7323 5.3
  TcpBed bed;
  bed.syn_options = {.mss = 1460, .has_timestamps = true, .ts_val = 1000};
  bed.listen();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn, .options = bed.syn_options}), Drop::none);
  const auto syn_ack = bed.out_one();
  ASSERT_TRUE(syn_ack);
  TcpOptions ts{.has_timestamps = true, .ts_val = 1001, .ts_ecr = syn_ack->options.ts_val};
  EXPECT_EQ(bed.send({.data = "a", .options = ts}), Drop::none);
  EXPECT_EQ(bed.out_one()->options.ts_ecr, 1001u);
  ts.ts_val = 999;
  EXPECT_EQ(bed.send({.seq = 2, .data = "b", .options = ts}), Drop::tcp_paws);
  EXPECT_EQ(bed.out_one()->ack, 2u);
  bed.pass(25 * 24 * 3600 * kSecond);  // 5.5: after 24 days it says nothing any more
  EXPECT_EQ(bed.send({.seq = 2, .data = "b", .options = ts}), Drop::none);
  EXPECT_EQ(bed.accepted().received, "ab");
  bed.out();
}

struct TcpIcmp : ::testing::Test {
  TcpBed bed;
  Drop error(uint8_t type, uint8_t code, uint32_t rest, uint32_t seq, uint16_t port = kPeerPort) {
    TcpSegment quoted;
    quoted.source_port = bed.stream.sk.local.port, quoted.destination_port = port;
    quoted.seq = Seq{bed.our_iss} + seq;
    const Packet frame = tcp_frame({kPeerMac, kOurMac}, kOurs, kPeer, quoted);
    Packet body(frame.begin() + 14, frame.begin() + 14 + 28);
    body[6] = std::byte{0x40};  // DF
    Packet message = icmp_frame(kIn, kPeer, kOurs, type, code, body);
    const be32 word = be32::of(rest);
    std::memcpy(&message[14 + 20 + 4], &word, 4);
    message[14 + 20 + 2] = message[14 + 20 + 3] = std::byte{0};
    const uint16_t sum = checksum(Bytes{message}.subspan(14 + 20));
    message[14 + 20 + 2] = static_cast<std::byte>(sum >> 8);
    message[14 + 20 + 3] = static_cast<std::byte>(sum);
    return bed.bed.receive(message);
  }
};

TEST_F(TcpIcmp, HardErrorEndsAConnectOnly) {
  ASSERT_EQ(bed.tcp().connect(bed.stream.sk, {kPeer, kPeerPort}, bed.bed.now), -EINPROGRESS);
  bed.out();
  EXPECT_EQ(error(kIcmpUnreachable, kUnreachablePort, 0, 1), Drop::icmp_quote);  // not the SYN
  EXPECT_EQ(error(kIcmpUnreachable, kUnreachableHost, 0, 0), Drop::none);        // soft
  EXPECT_EQ(bed.stream.failures, 0);
  EXPECT_EQ(error(kIcmpUnreachable, kUnreachablePort, 0, 0), Drop::none);
  EXPECT_EQ(bed.stream.error, -ECONNREFUSED);
}

TEST_F(TcpIcmp, NoErrorEndsAConnection) {
  FakeStream& s = bed.connect();
  bed.app_sends(s, "x");
  bed.out();
  EXPECT_EQ(error(kIcmpUnreachable, kUnreachablePort, 0, 1), Drop::none);
  EXPECT_EQ(error(kIcmpUnreachable, kUnreachablePort, 0, 2), Drop::icmp_quote);
  EXPECT_EQ(s.failures, 0);
}

TEST_F(TcpIcmp, PathMtuFalls) {  // RFC 1191, RFC 5927 7
  FakeStream& s = bed.connect();
  bed.app_sends(s, std::string(2920, 'x'));
  EXPECT_EQ(bed.out().size(), 2u);
  EXPECT_EQ(error(kIcmpUnreachable, 4, 1000, 5000), Drop::icmp_quote);  // not in flight
  EXPECT_EQ(error(kIcmpUnreachable, 4, 2000, 1), Drop::none);           // never raises it
  EXPECT_EQ(bed.info(s).mss, 1460);
  EXPECT_EQ(error(kIcmpUnreachable, 4, 1000, 1), Drop::none);
  EXPECT_EQ(bed.info(s).mss, 960);
  size_t bytes = 0;
  for (const Out& o : bed.out()) {
    EXPECT_LE(o.data.size(), 960u);
    bytes += o.data.size();
  }
  EXPECT_EQ(bytes, 2920u);
  EXPECT_EQ(error(kIcmpUnreachable, 4, 68, 1), Drop::none);  // a floor
  EXPECT_EQ(bed.info(s).mss, 512);
}

TEST(TcpBlocked, DryPoolIsAskedAgainLater) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  bed.bed.port.pool_frames = 0;
  bed.app_sends(s, "hello");
  EXPECT_GT(bed.bed.net.next_deadline(), bed.bed.now);
  bed.expect_nothing();
  EXPECT_GT(bed.bed.net.next_deadline(), bed.bed.now);
  bed.bed.port.pool_frames = SIZE_MAX;
  bed.pass(kMilli);
  EXPECT_EQ(bed.out_one()->data, "hello");
  EXPECT_EQ(bed.send({.ack = 6}), Drop::none);
}

TEST(TcpBlocked, AckIsNotLostWithItsFrame) {
  TcpBed bed;
  bed.accept();
  bed.bed.port.pool_frames = 0;
  bed.bed.port.pool_frames = SIZE_MAX;
  bed.bed.port.alloc_fails_after = 0;
  EXPECT_EQ(bed.send({.data = "abc"}), Drop::none);
  bed.expect_nothing();
  bed.pass(kMilli);
  EXPECT_EQ(bed.out_one()->ack, 4u);
}

TEST(TcpBlocked, NeighbourThatFailsFailsTheConnect) {
  TcpBed bed;
  ASSERT_EQ(bed.tcp().connect(bed.stream.sk, {ipv4(10, 0, 0, 9), 80}, bed.bed.now), -EINPROGRESS);
  for (int i = 0; i < 60 && bed.stream.failures == 0; ++i) bed.pass(100 * kMilli), bed.out();
  EXPECT_EQ(bed.stream.error, -EHOSTUNREACH);
}

TEST(TcpBlocked, FullMemoryIsNotAcknowledged) {
  TcpBed bed;
  FakeStream& s = bed.accept();
  s.room = 0;
  EXPECT_EQ(bed.send({.data = "abc"}), Drop::tcp_memory_full);
  EXPECT_EQ(bed.out_one()->ack, 1u);
  s.chunks_max = 0;
  EXPECT_EQ(bed.send({.seq = 9, .data = "abc"}), Drop::tcp_out_of_order_full);
  bed.out();
  s.room = 64 * 1024;
  EXPECT_EQ(bed.send({.data = "abc"}), Drop::none);
  EXPECT_EQ(s.received, "abc");
  bed.out();
}

TEST(TcpBlocked, FullPoolOfConnections) {
  TcpBed bed({.connections_max = 1, .syn_cookies = false});
  bed.accept();
  bed.out();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}, 7001), Drop::tcp_no_tcb);
  bed.expect_nothing();
  FakeStream other;
  EXPECT_EQ(bed.tcp().connect(other.sk, {kPeer, 80}, bed.bed.now), -ENOBUFS);
}

TEST(TcpBlocked, FullSynQueueWithoutCookies) {
  TcpBed bed({.syn_queue_max = 1, .syn_cookies = false});
  bed.listen();
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}, 7001), Drop::none);
  EXPECT_EQ(bed.send({.seq = 0, .flags = kTcpSyn}), Drop::tcp_syn_queue_full);
  EXPECT_EQ(bed.out().size(), 1u);
}

TEST(TcpMalformed, NamedDrops) {
  TcpBed bed;
  bed.accept();
  TcpSegment seg{.source_port = kPeerPort, .destination_port = kOurPort};
  const Packet good = tcp_frame(kIn, kPeer, kOurs, seg);
  Packet bad = good;
  bad.back() ^= std::byte{1};
  EXPECT_EQ(bed.bed.receive(bad), Drop::tcp_checksum);
  bad = good;
  bad[14 + 20 + 12] = std::byte{0x40};
  EXPECT_EQ(bed.bed.receive(bad), Drop::tcp_data_offset);
  EXPECT_EQ(bed.bed.receive(ipv4_frame(kIn, kPeer, kOurs, kProtocolTcp, Packet(19))),
            Drop::tcp_short);
  EXPECT_EQ(bed.send({}, 0), Drop::tcp_port_zero);
  const Ipv4 broadcast = ipv4(10, 0, 0, 255);
  EXPECT_EQ(bed.bed.receive(tcp_frame({kBroadcastMac, kPeerMac}, kPeer, broadcast, seg)),
            Drop::tcp_group);
  bed.expect_nothing();
  EXPECT_EQ(bed.send({.flags = kFinAck}), Drop::none);
  EXPECT_EQ(bed.send({.seq = 2, .data = "x"}), Drop::tcp_after_fin);
  EXPECT_EQ(bed.send({.ack = 0xfff00000}), Drop::tcp_duplicate);
  EXPECT_EQ(bed.send({.seq = 2, .ack = 0xfff00000}), Drop::tcp_ack_old);
  bed.out();
}

TEST(TcpOffload, PortComputesTheChecksum) {
  TcpBed bed({}, {}, kTxTcpCsum | kTxIpv4Csum);
  FakeStream& s = bed.accept();
  bed.app_sends(s, "hello");
  bed.app_sends(s, "again");
  EXPECT_EQ(bed.out().size(), 2u);
  EXPECT_EQ(bed.send({.ack = 11}), Drop::none);
}

}  // namespace
}  // namespace pinion
