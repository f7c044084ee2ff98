// CLOSE and SHUTDOWN in ESTABLISHED (RFC 9293 3.10.4): FIN behind everything sent; RST if data
// was not read (3.6 SHLD-3, RFC 2525 2.17) or the application says so; each request completes
// once.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpUser, CloseSendsTheRestAndFin) {
  TcpBed bed(TcpState::established);
  bed.socket->send("the last words", 1), bed.socket->receive(2);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->close(), 0);
  bed.peer.poll(2);
  std::string data;
  bool fin = false;
  for (const Seg& seg : bed.remote.take_all()) data += seg.data, fin |= (seg.flags & kFin) != 0;
  EXPECT_EQ(data, "the last words");
  EXPECT_TRUE(fin);
  bed.socket->expects_failed(2, -ECANCELED);
  bed.socket->expects_no_completion();
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 16});
  bed.socket->expects_sent(1);
  bed.remote.expects({.seq = 16, .ack = 2});
}

TEST(TcpUser, CloseWithUnreadDataResets) {
  TcpBed bed(TcpState::established);
  bed.remote.sends({.seq = 1, .ack = 1, .data = "unread"});
  bed.remote.expects({.seq = 1, .ack = 7});
  EXPECT_EQ(bed.socket->close(), 0);
  bed.peer.poll(2);
  EXPECT_TRUE(bed.remote.expects_any().flags & kRst);
  bed.remote.expects_nothing();
}

TEST(TcpUser, CloseWithLinger0Resets) {
  TcpBed bed(TcpState::established);
  bed.socket->send("on its way", 1), bed.socket->receive(2);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .data = "on its way"});
  EXPECT_EQ(bed.socket->set_option(RIO_SO_LINGER_0, 1), 0);
  EXPECT_EQ(bed.socket->close(), 0);
  bed.peer.poll(2);
  const Seg rst = bed.remote.expects_any();
  EXPECT_TRUE(rst.flags & kRst);
  EXPECT_EQ(rst.seq, 11u);
  for (int i = 0; i < 2; ++i) EXPECT_LT(bed.socket->expects_completion().status, 0);
  bed.socket->expects_no_completion();
}

// RFC 1122 4.2.2.13: what comes for an application that has gone resets.
TEST(TcpUser, DataAfterCloseResets) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->close(), 0);
  bed.peer.poll(2);
  bed.remote.expects({.flags = kFin | kAck, .seq = 1, .ack = 1});
  bed.remote.sends({.seq = 1, .ack = 2, .data = "too late"});
  EXPECT_TRUE(bed.remote.expects_any().flags & kRst);
}

TEST(TcpUser, ShutdownThenSend) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->shutdown(), 0);
  EXPECT_EQ(bed.socket->shutdown(), 0) << "again";
  bed.peer.poll(2);
  bed.remote.expects({.flags = kFin | kAck, .seq = 1, .ack = 1});
  bed.socket->send("too late", 1);
  bed.peer.poll(2);
  const rio_abi_completion c = bed.socket->expects_completion();
  EXPECT_EQ(c.status, -EPIPE);
  EXPECT_TRUE(c.flags & RIO_CF_UNSENT);
  bed.remote.expects_nothing();
}

// The application dies: as close, for every socket.
TEST(TcpUser, ApplicationDies) {
  TcpBed bed(TcpState::established);
  bed.socket->send("on its way", 1);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .data = "on its way"});
  bed.peer.app(0).end();
  bed.peer.poll(3);
  EXPECT_FALSE(bed.remote.take_all().empty()) << "FIN or RST";
}

}  // namespace
}  // namespace pinion::testing
