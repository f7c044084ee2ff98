// The ACK field in FIN-WAIT-2 (RFC 9293 3.10.7.4, fifth): none, too new, too old, and what an
// acceptable one brings about.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, NoAckFinWait2) {
  dropped_silently(TcpState::fin_wait_2, {.flags = 0});
  dropped_silently(TcpState::fin_wait_2, {.flags = kPsh, .data = "text"});
}

TEST(TcpInput, W57AckOfWhatWasNeverSentFinWait2) {
  for (const uint32_t beyond : {1u, 1000u, 0x7fff0000u}) {
    TcpBed bed(TcpState::fin_wait_2);
    bed.remote.sends({.seq = bed.theirs, .ack = bed.ours + beyond});
    bed.remote.expects({.seq = bed.ours, .ack = bed.theirs});
    bed.expects_state(TcpState::fin_wait_2);
  }
}

TEST(TcpInput, AckFinWait2) {
  TcpBed bed(TcpState::fin_wait_2);
  bed.remote.sends({.seq = 1, .ack = 2});
  bed.remote.expects_nothing();
  bed.expects_state(TcpState::fin_wait_2);
}

}  // namespace
}  // namespace pinion::testing
