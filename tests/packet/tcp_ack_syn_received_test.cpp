// The ACK that establishes, and one that does not: RST (RFC 9293 3.10.7.4, fifth).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, AckSynReceived) {
  TcpBed bed(TcpState::syn_received);
  bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects_nothing();
  const rio_control reply = bed.listener->accept_reply();
  EXPECT_EQ(reply.status, 0);
  EXPECT_EQ(reply.address.port, kPeerPort);
  TcpSocket accepted(bed.peer, {}, reply.handle2);
  EXPECT_EQ(accepted.state(), TcpState::established);
  EXPECT_EQ(accepted.name(true), kPeerEndpoint);
  EXPECT_EQ(accepted.name(false), kOurEndpoint);
  EXPECT_EQ(bed.listener->accept(), std::nullopt) << "once";
}

TEST(TcpInput, UnacceptableAckSynReceived) {
  for (const uint32_t ack : {0u, 2u, 0x80000001u}) {
    TcpBed bed(TcpState::syn_received);
    bed.remote.sends({.seq = 1, .ack = ack});
    bed.remote.expects({.flags = kRst, .seq = ack});
    bed.remote.expects_nothing();
    bed.remote.sends({.seq = 1, .ack = 1});
    EXPECT_TRUE(bed.listener->accept().has_value()) << "after " << ack;
  }
}

TEST(TcpInput, NoAckSynReceived) {
  dropped_silently(TcpState::syn_received, {.flags = 0});
  dropped_silently(TcpState::syn_received, {.flags = kFin});
}

}  // namespace
}  // namespace pinion::testing
