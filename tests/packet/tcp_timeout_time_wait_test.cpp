// TIME-WAIT lasts two MSL, which is configured (RFC 9293 3.6.1 MUST-13); then the four numbers
// are free.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpTimer, TwoMslTimeWait) {
  TcpBedOptions options;
  options.peer.net.tcp.msl = 7 * kSecond;
  TcpBed bed(TcpState::time_wait, options);
  bed.wait(13'900 * kMilli);
  bed.expects_state(TcpState::time_wait);
  bed.wait(200 * kMilli);
  bed.expects_state(TcpState::closed);
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 2, .ack = 2});
  bed.remote.expects({.flags = kRst, .seq = 2});
}

// The application may have gone: the connection waits without it.
TEST(TcpTimer, TimeWaitWithoutASocket) {
  TcpBed bed(TcpState::fin_wait_2);
  EXPECT_EQ(bed.socket->close(), 0);
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 2});
  bed.remote.expects({.seq = 2, .ack = 2});
  bed.wait(kSecond);
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 2});
  bed.remote.expects({.seq = 2, .ack = 2});
}

}  // namespace
}  // namespace pinion::testing
