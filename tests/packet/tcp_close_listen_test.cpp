// CLOSE of a listener (RFC 9293 3.10.4): new SYNs are refused; what nobody accepted is reset.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpUser, CloseListen) {
  TcpBed bed(TcpState::syn_received);
  TcpEnd other(bed.peer, {kPeerIp, kPeerPort + 1});
  other.sends({.flags = kSyn, .options = mss(1460)});
  other.expects({.flags = kSyn | kAck, .ack = 1});
  other.sends({.seq = 1, .ack = 1});
  EXPECT_EQ(bed.listener->close(), 0);
  bed.peer.poll(2);
  bool reset = false;
  for (const Packet& frame : bed.peer.take_all()) {
    const Decoded d = decode(frame);
    reset |= d.tcp->dst == kPeerPort + 1 && (d.tcp->flags & kRst) != 0;
  }
  EXPECT_TRUE(reset) << "the connection that nobody accepted";
  bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects({.flags = kRst, .seq = 1});
  bed.remote.iss += 7000;
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.irs = 0;
  bed.remote.expects({.flags = kRst | kAck, .seq = 0, .ack = 1});
}

// The port is free again at once.
TEST(TcpUser, ListenAgainAfterClose) {
  Peer peer;
  for (int i = 0; i < 3; ++i) {
    TcpSocket socket(peer, {.queue = false});
    EXPECT_EQ(socket.listen(), 0);
    EXPECT_EQ(socket.close(), 0);
    peer.poll();
  }
}

}  // namespace
}  // namespace pinion::testing
