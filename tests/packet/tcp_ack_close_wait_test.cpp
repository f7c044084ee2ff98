// The ACK field in CLOSE-WAIT (RFC 9293 3.10.7.4, fifth): none, too new, too old, and what an
// acceptable one brings about.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, NoAckCloseWait) {
  dropped_silently(TcpState::close_wait, {.flags = 0});
  dropped_silently(TcpState::close_wait, {.flags = kPsh, .data = "text"});
}

TEST(TcpInput, W57AckOfWhatWasNeverSentCloseWait) {
  for (const uint32_t beyond : {1u, 1000u, 0x7fff0000u}) {
    TcpBed bed(TcpState::close_wait);
    bed.remote.sends({.seq = bed.theirs, .ack = bed.ours + beyond});
    bed.remote.expects({.seq = bed.ours, .ack = bed.theirs});
    bed.expects_state(TcpState::close_wait);
  }
}

TEST(TcpInput, AckCloseWait) {  // the other direction is open
  TcpBed bed(TcpState::close_wait);
  bed.socket->send("answer", 1);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .ack = 2, .data = "answer"});
  bed.remote.sends({.seq = 2, .ack = 7});
  bed.socket->expects_sent(1);
  bed.expects_state(TcpState::close_wait);
}

}  // namespace
}  // namespace pinion::testing
