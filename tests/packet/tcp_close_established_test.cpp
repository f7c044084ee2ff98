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

// RFC 5681 2: cwnd limits data. What it holds back keeps FIN behind it; nothing else does.
TEST(TcpUser, FinDoesNotWaitForTheCongestionWindow) {
  TcpBedOptions options;
  options.peer.net.tcp.min_rto = kSecond;
  options.peer.net.tcp.tail_loss_probe = false;
  const uint32_t nxt = 1 + 10 * kMss;  // behind the first window
  for (const uint32_t segments : {10u, 11u}) {
    TcpBed bed(TcpState::established, options);
    app_sends(bed, segments);
    bed.remote.expects_data(1, nxt, kMss);
    EXPECT_EQ(bed.socket->shutdown(), 0);
    bed.peer.poll(2);
    if (segments == 10) bed.remote.expects({.flags = kFin | kAck, .seq = nxt, .ack = 1});
    bed.remote.expects_nothing();
    bed.remote.sends({.seq = 1, .ack = nxt});
    if (segments == 10) bed.wait(kSecond + 10 * kMilli);  // FIN was lost
    const Seg fin = bed.remote.expects_any();
    EXPECT_TRUE(fin.flags & kFin);
    EXPECT_EQ(fin.seq, nxt);
    EXPECT_EQ(fin.data.size(), segments == 10 ? 0u : kMss);
    bed.remote.expects_nothing();
  }
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

// RFC 1122 4.2.2.13: what comes for an application that has gone resets; with the number that the
// peer waits for, whether it has our FIN or not: it asks about any other (RFC 5961 3).
TEST(TcpUser, DataAfterCloseResets) {
  for (const uint32_t ack : {1u, 2u}) {
    TcpBed bed(TcpState::established);
    EXPECT_EQ(bed.socket->close(), 0);
    bed.peer.poll(2);
    bed.remote.expects({.flags = kFin | kAck, .seq = 1, .ack = 1});
    bed.remote.sends({.seq = 1, .ack = ack, .data = "too late"});
    bed.remote.expects({.flags = kRst, .seq = ack});
    bed.remote.expects_nothing();
  }
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
