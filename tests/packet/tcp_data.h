// What text does in each state that receives it (RFC 9293 3.10.7.4, seventh): in order, in part
// old, out of order, without a receive. The tests of the states call these.
#pragma once
#include "packet/tcp_events.h"

namespace pinion::testing {

inline void data_in_order(TcpState state) {
  TcpBed bed(state);
  bed.socket->receive(1), bed.socket->receive(2);
  bed.peer.poll();
  bed.remote.sends(in_state(bed, state, {.data = "one"}));
  bed.remote.expects({.seq = bed.ours, .ack = 4});
  EXPECT_EQ(bed.socket->expects_received(1), "one");
  bed.remote.sends(in_state(bed, state, {.flags = kAck | kPsh, .seq = 3, .data = "two"}));
  bed.remote.expects({.seq = bed.ours, .ack = 7});
  EXPECT_EQ(bed.socket->expects_received(2), "two");
  bed.expects_state(state);
}

// MUST-61: whether PSH is set or not, what came is given.
inline void data_without_a_receive(TcpState state) {
  TcpBed bed(state);
  bed.remote.sends(in_state(bed, state, {.data = "waits "}));
  bed.remote.sends(in_state(bed, state, {.seq = 6, .data = "here"}));
  EXPECT_EQ(bed.remote.take_all().back().ack, 11u);
  bed.socket->receive(1);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->expects_received(1), "waits here");
}

inline void old_and_new_data(TcpState state) {
  TcpBed bed(state);
  bed.remote.sends(in_state(bed, state, {.data = "abcd"}));
  bed.remote.expects({.seq = bed.ours, .ack = 5});
  bed.remote.sends(in_state(bed, state, {.seq = 2, .data = "cdef"}));
  bed.remote.expects({.seq = bed.ours, .ack = 7});
  bed.socket->receive(1);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->expects_received(1), "abcdef");
}

// SHLD-31, MAY-13: kept, and given in order; each hole is told at once (RFC 5681 4.2).
inline void data_out_of_order(TcpState state) {
  TcpBed bed(state);
  bed.remote.sends(in_state(bed, state, {.seq = 6, .data = "world"}));
  bed.remote.expects({.seq = bed.ours, .ack = 1});
  bed.remote.sends(in_state(bed, state, {.data = "hello "}));
  bed.remote.expects({.seq = bed.ours, .ack = 12});
  bed.socket->receive(1);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->expects_received(1), "hello world");
}

}  // namespace pinion::testing
