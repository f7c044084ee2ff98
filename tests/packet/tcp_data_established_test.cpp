// Text in ESTABLISHED (RFC 9293 3.10.7.4, seventh): in order, in part old, out of order, beyond
// the window.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataEstablished) {
  TcpBed bed(TcpState::established);
  bed.socket->receive(1), bed.socket->receive(2);
  bed.peer.poll();
  bed.remote.sends(in_state(bed, TcpState::established, {.data = "one"}));
  bed.remote.expects({.seq = bed.ours, .ack = 4});
  EXPECT_EQ(bed.socket->expects_received(1), "one");
  bed.remote.sends(
      in_state(bed, TcpState::established, {.flags = kAck | kPsh, .seq = 3, .data = "two"}));
  bed.remote.expects({.seq = bed.ours, .ack = 7});
  EXPECT_EQ(bed.socket->expects_received(2), "two");
  bed.expects_state(TcpState::established);
}

// MUST-61: whether PSH is set or not, what came is given.
TEST(TcpInput, DataWithoutAReceiveEstablished) {
  TcpBed bed(TcpState::established);
  bed.remote.sends(in_state(bed, TcpState::established, {.data = "waits "}));
  bed.remote.sends(in_state(bed, TcpState::established, {.seq = 6, .data = "here"}));
  EXPECT_EQ(bed.remote.take_all().back().ack, 11u);
  bed.socket->receive(1);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->expects_received(1), "waits here");
}

TEST(TcpInput, OldAndNewDataEstablished) {
  TcpBed bed(TcpState::established);
  bed.remote.sends(in_state(bed, TcpState::established, {.data = "abcd"}));
  bed.remote.expects({.seq = bed.ours, .ack = 5});
  bed.remote.sends(in_state(bed, TcpState::established, {.seq = 2, .data = "cdef"}));
  bed.remote.expects({.seq = bed.ours, .ack = 7});
  bed.socket->receive(1);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->expects_received(1), "abcdef");
}

// SHLD-31, MAY-13: kept, and given in order; each hole is told at once (RFC 5681 4.2).
TEST(TcpInput, DataOutOfOrderEstablished) {
  TcpBed bed(TcpState::established);
  bed.remote.sends(in_state(bed, TcpState::established, {.seq = 6, .data = "world"}));
  bed.remote.expects({.seq = bed.ours, .ack = 1});
  bed.remote.sends(in_state(bed, TcpState::established, {.data = "hello "}));
  bed.remote.expects({.seq = bed.ours, .ack = 12});
  bed.socket->receive(1);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->expects_received(1), "hello world");
}

}  // namespace
}  // namespace pinion::testing
