// A SYN that nobody answers: after 1 s, then twice as long each time (RFC 6298 2.1, 5.5), until
// the limit that the application may set (RFC 9293 3.8.3, MUST-23, SHLD-9).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpTimer, SynIsRepeatedSynSent) {
  TcpBed bed(TcpState::syn_sent);
  for (const Nanos after : {kSecond, 2 * kSecond, 4 * kSecond, 8 * kSecond}) {
    bed.wait(after - 20 * kMilli);
    bed.remote.expects_nothing();
    bed.wait(20 * kMilli);
    bed.remote.expects({.flags = kSyn, .seq = 0});
  }
}

TEST(TcpTimer, ConnectTimesOutSynSent) {
  TcpBedOptions options;
  TcpBed bed(std::move(options));
  bed.socket.emplace(bed.peer);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_CONNECT_TIMEOUT_MS, 5000), 0);
  EXPECT_EQ(bed.socket->connect(), -EINPROGRESS);
  bed.socket->receive(1);
  bed.wait(4900 * kMilli);
  EXPECT_EQ(bed.socket->connect_status(), -EINPROGRESS);
  bed.wait(200 * kMilli);
  EXPECT_EQ(bed.socket->connect_status(), -ETIMEDOUT);
  bed.socket->expects_failed(1, -ETIMEDOUT);
  bed.expects_state(TcpState::closed);
}

// 3.8.3 MUST-23: at least three minutes, if nobody says less.
TEST(TcpTimer, ConnectLastsThreeMinutes) {
  TcpBed bed(TcpState::syn_sent);
  bed.wait(179 * kSecond);
  EXPECT_EQ(bed.socket->connect_status(), -EINPROGRESS);
  bed.wait(62 * kSecond);
  EXPECT_EQ(bed.socket->connect_status(), -ETIMEDOUT);
}

}  // namespace
}  // namespace pinion::testing
