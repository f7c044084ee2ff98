// CLOSE and SHUTDOWN in CLOSE-WAIT (RFC 9293 3.10.4): FIN, LAST-ACK.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpUser, ShutdownCloseWait) {
  TcpBed bed(TcpState::close_wait);
  bed.socket->send("answer", 1);
  EXPECT_EQ(bed.socket->shutdown(), 0);
  bed.peer.poll(2);
  std::string data;
  for (const Seg& seg : bed.remote.take_all()) data += seg.data;
  EXPECT_EQ(data, "answer");
  bed.expects_state(TcpState::last_ack);
  bed.remote.sends({.seq = 2, .ack = 8});
  bed.socket->expects_sent(1);
  bed.expects_state(TcpState::closed);
}

TEST(TcpUser, CloseCloseWait) {
  TcpBed bed(TcpState::close_wait);
  EXPECT_EQ(bed.socket->close(), 0);
  bed.peer.poll(2);
  bed.remote.expects({.flags = kFin | kAck, .seq = 1, .ack = 2});
  bed.remote.sends({.seq = 2, .ack = 2});
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 2, .ack = 2});
  bed.remote.expects({.flags = kRst, .seq = 2});
}

}  // namespace
}  // namespace pinion::testing
