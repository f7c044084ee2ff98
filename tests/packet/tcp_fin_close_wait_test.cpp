// The peer's FIN again in CLOSE-WAIT: nothing changes (RFC 9293 3.10.7.4, eighth); it is
// acknowledged, as what it says is old.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, FinAgainCloseWait) {
  answered_by_ack(TcpState::close_wait, {.flags = kFin | kAck, .seq = 0xffffffff});
  TcpBed bed(TcpState::close_wait);
  bed.socket->receive(1), bed.socket->receive(2);
  bed.peer.poll();
  bed.socket->expects_end(1), bed.socket->expects_end(2);
  bed.remote.sends(in_state(bed, TcpState::close_wait, {.flags = kFin | kAck, .seq = 0xffffffff}));
  bed.socket->expects_no_completion();
}

}  // namespace
}  // namespace pinion::testing
