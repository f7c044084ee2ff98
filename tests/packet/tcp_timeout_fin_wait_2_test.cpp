// FIN-WAIT-2 of a socket that is closed has a limit (W63): a peer that never closes holds
// nothing. One that is only shut down waits as long as its application does.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpTimer, W63OrphanFinWait2) {
  TcpBedOptions options;
  options.peer.net.tcp.fin_wait_2 = 5 * kSecond;
  TcpBed bed(TcpState::fin_wait_2, options);
  EXPECT_EQ(bed.socket->close(), 0);
  bed.wait(4900 * kMilli);
  bed.remote.sends({.seq = 1, .ack = 2});
  bed.remote.expects_nothing();
  bed.wait(6 * kSecond);
  bed.remote.take_all();
  bed.remote.sends({.seq = 1, .ack = 2});
  bed.remote.expects({.flags = kRst, .seq = 2});
}

TEST(TcpTimer, HalfClosedFinWait2) {
  TcpBedOptions options;
  options.peer.net.tcp.fin_wait_2 = 5 * kSecond;
  TcpBed bed(TcpState::fin_wait_2, options);
  bed.wait(600 * kSecond);
  bed.expects_state(TcpState::fin_wait_2);
  bed.remote.sends({.seq = 1, .ack = 2, .data = "late"});
  bed.remote.expects({.seq = 2, .ack = 5});
}

TEST(TcpTimer, OptionOfTheSocketFinWait2) {
  TcpBed bed(TcpState::fin_wait_2);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_FIN_WAIT_2_S, 2), 0);
  EXPECT_EQ(bed.socket->close(), 0);
  bed.wait(2500 * kMilli);
  bed.remote.take_all();
  bed.remote.sends({.seq = 1, .ack = 2});
  bed.remote.expects({.flags = kRst, .seq = 2});
}

}  // namespace
}  // namespace pinion::testing
