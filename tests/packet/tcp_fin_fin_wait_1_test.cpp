// The peer's FIN in FIN-WAIT-1 (RFC 9293 3.10.7.4, eighth): CLOSING if ours is not acknowledged
// yet (3.5 figure 13), else TIME-WAIT at once.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W62SimultaneousCloseFinWait1) {
  TcpBed bed(TcpState::fin_wait_1);
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 1});
  bed.remote.expects({.seq = 2, .ack = 2});
  bed.expects_state(TcpState::closing);
}

TEST(TcpInput, FinWithAckOfOursFinWait1) {
  TcpBed bed(TcpState::fin_wait_1);
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 2});
  bed.remote.expects({.seq = 2, .ack = 2});
  bed.expects_state(TcpState::time_wait);
}

}  // namespace
}  // namespace pinion::testing
