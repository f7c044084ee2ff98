// W44, RFC 7323 3, 4: on every segment once negotiated, a RST may lack them; the echo is that of
// the segment which our last ACK acknowledged.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions with_timestamps() {
  TcpBedOptions options;
  options.syn_options = mss(1460) + timestamps(5000, 0);
  return options;
}
std::string stamp(uint32_t value, uint32_t echo) {
  return kNop + kNop + timestamps(value, echo);
}

TEST(TcpInput, W44EverySegmentHasThem) {
  TcpBed bed(TcpState::established, with_timestamps());
  bed.socket->send("data", 1);
  bed.peer.poll(2);
  const uint32_t first = *options_of(*bed.remote.expects({.seq = 1, .data = "data"}).tcp).ts_value;
  bed.wait(30 * kMilli);
  bed.remote.take_all();
  bed.remote.sends({.seq = 1, .ack = 5, .data = "x"});
  const auto o = options_of(*bed.remote.expects({.seq = 5, .ack = 2}).tcp);
  EXPECT_GE(*o.ts_value - first, 29u) << "milliseconds";
  EXPECT_LE(*o.ts_value - first, 31u);
  EXPECT_EQ(bed.socket->shutdown(), 0);
  bed.peer.poll(2);
  EXPECT_TRUE(options_of(*bed.remote.expects({.flags = kFin | kAck, .seq = 5}).tcp).ts_value);
}

// 3.2: what lacks them is dropped, but a RST.
TEST(TcpInput, W44SegmentWithoutThem) {
  dropped_silently(TcpState::established, {.data = "bare", .options = ""}, with_timestamps());
  resets(TcpState::established, {.flags = kRst, .options = ""}, with_timestamps());
}

// 4.3: of two segments that one ACK answers, the one that filled the hole; never of one beyond.
TEST(TcpInput, W44EchoIsOfTheSegmentThatMovedUs) {
  TcpBed bed(TcpState::established, with_timestamps());
  const uint32_t echo = bed.remote.ts_echo, t = bed.remote.ts_now() + 100;
  const auto echoed = [&bed] { return *options_of(*bed.remote.expects(
      {.seq = 1, .ack = bed.theirs}).tcp).ts_echo; };
  bed.remote.sends({.seq = 1, .ack = 1, .data = "a", .options = stamp(t, echo)});
  bed.theirs = 2;
  EXPECT_EQ(echoed(), t);
  bed.remote.sends({.seq = 3, .ack = 1, .data = "c", .options = stamp(t + 20, echo)});
  EXPECT_EQ(echoed(), t) << "out of order: not yet";
  bed.remote.sends({.seq = 2, .ack = 1, .data = "b", .options = stamp(t + 10, echo)});
  bed.theirs = 4;
  EXPECT_EQ(echoed(), t + 10);
}

}  // namespace
}  // namespace pinion::testing
