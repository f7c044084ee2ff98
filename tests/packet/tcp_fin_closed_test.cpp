// A FIN without a connection (RFC 9293 3.10.7.1); it takes a number.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, FinClosed) {
  TcpBed bed;
  bed.remote.sends({.flags = kFin | kAck, .seq = 9, .ack = 4711});
  bed.remote.expects({.flags = kRst, .seq = 4711});
  bed.remote.sends({.flags = kFin, .seq = 9});
  bed.remote.expects({.flags = kRst | kAck, .seq = 0, .ack = 10});
  bed.remote.expects_nothing();
}

}  // namespace
}  // namespace pinion::testing
