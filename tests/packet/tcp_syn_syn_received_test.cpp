// SYN in SYN-RECEIVED. The first one again: it is answered as before or by an ACK (RFC 9293
// 3.10.7.4, first), and the life of the half-open connection is not prolonged.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, SameSynAgainSynReceived) {
  TcpBed bed(TcpState::syn_received);
  for (int i = 0; i < 3; ++i) {
    bed.wait(600 * kMilli);
    bed.remote.take_all();
    bed.remote.sends({.flags = kSyn, .options = mss(1460)});
    for (const Seg& seg : bed.remote.take_all()) {
      EXPECT_TRUE(seg.flags & kAck);
      EXPECT_EQ(seg.ack, 1u);
    }
  }
  bed.remote.sends({.seq = 1, .ack = 1});
  EXPECT_TRUE(bed.listener->accept().has_value());
}

TEST(TcpInput, RepeatedSynsProlongNothing) {
  TcpBedOptions options;
  options.peer.net.tcp.syn_retries = 2;
  TcpBed bed(TcpState::syn_received, options);
  for (int i = 0; i < 40; ++i) {  // SYN-ACKs end after 1 + 2 + 4 s
    bed.wait(500 * kMilli);
    bed.remote.take_all();
    if (i < 12) bed.remote.sends({.flags = kSyn, .options = mss(1460)}), bed.remote.take_all();
  }
  bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects({.flags = kRst, .seq = 1});
  EXPECT_EQ(bed.listener->accept(), std::nullopt);
}

// Another SYN in the window (3.10.7.4, fourth): the passive one goes back to LISTEN, and finds the
// peer there when it tries again.
TEST(TcpInput, OtherSynSynReceived) {
  TcpBed bed(TcpState::syn_received);
  bed.remote.sends({.flags = kSyn, .seq = 100, .options = mss(1460)});
  for (const Seg& seg : bed.remote.take_all()) EXPECT_EQ(seg.ack, 1u);
  bed.remote.iss += 100;
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
  bed.remote.sends({.seq = 1, .ack = 1});
  EXPECT_TRUE(bed.listener->accept().has_value());
}

}  // namespace
}  // namespace pinion::testing
