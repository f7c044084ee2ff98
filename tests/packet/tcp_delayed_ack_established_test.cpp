// RFC 9293 3.8.6.3 MUST-40, SHLD-18, 19: at once by default; if the socket says so, after a time
// below half a second, and for every second full segment at once.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, AtOnceByDefault) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->option(RIO_SO_DELAYED_ACK_US), 0);
  bed.remote.sends({.seq = 1, .ack = 1, .data = "x"});
  bed.remote.expects({.seq = 1, .ack = 2});
}

TEST(TcpInput, AfterATime) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_DELAYED_ACK_US, 40'000), 0);
  bed.remote.sends({.seq = 1, .ack = 1, .data = "x"});
  bed.wait(39 * kMilli);
  bed.remote.expects_nothing();
  bed.wait(2 * kMilli);
  bed.remote.expects({.seq = 1, .ack = 2});
}

TEST(TcpInput, EverySecondFullSegment) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_DELAYED_ACK_US, 40'000), 0);
  bed.remote.sends({.seq = 1, .ack = 1, .data = stream_bytes(0, kMss)});
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 1 + kMss, .ack = 1, .data = stream_bytes(0, kMss)});
  bed.remote.expects({.seq = 1, .ack = 1 + 2 * kMss});
}

TEST(TcpInput, WithTheAnswer) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_DELAYED_ACK_US, 40'000), 0);
  bed.remote.sends({.seq = 1, .ack = 1, .data = "question"});
  bed.socket->send("answer", 1);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .ack = 9, .data = "answer"});
  bed.remote.sends({.seq = 9, .ack = 7});
  bed.wait(kSecond);
  bed.remote.expects_nothing();
}

// Out of order, and what fills the hole: at once (RFC 5681 4.2).
TEST(TcpInput, HolesAreToldAtOnce) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_DELAYED_ACK_US, 40'000), 0);
  bed.remote.sends({.seq = 5, .ack = 1, .data = "b"});
  bed.remote.expects({.seq = 1, .ack = 1});
  bed.remote.sends({.seq = 1, .ack = 1, .data = "aaaa"});
  bed.remote.expects({.seq = 1, .ack = 6});
}

TEST(TcpInput, HalfASecondIsTheLimit) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_DELAYED_ACK_US, 500'000), -EINVAL);
}

// MUST-58: of a burst that comes in one pass, one ACK is enough, and two segments need no two.
TEST(TcpInput, BurstIsAcknowledged) {
  TcpBed bed(TcpState::established);
  for (uint32_t i = 0; i < 8; ++i)
    bed.remote.queues({.seq = 1 + i * 100, .ack = 1, .data = stream_bytes(i, 100)});
  bed.peer.poll();
  const std::vector<Seg> acks = bed.remote.take_all();
  ASSERT_FALSE(acks.empty());
  EXPECT_LE(acks.size(), 8u);
  EXPECT_EQ(acks.back().ack, 801u);
}

}  // namespace
}  // namespace pinion::testing
