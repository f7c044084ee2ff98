// Data without a connection: with ACK and without (RFC 9293 3.10.7.1).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataClosed) {
  TcpBed bed;
  bed.remote.sends({.flags = kAck | kPsh, .seq = 9, .ack = 4711, .data = "lost"});
  bed.remote.expects({.flags = kRst, .seq = 4711});
  bed.remote.sends({.flags = kPsh, .seq = 9, .data = "lost"});
  bed.remote.expects({.flags = kRst | kAck, .seq = 0, .ack = 13});
  bed.remote.expects_nothing();
}

}  // namespace
}  // namespace pinion::testing
