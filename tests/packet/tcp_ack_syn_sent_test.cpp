// An ACK without SYN in SYN-SENT (RFC 9293 3.10.7.3, first): one for nothing that we have sent
// is answered by RST; an acceptable one changes nothing.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, UnacceptableAckSynSent) {
  for (const uint32_t ack : {0u, 2u, 0x80000000u, 0xffffffffu}) {
    TcpBed bed(TcpState::syn_sent);
    bed.remote.sends({.seq = 1, .ack = ack});
    bed.remote.expects({.flags = kRst, .seq = ack});
    bed.remote.expects_nothing();
    bed.expects_state(TcpState::syn_sent);
  }
}

TEST(TcpInput, UnacceptableSynAckSynSent) {
  for (const uint32_t ack : {0u, 2u}) {
    TcpBed bed(TcpState::syn_sent);
    bed.remote.sends({.flags = kSyn | kAck, .ack = ack, .options = mss(1460)});
    bed.remote.expects({.flags = kRst, .seq = ack});
    bed.expects_state(TcpState::syn_sent);
  }
}

TEST(TcpInput, AckSynSent) { dropped_silently(TcpState::syn_sent, {.ack = 1}); }

}  // namespace
}  // namespace pinion::testing
