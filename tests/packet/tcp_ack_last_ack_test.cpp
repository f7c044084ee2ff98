// The ACK field in LAST-ACK (RFC 9293 3.10.7.4, fifth): none, too new, too old, and what an
// acceptable one brings about.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, NoAckLastAck) {
  dropped_silently(TcpState::last_ack, {.flags = 0});
  dropped_silently(TcpState::last_ack, {.flags = kPsh, .data = "text"});
}

TEST(TcpInput, W57AckOfWhatWasNeverSentLastAck) {
  for (const uint32_t beyond : {1u, 1000u, 0x7fff0000u}) {
    TcpBed bed(TcpState::last_ack);
    bed.remote.sends({.seq = bed.theirs, .ack = bed.ours + beyond});
    bed.remote.expects({.seq = bed.ours, .ack = bed.theirs});
    bed.expects_state(TcpState::last_ack);
  }
}

TEST(TcpInput, AckOfTheFinLastAck) {
  TcpBed bed(TcpState::last_ack);
  bed.remote.sends({.seq = 2, .ack = 2});
  bed.remote.expects_nothing();
  bed.expects_state(TcpState::closed);
  bed.remote.sends({.seq = 2, .ack = 2});
  bed.remote.expects({.flags = kRst, .seq = 2});
}

}  // namespace
}  // namespace pinion::testing
