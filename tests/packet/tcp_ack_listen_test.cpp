// An ACK to a listener belongs to no connection: RST (RFC 9293 3.10.7.2, second).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, AckListen) {
  TcpBed bed(TcpState::listen);
  bed.remote.sends({.seq = 1, .ack = 4711});
  bed.remote.expects({.flags = kRst, .seq = 4711});
  bed.remote.sends({.flags = kSyn | kAck, .seq = 0, .ack = 4712});
  bed.remote.expects({.flags = kRst, .seq = 4712});
  EXPECT_EQ(bed.listener->accept(), std::nullopt);
}

}  // namespace
}  // namespace pinion::testing
