// Text in LAST-ACK, behind the peer's FIN: it should not come, and is not taken (RFC 9293
// 3.10.7.4, seventh).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataLastAck) {
  TcpBed bed(TcpState::last_ack);
  bed.remote.sends(in_state(bed, TcpState::last_ack, {.data = "behind the end"}));
  for (const Seg& seg : bed.remote.take_all()) EXPECT_EQ(seg.ack, 2u);
  bed.expects_state(TcpState::last_ack);
  bed.socket->receive(1);
  bed.peer.poll();
  bed.socket->expects_end(1);
}

}  // namespace
}  // namespace pinion::testing
