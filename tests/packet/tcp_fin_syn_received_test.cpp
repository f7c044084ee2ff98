// ACK, data and FIN at once: established, and half closed (RFC 9293 3.10.7.4, eighth).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, FinSynReceived) {
  TcpBed bed(TcpState::syn_received);
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 1, .data = "all"});
  bed.remote.expects({.seq = 1, .ack = 5});
  const auto handle = bed.listener->accept();
  ASSERT_TRUE(handle.has_value());
  TcpSocket accepted(bed.peer, {}, *handle);
  EXPECT_EQ(accepted.state(), TcpState::close_wait);
  accepted.receive(1), accepted.receive(2);
  bed.peer.poll();
  EXPECT_EQ(accepted.expects_received(1), "all");
  accepted.expects_end(2);
}

}  // namespace
}  // namespace pinion::testing
