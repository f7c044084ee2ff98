// A RST in SYN-SENT counts if it acknowledges the SYN (RFC 9293 3.10.7.3, second; W52).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W52RstAckSynSent) {
  TcpBed bed(TcpState::syn_sent);
  bed.socket->receive(1), bed.socket->send("never", 2);
  bed.peer.poll();
  bed.remote.sends({.flags = kRst | kAck, .seq = 0, .ack = 1});
  bed.remote.expects_nothing();
  EXPECT_EQ(bed.socket->connect_status(), -ECONNREFUSED);
  bed.expects_state(TcpState::closed);
  for (int i = 0; i < 2; ++i) {
    const rio_abi_completion c = bed.socket->expects_completion();
    EXPECT_EQ(c.status, -ECONNREFUSED);
    EXPECT_EQ((c.flags & RIO_CF_UNSENT) != 0, c.request_context == 2);
  }
}

TEST(TcpInput, W52RstThatProvesNothingSynSent) {
  dropped_silently(TcpState::syn_sent, {.flags = kRst});
  dropped_silently(TcpState::syn_sent, {.flags = kRst | kAck, .ack = 0});
  dropped_silently(TcpState::syn_sent, {.flags = kRst | kAck, .ack = 2});
}

}  // namespace
}  // namespace pinion::testing
