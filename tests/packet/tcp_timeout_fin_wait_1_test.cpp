// A FIN that is not acknowledged is sent again (RFC 9293 3.4, RFC 6298 5), and with it the data
// before it.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpTimer, FinIsRepeatedFinWait1) {
  TcpBedOptions options;
  options.peer.net.tcp.min_rto = 200 * kMilli;
  TcpBed bed(TcpState::fin_wait_1, options);
  for (const Nanos after : {200 * kMilli, 400 * kMilli, 800 * kMilli}) {
    bed.wait(after - 10 * kMilli);
    bed.remote.expects_nothing();
    bed.wait(10 * kMilli);
    bed.remote.expects({.flags = kFin | kAck, .seq = 1, .ack = 1});
  }
}

}  // namespace
}  // namespace pinion::testing
