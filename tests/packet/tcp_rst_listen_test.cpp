// A RST to a listener is dropped, whatever else it carries (RFC 9293 3.10.7.2, first).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, RstListen) {
  TcpBed bed(TcpState::listen);
  for (const uint8_t flags : {kRst, uint8_t(kRst | kAck), uint8_t(kRst | kSyn)})
    EXPECT_NE(bed.remote.reaction_to({.flags = flags, .seq = 1, .ack = 1}), Drop::none);
  bed.remote.expects_nothing();
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
}

}  // namespace
}  // namespace pinion::testing
