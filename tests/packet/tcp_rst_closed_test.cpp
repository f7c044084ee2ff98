// A RST where there is no connection is never answered (RFC 9293 3.10.7.1): two ends without one
// would reset each other for ever.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, RstClosed) {
  for (const uint8_t flags : {kRst, uint8_t(kRst | kAck), uint8_t(kRst | kSyn),
                              uint8_t(kRst | kFin | kAck)}) {
    TcpBed bed;
    EXPECT_NE(bed.remote.reaction_to({.flags = flags, .seq = 5, .ack = 6}), Drop::none);
    bed.remote.expects_nothing();
  }
}

}  // namespace
}  // namespace pinion::testing
