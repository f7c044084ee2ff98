// Text or control to a listener, without SYN, ACK or RST, is dropped (RFC 9293 3.10.7.2,
// fourth).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataListen) {
  TcpBed bed(TcpState::listen);
  for (const uint8_t flags : {uint8_t{0}, kPsh, kUrg})
    EXPECT_NE(bed.remote.reaction_to({.flags = flags, .seq = 1, .data = "text"}), Drop::none);
  bed.remote.expects_nothing();
  bed.remote.sends({.flags = kAck, .seq = 1, .ack = 12, .data = "text"});
  bed.remote.expects({.flags = kRst, .seq = 12});
}

}  // namespace
}  // namespace pinion::testing
