// W60, W61, RFC 9293 3.8.6.1 MUST-35 to 37, SHLD-29, 30: a window of zero is probed, ever more
// seldom, and the connection stays open as long as the probes are answered (RFC 6429: the
// application may end it). MUST-34, SHLD-15: a window that shrinks.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions shut_window() {
  TcpBedOptions options;
  options.window = 0;
  options.peer.net.tcp.min_rto = 200 * kMilli;
  return options;
}

TEST(TcpOutput, W60ProbesAreAnswered) {
  TcpBed bed(TcpState::established, shut_window());
  bed.socket->send("waits", 1);
  bed.peer.poll(2);
  bed.remote.take_all();
  Nanos last = bed.peer.now, interval = 0;
  for (int i = 0; i < 12; ++i) {
    while (bed.peer.now < last + 200 * kSecond) {
      bed.wait(100 * kMilli);
      const auto probes = bed.remote.take_all();
      if (probes.empty()) continue;
      EXPECT_LE(probes.size(), 1u);
      EXPECT_LE(probes[0].data.size(), 1u);
      break;
    }
    const Nanos passed = bed.peer.now - last;
    EXPECT_GE(passed + 200 * kMilli, interval) << "more seldom each time";
    EXPECT_LE(passed, 61 * kSecond);
    last = bed.peer.now, interval = std::min(passed, 59 * kSecond);
    bed.remote.sends({.seq = 1, .ack = 1, .window = 0});
    bed.remote.take_all();
  }
  for (int minute = 0; minute < 240; ++minute) {
    bed.wait(61 * kSecond);
    EXPECT_LE(bed.remote.take_all().size(), 2u);
    bed.remote.sends({.seq = 1, .ack = 1, .window = 0});
  }
  bed.expects_state(TcpState::established);
  bed.remote.take_all();
  bed.remote.sends({.seq = 1, .ack = 1, .window = 100});
  bed.peer.poll();
  std::string data;
  for (const Seg& seg : bed.remote.take_all()) data += seg.data;
  EXPECT_EQ(data, "waits");
}

// R2 holds for probes that nobody answers.
TEST(TcpOutput, ProbesAreNotAnswered) {
  TcpBedOptions options = shut_window();
  options.peer.net.tcp.user_timeout = 60 * kSecond;
  TcpBed bed(TcpState::established, options);
  bed.socket->send("waits", 1);
  bed.wait(150 * kSecond);
  bed.peer.take_all();
  bed.expects_state(TcpState::closed);
  bed.socket->expects_failed(1, -ETIMEDOUT);
}

TEST(TcpOutput, W60ApplicationEndsIt) {
  TcpBed bed(TcpState::established, shut_window());
  bed.socket->send("waits", 1);
  bed.wait(5 * kSecond);
  bed.remote.take_all();
  EXPECT_EQ(bed.socket->set_option(RIO_SO_LINGER_0, 1), 0);
  EXPECT_EQ(bed.socket->close(), 0);
  bed.peer.poll(2);
  EXPECT_TRUE(bed.remote.expects_any().flags & kRst);
  const rio_abi_completion c = bed.socket->expects_completion();
  EXPECT_LT(c.status, 0);
  EXPECT_EQ(c.request_context, 1u);
}

TEST(TcpOutput, RstAtZeroWindowOfOurs) {  // MUST-66: RST and ACK are processed, though nothing fits
  TcpBedOptions options;
  options.peer.net.tcp.receive_bytes = 4096;
  TcpBed bed(TcpState::established, options);
  uint32_t at = 1;
  for (uint16_t window = 1; window != 0 && at < 20'000;) {
    bed.remote.sends({.seq = at, .ack = 1, .data = stream_bytes(at, 256)});
    const Seg ack = bed.remote.expects_any();
    at = *ack.ack, window = *ack.window;
  }
  bed.socket->send("x", 1);
  bed.peer.poll(2);
  bed.remote.take_all();
  bed.remote.sends({.seq = at, .ack = 2});
  bed.socket->expects_sent(1);
  bed.remote.sends({.flags = kRst, .seq = at});
  bed.expects_state(TcpState::closed);
}

TEST(TcpOutput, ShrinkingWindow) {
  TcpBed bed(TcpState::established);
  app_sends(bed, 4);
  bed.remote.expects_data(1, 1 + 4 * kMss, kMss);
  bed.remote.sends({.seq = 1, .ack = 1 + kMss, .window = 100});  // the right edge moves left
  bed.remote.sends({.seq = 1, .ack = 1 + 4 * kMss, .window = 65535});
  bed.socket->expects_sent(1);
  bed.expects_state(TcpState::established);
}

}  // namespace
}  // namespace pinion::testing
