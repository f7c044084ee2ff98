// CLOSE in SYN-SENT (RFC 9293 3.10.4): the TCB goes, without a segment; a late SYN-ACK gets a
// RST.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpUser, CloseSynSent) {
  TcpBed bed(TcpState::syn_sent);
  bed.socket->receive(1);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->close(), 0);
  bed.peer.poll(2);
  bed.remote.expects_nothing();
  bed.socket->expects_failed(1, -ECANCELED);
  bed.remote.sends({.flags = kSyn | kAck, .ack = 1, .options = mss(1460)});
  bed.remote.expects({.flags = kRst, .seq = 1});
}

}  // namespace
}  // namespace pinion::testing
