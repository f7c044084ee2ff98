// The FIN again, in LAST-ACK; and not for ever: an orphan of a peer that has gone ends (W63).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpTimer, W63FinIsRepeatedLastAck) {
  TcpBedOptions options;
  options.peer.net.tcp.min_rto = 200 * kMilli;
  options.peer.net.tcp.user_timeout = 30 * kSecond;
  TcpBed bed(TcpState::last_ack, options);
  EXPECT_EQ(bed.socket->close(), 0);
  bed.wait(220 * kMilli);
  bed.remote.expects({.flags = kFin | kAck, .seq = 1, .ack = 2});
  bed.wait(120 * kSecond);
  bed.remote.take_all();
  bed.remote.sends({.seq = 2, .ack = 2});
  bed.remote.expects({.flags = kRst, .seq = 2});
}

}  // namespace
}  // namespace pinion::testing
