// RFC 5961 7: challenge ACKs are limited over all connections, and the limit tells an attacker
// who has a connection of his own nothing about another's.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, ChallengesAreLimited) {
  TcpBedOptions options;
  options.peer.net.tcp.challenge_acks_per_s = 20;
  TcpBed bed(TcpState::established, options);
  size_t answers = 0;
  for (int i = 0; i < 2000; ++i) {
    bed.remote.sends({.flags = kRst, .seq = 100});
    answers += bed.remote.take_all().size();
    bed.wait(400 * kMicro);
  }
  EXPECT_GE(answers, 1u);
  EXPECT_LE(answers, 60u) << "in 0.8 s";
}

}  // namespace
}  // namespace pinion::testing
