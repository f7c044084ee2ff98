// RFC 9293 3.7.4 MUST-17, RFC 896: off by default, since a trading message must not wait; on, a
// small segment waits for the ACK of the one before it.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpOutput, OffByDefault) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->option(RIO_SO_NODELAY), 1);
  bed.socket->send("one", 1);
  bed.peer.poll(2);
  bed.socket->send("two", 2);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .data = "one"});
  bed.remote.expects({.seq = 4, .data = "two"});
}

TEST(TcpOutput, OnASmallSegmentWaits) {  // write, write, read
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_NODELAY, 0), 0);
  bed.socket->send("one", 1);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .data = "one"});
  bed.socket->send("two", 2), bed.socket->send("three", 3);
  bed.peer.poll(2);
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 1, .ack = 4});
  bed.peer.poll();
  bed.remote.expects({.seq = 4, .data = "twothree"});
}

TEST(TcpOutput, OnAFullSegmentDoesNot) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_NODELAY, 0), 0);
  bed.socket->send("one", 1);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .data = "one"});
  bed.socket->send(stream_bytes(0, kMss + 10), 2);
  bed.peer.poll(2);
  bed.remote.expects_data(4, 4 + kMss, kMss);
  bed.remote.expects_nothing();
}

// The rest stays here until an ACK comes, so PSH stands in front of it.
TEST(TcpOutput, PushInFrontOfWhatNagleHolds) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_NODELAY, 0), 0);
  bed.socket->send(stream_bytes(0, 2 * kMss + 10), 1);
  bed.peer.poll(2);
  const std::vector<Seg> all = bed.remote.take_all();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].flags & kPsh, 0);
  EXPECT_NE(all[1].flags & kPsh, 0);
}

}  // namespace
}  // namespace pinion::testing
