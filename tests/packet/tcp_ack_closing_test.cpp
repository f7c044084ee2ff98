// The ACK field in CLOSING (RFC 9293 3.10.7.4, fifth): none, too new, too old, and what an
// acceptable one brings about.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, NoAckClosing) {
  dropped_silently(TcpState::closing, {.flags = 0});
  dropped_silently(TcpState::closing, {.flags = kPsh, .data = "text"});
}

TEST(TcpInput, W57AckOfWhatWasNeverSentClosing) {
  for (const uint32_t beyond : {1u, 1000u, 0x7fff0000u}) {
    TcpBed bed(TcpState::closing);
    bed.remote.sends({.seq = bed.theirs, .ack = bed.ours + beyond});
    bed.remote.expects({.seq = bed.ours, .ack = bed.theirs});
    bed.expects_state(TcpState::closing);
  }
}

TEST(TcpInput, AckOfTheFinClosing) {
  TcpBed bed(TcpState::closing);
  bed.remote.sends({.seq = 2, .ack = 2});
  bed.remote.expects_nothing();
  bed.expects_state(TcpState::time_wait);
}

}  // namespace
}  // namespace pinion::testing
