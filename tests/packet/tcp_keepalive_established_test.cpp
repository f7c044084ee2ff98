// 3.8.4 MUST-24 to 29, SHLD-12: off unless asked for; a probe carries an old number and no data;
// a lost probe is no reason to end; the count that the application set is.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpTimer, KeepaliveIsOff) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->option(RIO_SO_KEEPALIVE_S), 0);
  bed.wait(24 * 3600 * kSecond);
  bed.remote.expects_nothing();
}

void keep_alive(TcpBed& bed) {
  EXPECT_EQ(bed.socket->set_option(RIO_SO_KEEPALIVE_S, 7200), 0);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_KEEPALIVE_INTERVAL_S, 75), 0);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_KEEPALIVE_COUNT, 3), 0);
}

TEST(TcpTimer, ProbeIsAnswered) {
  TcpBed bed(TcpState::established);
  keep_alive(bed);
  for (int i = 0; i < 3; ++i) {
    bed.wait(7199 * kSecond);
    bed.remote.expects_nothing();
    bed.wait(2 * kSecond);
    const Seg probe = bed.remote.expects_any();
    EXPECT_EQ(probe.seq, 0u) << "SND.NXT - 1";
    EXPECT_LE(probe.data.size(), 1u);
    bed.remote.sends({.seq = 1, .ack = 1});
  }
  bed.expects_state(TcpState::established);
}

TEST(TcpTimer, ProbesAreNotAnswered) {
  TcpBed bed(TcpState::established);
  keep_alive(bed);
  bed.socket->receive(1);
  bed.wait((7200 + 2 * 75 + 10) * kSecond);
  EXPECT_EQ(bed.remote.take_all().size(), 3u);
  bed.expects_state(TcpState::established);
  bed.wait(75 * kSecond);
  bed.expects_state(TcpState::closed);
  bed.socket->expects_failed(1, -ETIMEDOUT);
  for (const Seg& seg : bed.remote.take_all()) EXPECT_TRUE(seg.flags & kRst);
}

// The other end's probe is answered (it is out of the window: 3.10.7.4, first).
TEST(TcpTimer, ProbeOfThePeer) { answered_by_ack(TcpState::established, {.seq = 0xffffffff}); }

}  // namespace
}  // namespace pinion::testing
