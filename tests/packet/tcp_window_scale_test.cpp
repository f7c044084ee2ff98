// W43, RFC 7323 2, RFC 9293 MUST-1: windows are unsigned; scaled only if both ends said so, by
// 14 at most, and never on a SYN.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, WindowAbove32767IsUsedInFull) {
  TcpBedOptions options;
  options.window = 0xfff0;
  options.peer.net.tcp.initial_window_segments = 100;
  TcpBed bed(TcpState::established, options);
  bed.socket->send(stream_bytes(0, 100'000), 1);
  bed.peer.poll(20);
  uint32_t bytes = 0;
  for (const Seg& seg : bed.remote.take_all()) bytes += static_cast<uint32_t>(seg.data.size());
  EXPECT_GT(bytes, 0xfff0u - 2 * kMss);
  EXPECT_LE(bytes, 0xfff0u);
}

TEST(TcpInput, W43ScaledWindowOfThePeer) {
  const struct {
    uint8_t shift;
    uint16_t window;
    uint32_t bytes;
  } cases[] = {{0, 2920, 2920}, {1, 1460, 2920}, {7, 100, 12800},
               {14, 1, 16384},  {15, 1, 16384},  {255, 1, 16384}};
  for (const auto& c : cases) {
    TcpBedOptions options;
    options.syn_options = mss(1460) + window_scale(c.shift);
    options.window = 64;  // the SYN's own is not scaled
    options.peer.net.tcp.initial_window_segments = 40;
    TcpBed bed(TcpState::syn_received, options);
    bed.remote.sends({.seq = 1, .ack = 1, .window = c.window});
    bed.socket.emplace(bed.peer, StreamSocketOptions{}, bed.listener->accept().value_or(0));
    bed.socket->send(stream_bytes(0, 40'000), 1);
    bed.peer.poll(10);
    uint32_t bytes = 0;
    for (const Seg& seg : bed.remote.take_all()) bytes += static_cast<uint32_t>(seg.data.size());
    EXPECT_LE(bytes, c.bytes) << int{c.shift};
    EXPECT_GT(bytes + kMss, c.bytes) << int{c.shift};
  }
}

TEST(TcpInput, W43OurWindowIsScaledOnlyIfAgreed) {
  for (const bool agreed : {false, true}) {
    TcpBedOptions options;
    options.peer.net.tcp.receive_bytes = 1 << 20;
    TcpBed bed(TcpState::listen, options);
    bed.remote.sends(
        {.flags = kSyn, .options = mss(1460) + (agreed ? window_scale(0) : std::string())});
    const Decoded d = bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
    const uint32_t shift = options_of(*d.tcp).window_scale.value_or(0);
    EXPECT_GT(d.tcp->window, 0x7fff) << "unscaled, and as large as it gets";
    bed.remote.sends({.seq = 1, .ack = 1, .data = "x"});
    const Seg ack = bed.remote.expects_any();
    const uint32_t window = uint32_t{*ack.window} << shift;
    EXPECT_EQ(agreed, window > 0xffff);
  }
}

// RFC 9293 3.8.6.2.2: the SYN told 64 KiB and none of it is used, so the first receive tells
// nothing; what it has come to, the ACK of the first data tells.
TEST(TcpInput, W43FirstReceiveTellsNothing) {
  TcpBedOptions options;
  options.syn_options = mss(1460) + window_scale(0);
  options.peer.net.tcp.receive_bytes = 1 << 20;
  TcpBed bed(TcpState::established, options);
  bed.socket->receive(1);
  bed.peer.poll(3);
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 1, .ack = 1, .data = "x"});
  EXPECT_GT(*bed.remote.expects_any().window, 0xffff >> 5);
  bed.remote.expects_nothing();
  bed.socket->expects_received(1);
}

}  // namespace
}  // namespace pinion::testing
