// HOSTILE A24: an application that was stopped. Nothing of it runs, so nothing is posted and
// nothing dequeued. TCP goes on for it: it acknowledges until the window is closed, answers probes
// and keepalives for hours, and the connection is as good as before when the application goes on.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpStopped, A24AcknowledgesUntilTheWindowClosesAndStaysAlive) {
  TcpBedOptions options;
  options.peer.net.tcp.receive_bytes = 8192;
  TcpBed bed(TcpState::established, options);
  uint32_t at = 1;
  for (uint16_t window = 1; window != 0;) {
    ASSERT_LT(at, 20'000u);
    bed.remote.sends({.seq = at, .ack = 1, .data = stream_bytes(at, 512)});
    const Seg ack = bed.remote.expects_any();
    ASSERT_GE(*ack.ack, at);
    at = *ack.ack, window = *ack.window;
  }
  EXPECT_GE(at, 8192u);
  for (int minute = 0; minute < 180; ++minute) {
    bed.wait(60 * kSecond);
    bed.remote.sends({.seq = at, .ack = 1, .data = "p"});  // a window probe
    EXPECT_EQ(bed.remote.expects_any().ack, at);
    bed.remote.sends({.seq = at - 1, .ack = 1});  // a keepalive
    EXPECT_EQ(bed.remote.expects_any().ack, at);
  }
  bed.expects_state(TcpState::established);
  std::string got;
  for (uint64_t context = 1; got.size() < at - 1; ++context) {
    bed.socket->receive(context, 2048);
    bed.peer.poll(2);
    got += bed.socket->expects_received(context);
  }
  EXPECT_EQ(got, stream_bytes(1, at - 1));
}

}  // namespace
}  // namespace pinion::testing
