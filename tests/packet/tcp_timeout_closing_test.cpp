// The FIN again, in CLOSING (RFC 6298 5).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpTimer, FinIsRepeatedClosing) {
  TcpBedOptions options;
  options.peer.net.tcp.min_rto = 200 * kMilli;
  TcpBed bed(TcpState::closing, options);
  bed.wait(220 * kMilli);
  bed.remote.expects({.flags = kFin | kAck, .seq = 1, .ack = 2});
  bed.remote.sends({.seq = 2, .ack = 2});
  bed.expects_state(TcpState::time_wait);
}

}  // namespace
}  // namespace pinion::testing
