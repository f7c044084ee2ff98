// RFC 5681 3.1, RFC 6928: ten segments at first; one more for each that is acknowledged. W57:
// what is acknowledged in small pieces counts by its bytes, and ACKs of nothing count for
// nothing.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions long_timer() {
  TcpBedOptions options;
  options.peer.net.tcp.min_rto = kSecond;
  options.peer.net.tcp.congestion = CongestionControl::newreno;
  return options;
}

size_t data_segments(TcpBed& bed) {
  size_t n = 0;
  for (const Seg& seg : bed.remote.take_all()) n += !seg.data.empty();
  return n;
}

TEST(TcpCongestion, TenSegmentsAtFirst) {
  TcpBed bed(TcpState::established, long_timer());
  app_sends(bed, 40);
  EXPECT_EQ(data_segments(bed), 10u);
}

TEST(TcpCongestion, TwoForEachThatIsAcknowledged) {
  TcpBed bed(TcpState::established, long_timer());
  app_sends(bed, 40);
  EXPECT_EQ(data_segments(bed), 10u);
  for (uint32_t i = 1; i <= 10; ++i) {
    bed.remote.sends({.seq = 1, .ack = 1 + i * kMss});
    EXPECT_EQ(data_segments(bed), 2u) << i;
  }
}

TEST(TcpCongestion, W57AckDivision) {
  TcpBed bed(TcpState::established, long_timer());
  app_sends(bed, 40);
  EXPECT_EQ(data_segments(bed), 10u);
  size_t more = 0;
  for (uint32_t i = 1; i <= kMss; ++i) {
    bed.remote.sends({.seq = 1, .ack = 1 + i});
    more += data_segments(bed);
  }
  EXPECT_LE(more, 2u) << "1460 ACKs of a byte each are one segment's worth";
}

TEST(TcpCongestion, W57OptimisticAck) {
  TcpBed bed(TcpState::established, long_timer());
  app_sends(bed, 40);
  EXPECT_EQ(data_segments(bed), 10u);
  for (uint32_t i = 11; i <= 40; ++i) {
    bed.remote.sends({.seq = 1, .ack = 1 + i * kMss});
    EXPECT_EQ(data_segments(bed), 0u) << "of what was not sent";
  }
}

// RFC 5681 4.1: after an idle time longer than the RTO, the window of a new connection.
TEST(TcpCongestion, IdleRestart) {
  TcpBed bed(TcpState::established, long_timer());
  app_sends(bed, 20);
  EXPECT_EQ(data_segments(bed), 10u);
  for (uint32_t i = 1; i <= 20; ++i) {
    bed.remote.sends({.seq = 1, .ack = 1 + i * kMss});
    data_segments(bed);
  }
  bed.wait(30 * kSecond);
  bed.socket->send(stream_bytes(0, 40 * kMss), 2);
  bed.peer.poll(3);
  EXPECT_EQ(data_segments(bed), 10u);
}

}  // namespace
}  // namespace pinion::testing
