// Text in TIME-WAIT, old and new, changes nothing; old data (a FIN that lost its ACK brings it)
// is acknowledged again (RFC 9293 3.10.7.4).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataTimeWait) {
  answered_by_ack(TcpState::time_wait, {.flags = kAck, .seq = 0xfffffff0, .data = "old"});
  TcpBed bed(TcpState::time_wait);
  bed.remote.sends({.seq = 2, .ack = 2, .data = "new"});
  for (const Seg& seg : bed.remote.take_all()) EXPECT_EQ(seg.ack, 2u);
  bed.expects_state(TcpState::time_wait);
}

}  // namespace
}  // namespace pinion::testing
