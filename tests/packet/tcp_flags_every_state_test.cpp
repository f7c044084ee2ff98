// W51, W65: each of the 64 combinations of flags in each state, with numbers near their wraps.
// No second connection comes of it, no state is left that is none, and I1 to I7 hold.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

void every_combination(TcpState state, uint32_t iss) {
  SCOPED_TRACE(tcp_state_name(state));
  for (unsigned flags = 0; flags < 64; ++flags) {
    TcpBedOptions options;
    options.iss = iss;
    TcpBed bed(state, options);
    for (const uint32_t seq : {0u, 1u, 0xffffffffu}) {
      Seg seg{.flags = static_cast<uint8_t>(flags), .seq = bed.theirs + seq, .data = "d"};
      seg.ack = bed.ours;
      bed.remote.sends(seg);
      for (const Packet& frame : bed.peer.take_all()) {
        const Decoded d = decode(frame);
        EXPECT_EQ(d.tcp->dst, kPeerPort);
        EXPECT_FALSE((d.tcp->flags & kRst) != 0 && (flags & kRst) != 0) << "RST answers RST";
      }
    }
    if (bed.listener && state != TcpState::listen && state != TcpState::syn_received &&
        state != TcpState::time_wait && state != TcpState::last_ack) {
      EXPECT_EQ(bed.listener->accept(), std::nullopt) << flags;
    }
  }
}

class FlagsInState : public ::testing::TestWithParam<TcpState> {};

TEST_P(FlagsInState, W51W65) {
  for (const uint32_t iss : {1000u, 0xffffffffu, 0xffffffecu, 0x7fffffffu})
    every_combination(GetParam(), iss);
}

INSTANTIATE_TEST_SUITE_P(TcpInput, FlagsInState,
                         ::testing::Values(TcpState::closed, TcpState::listen, TcpState::syn_sent,
                                           TcpState::syn_received, TcpState::established,
                                           TcpState::fin_wait_1, TcpState::fin_wait_2,
                                           TcpState::close_wait, TcpState::closing,
                                           TcpState::last_ack, TcpState::time_wait),
                         [](const auto& state) {
                           std::string name = tcp_state_name(state.param);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace pinion::testing
