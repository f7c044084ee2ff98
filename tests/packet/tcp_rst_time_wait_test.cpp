// A RST in TIME-WAIT: the state is not cut short (RFC 1337 section 3: TIME-WAIT assassination),
// and no RST is answered.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W64RstTimeWait) {
  for (const uint32_t seq : {0u, 1u, 0xffffffffu, 0xffffu})
    for (const uint8_t flags : {kRst, uint8_t(kRst | kAck)}) {
      TcpBed bed(TcpState::time_wait);
      bed.remote.sends(in_state(bed, TcpState::time_wait, {.flags = flags, .seq = seq}));
      for (const Seg& seg : bed.remote.take_all()) EXPECT_EQ(seg.flags, kAck);
      bed.expects_state(TcpState::time_wait);
    }
}

}  // namespace
}  // namespace pinion::testing
