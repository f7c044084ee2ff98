// The ACK field in TIME-WAIT (RFC 9293 3.10.7.4, fifth): none, too new, too old, and what an
// acceptable one brings about.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, NoAckTimeWait) {
  dropped_silently(TcpState::time_wait, {.flags = 0});
  dropped_silently(TcpState::time_wait, {.flags = kPsh, .data = "text"});
}

TEST(TcpInput, AckTimeWait) {  // of a segment that is in order and empty, nothing comes
  TcpBed bed(TcpState::time_wait);
  bed.remote.sends({.seq = 2, .ack = 2});
  for (const Seg& seg : bed.remote.take_all()) EXPECT_EQ(seg.flags, kAck);
  bed.expects_state(TcpState::time_wait);
}

}  // namespace
}  // namespace pinion::testing
