// The peer's FIN in FIN-WAIT-2 (RFC 9293 3.10.7.4, eighth): TIME-WAIT, behind its last data.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, FinFinWait2) {
  TcpBed bed(TcpState::fin_wait_2);
  bed.socket->receive(1), bed.socket->receive(2);
  bed.peer.poll();
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 2, .data = "last"});
  bed.remote.expects({.seq = 2, .ack = 6});
  EXPECT_EQ(bed.socket->expects_received(1), "last");
  bed.socket->expects_end(2);
  bed.expects_state(TcpState::time_wait);
}

}  // namespace
}  // namespace pinion::testing
