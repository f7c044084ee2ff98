// W65: the same conversation with the peer's ISS where its numbers wrap, and where their sign
// does.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W65StreamAcrossTheWrap) {
  for (uint32_t before = 1; before <= 20; ++before)
    for (const uint32_t edge : {0u, 0x80000000u}) {
      TcpBedOptions options;
      options.iss = edge - before;
      options.syn_options = mss(1460) + sack_permitted() + window_scale(2);
      TcpBed bed(TcpState::established, options);
      std::string all;
      for (uint32_t i = 0; i < 8; ++i) {
        const uint32_t at = i ^ 1u;  // in pairs, the second first
        bed.remote.sends({.seq = 1 + 5 * at, .ack = 1, .data = stream_bytes(5 * at, 5)});
      }
      EXPECT_EQ(bed.remote.take_all().back().ack, 41u);
      bed.socket->receive(1);
      bed.peer.poll();
      EXPECT_EQ(bed.socket->expects_received(1), stream_bytes(0, 40));
      bed.remote.sends({.flags = kRst, .seq = 40});
      bed.expects_state(TcpState::established);
      bed.remote.sends({.flags = kRst, .seq = 41});
      bed.expects_state(TcpState::closed);
      bed.peer.take_all();
    }
}

}  // namespace
}  // namespace pinion::testing
