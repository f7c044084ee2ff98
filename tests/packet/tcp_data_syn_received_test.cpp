// The third segment may carry data (RFC 9293 3.10.7.4, seventh): it waits for who accepts.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataSynReceived) {
  TcpBed bed(TcpState::syn_received);
  bed.remote.sends({.flags = kAck | kPsh, .seq = 1, .ack = 1, .data = "first"});
  bed.remote.expects({.seq = 1, .ack = 6});
  const auto handle = bed.listener->accept();
  ASSERT_TRUE(handle.has_value());
  TcpSocket accepted(bed.peer, {}, *handle);
  accepted.receive(1);
  bed.peer.poll();
  EXPECT_EQ(accepted.expects_received(1), "first");
}

// Data that comes before the ACK (without one) is nothing.
TEST(TcpInput, DataWithoutAckSynReceived) {
  dropped_silently(TcpState::syn_received, {.flags = kPsh, .data = "text"});
}

}  // namespace
}  // namespace pinion::testing
