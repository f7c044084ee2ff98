// W61, RFC 9293 3.8.6.2 MUST-38, 39: neither end makes small segments of a large window.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpOutput, W61SenderWaitsForASegmentsWorth) {
  TcpBedOptions options;
  options.window = 2 * kMss;
  options.peer.net.tcp.min_rto = 500 * kMilli;
  TcpBed bed(TcpState::established, options);
  app_sends(bed, 6);
  bed.remote.expects_data(1, 1 + 2 * kMss, kMss);
  for (uint32_t i = 1; i <= 14; ++i)  // the window opens by a hundred bytes each time
    bed.remote.sends({.seq = 1, .ack = 1 + 2 * kMss, .window = static_cast<uint16_t>(100 * i)});
  for (const Seg& seg : bed.remote.take_all()) EXPECT_GE(seg.data.size(), kMss / 2);
  bed.remote.sends({.seq = 1, .ack = 1 + 2 * kMss, .window = kMss});
  bed.remote.expects_data(1 + 2 * kMss, 1 + 3 * kMss, kMss);
}

TEST(TcpOutput, W61ReceiverOpensInOneStep) {
  TcpBedOptions options;
  options.peer.net.tcp.receive_bytes = 8192;
  TcpBed bed(TcpState::established, options);
  uint32_t at = 1;
  for (uint16_t window = 1; window != 0 && at < 20'000;) {
    const size_t length = std::min<size_t>(window, 512);
    bed.remote.sends({.seq = at, .ack = 1, .data = stream_bytes(at, length)});
    const Seg ack = bed.remote.expects_any();
    at = *ack.ack, window = *ack.window;
  }
  for (int i = 0; i < 10; ++i) {  // fifty bytes are read, and fifty again
    bed.socket->receive(static_cast<uint64_t>(i), 50);
    bed.peer.poll();
    bed.socket->expects_received(static_cast<uint64_t>(i));
    for (const Seg& seg : bed.remote.take_all()) EXPECT_GE(*seg.window, 1460) << i;
  }
}

}  // namespace
}  // namespace pinion::testing
