// A segment outside of the window in CLOSE-WAIT: an ACK that tells where we stand, and nothing
// of it is taken (RFC 9293 3.10.7.4, first; table 6).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, OutOfWindowCloseWait) {
  answered_by_ack(TcpState::close_wait, {.seq = 0x100000, .data = "beyond"});
  answered_by_ack(TcpState::close_wait, {.seq = 0x100000});
  answered_by_ack(TcpState::close_wait, {.seq = 0xfffffff0, .data = "old data"});
  answered_by_ack(TcpState::close_wait, {.flags = kFin | kAck, .seq = 0x100000});
}

// W56: such ACKs are limited, or two ends that have lost each other answer for ever (RFC 5961 7).
TEST(TcpInput, W56OutOfWindowIsLimitedCloseWait) {
  TcpBed bed(TcpState::close_wait);
  size_t answers = 0;
  for (int i = 0; i < 100; ++i) {
    bed.remote.sends(in_state(bed, TcpState::close_wait, {.seq = 0x100000}));
    answers += bed.remote.take_all().size();
  }
  EXPECT_GE(answers, 1u);
  EXPECT_LE(answers, 10u) << "a hundred in 100 us";
}

}  // namespace
}  // namespace pinion::testing
