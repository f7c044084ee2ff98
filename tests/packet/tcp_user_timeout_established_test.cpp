// 3.10.6, RFC 5482's local side: the application's own limit.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpTimer, UserTimeoutEstablished) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_USER_TIMEOUT_MS, 3000), 0);
  EXPECT_EQ(bed.socket->option(RIO_SO_USER_TIMEOUT_MS), 3000);
  bed.socket->send("lost", 1);
  bed.wait(2900 * kMilli);
  bed.expects_state(TcpState::established);
  bed.socket->expects_no_completion();
  bed.wait(2 * kSecond);
  bed.expects_state(TcpState::closed);
  bed.socket->expects_failed(1, -ETIMEDOUT);
  bed.peer.take_all();
}

TEST(TcpTimer, SilenceIsNoTimeout) {  // nothing is outstanding
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_USER_TIMEOUT_MS, 3000), 0);
  bed.wait(3600 * kSecond);
  bed.expects_state(TcpState::established);
  bed.remote.expects_nothing();
}

}  // namespace
}  // namespace pinion::testing
