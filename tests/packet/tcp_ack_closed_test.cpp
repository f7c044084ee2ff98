// A segment with ACK and no connection: RST at the number that it acknowledges (3.10.7.1).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, AckClosed) {
  TcpBed bed;
  bed.remote.sends({.seq = 9, .ack = 4711});
  bed.remote.expects({.flags = kRst, .seq = 4711});
  bed.remote.expects_nothing();
}

TEST(TcpInput, NoFlagsClosed) {  // no ACK: the RST acknowledges what it holds
  TcpBed bed;
  bed.remote.sends({.flags = 0, .seq = 9});
  bed.remote.expects({.flags = kRst | kAck, .seq = 0, .ack = 9});
}

}  // namespace
}  // namespace pinion::testing
