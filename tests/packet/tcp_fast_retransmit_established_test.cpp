// RFC 5681 3.2, RFC 6582: the third duplicate ACK sends the first segment again, at once; a
// partial ACK the next; further duplicates let new data out; recovery ends at `recover`. RFC
// 3042: the first two duplicates let one new segment out each.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions newreno() {
  TcpBedOptions options;
  options.peer.net.tcp.min_rto = 500 * kMilli;
  options.peer.net.tcp.congestion = CongestionControl::newreno;
  return options;
}

TEST(TcpRecovery, ThirdDuplicateAck) {
  TcpBed bed(TcpState::established, newreno());
  app_sends(bed, 10);
  bed.remote.expects_data(1, 1 + 10 * kMss, kMss);
  for (int i = 0; i < 2; ++i) bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects_nothing();  // nothing more to send for RFC 3042
  bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects_data(1, 1 + kMss, kMss);
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 1, .ack = 1 + 10 * kMss});
  bed.socket->expects_sent(1);
  bed.wait(5 * kSecond);
  bed.remote.expects_nothing();
}

TEST(TcpRecovery, LimitedTransmit) {
  TcpBed bed(TcpState::established, newreno());
  app_sends(bed, 20);
  bed.remote.expects_data(1, 1 + 10 * kMss, kMss);
  for (uint32_t i = 0; i < 2; ++i) {
    bed.remote.sends({.seq = 1, .ack = 1});
    bed.remote.expects_data(1 + (10 + i) * kMss, 1 + (11 + i) * kMss, kMss);
    bed.remote.expects_nothing();
  }
  bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects_data(1, 1 + kMss, kMss);
}

TEST(TcpRecovery, PartialAck) {
  TcpBed bed(TcpState::established, newreno());
  app_sends(bed, 10);
  bed.remote.expects_data(1, 1 + 10 * kMss, kMss);
  for (int i = 0; i < 3; ++i) bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects_data(1, 1 + kMss, kMss);
  bed.remote.sends({.seq = 1, .ack = 1 + 4 * kMss});
  bed.remote.expects_data(1 + 4 * kMss, 1 + 5 * kMss, kMss);
  bed.remote.sends({.seq = 1, .ack = 1 + 10 * kMss});
  bed.socket->expects_sent(1);
  bed.remote.expects_nothing();
}

// What is no duplicate ACK (RFC 5681 2): data, another window, nothing outstanding.
TEST(TcpRecovery, W57WhatIsNoDuplicateAck) {
  TcpBed bed(TcpState::established, newreno());
  for (int i = 0; i < 10; ++i) bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects_nothing();
  app_sends(bed, 4);
  bed.remote.expects_data(1, 1 + 4 * kMss, kMss);
  for (uint16_t i = 0; i < 5; ++i)
    bed.remote.sends({.seq = 1, .ack = 1, .window = static_cast<uint16_t>(60000 + i)});
  bed.remote.expects_nothing();
  for (uint32_t i = 0; i < 5; ++i) bed.remote.sends({.seq = 1 + i, .ack = 1, .data = "d"});
  for (const Seg& seg : bed.remote.take_all()) EXPECT_EQ(seg.data, "");
}

}  // namespace
}  // namespace pinion::testing
