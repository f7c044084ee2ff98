// The ACK field in ESTABLISHED (RFC 9293 3.10.7.4, fifth): none, too new, too old, and what an
// acceptable one brings about.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, NoAckEstablished) {
  dropped_silently(TcpState::established, {.flags = 0});
  dropped_silently(TcpState::established, {.flags = kPsh, .data = "text"});
}

TEST(TcpInput, W57AckOfWhatWasNeverSentEstablished) {
  for (const uint32_t beyond : {1u, 1000u, 0x7fff0000u}) {
    TcpBed bed(TcpState::established);
    bed.remote.sends({.seq = bed.theirs, .ack = bed.ours + beyond});
    bed.remote.expects({.seq = bed.ours, .ack = bed.theirs});
    bed.expects_state(TcpState::established);
  }
}

TEST(TcpInput, AckEstablished) {
  TcpBed bed(TcpState::established);
  bed.socket->send("one", 1), bed.socket->send("two", 2);
  bed.peer.poll(2);
  std::string data;
  for (const Seg& seg : bed.remote.take_all()) data += seg.data;
  EXPECT_EQ(data, "onetwo");
  bed.remote.sends({.seq = 1, .ack = 4});
  bed.socket->expects_sent(1);
  bed.socket->expects_no_completion();
  bed.remote.sends({.seq = 1, .ack = 6});
  bed.socket->expects_no_completion();
  bed.remote.sends({.seq = 1, .ack = 7});
  bed.socket->expects_sent(2);
  bed.remote.expects_nothing();
  EXPECT_EQ(bed.socket->state(), TcpState::established);
}

// RFC 5961 5.2: an ACK far older than the window is challenged, not taken.
TEST(TcpInput, AncientAckEstablished) {
  TcpBed bed(TcpState::established);
  bed.remote.sends({.seq = 1, .ack = 0x80000001, .data = "injected"});
  for (const Seg& seg : bed.remote.take_all()) EXPECT_EQ(seg.ack, 1u);
  bed.socket->receive(1);
  bed.peer.poll();
  bed.socket->expects_no_completion();
}

}  // namespace
}  // namespace pinion::testing
