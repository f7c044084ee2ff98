// The peer's FIN again, in TIME-WAIT: its ACK was lost. It is acknowledged, and 2 MSL begin anew
// (RFC 9293 3.10.7.4, eighth).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, FinAgainTimeWait) {
  TcpBedOptions options;
  options.peer.net.tcp.msl = 10 * kSecond;
  TcpBed bed(TcpState::time_wait, options);
  bed.wait(15 * kSecond);
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 2});
  bed.remote.expects({.seq = 2, .ack = 2});
  bed.wait(15 * kSecond);
  bed.expects_state(TcpState::time_wait);
  bed.wait(6 * kSecond);
  bed.expects_state(TcpState::closed);
}

}  // namespace
}  // namespace pinion::testing
