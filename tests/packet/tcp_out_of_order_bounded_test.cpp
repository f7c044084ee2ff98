// W47: one-byte segments on every second number of the whole window, then backwards. Blocks and
// memory are bounded, and what is in order is taken all the same.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W47EverySecondByte) {
  for (const bool backwards : {false, true}) {
    TcpBedOptions options;
    options.peer.server.backlog_chunks = 64;
    TcpBed bed(TcpState::established, options);
    for (uint32_t i = 0; i < 5000; ++i) {
      const uint32_t seq = 3 + 2 * (backwards ? 4999 - i : i);
      bed.remote.sends({.seq = seq, .ack = 1, .data = "x"});
      bed.peer.take_all();
    }
    EXPECT_LE(bed.peer.kernel->server().usage().chunks, 64u);
    bed.socket->receive(1);
    bed.peer.poll();
    bed.remote.sends({.seq = 1, .ack = 1, .data = "in order"});
    EXPECT_GE(*bed.remote.expects_any().ack, 9u);
    EXPECT_EQ(bed.socket->expects_received(1).substr(0, 8), "in order");
  }
}

// Whatever was kept and whatever was not: the stream is what was sent.
TEST(TcpInput, W47StreamIsWhole) {
  TcpBed bed(TcpState::established);
  const std::string stream = stream_bytes(0, 2000);
  for (uint32_t at = 1999; at < 2000; at -= 2)
    bed.remote.sends({.seq = 1 + at, .ack = 1, .data = stream.substr(at, 1)});
  bed.peer.take_all();
  uint32_t acked = 1;
  while (acked < 2001) {
    bed.remote.sends({.seq = acked, .ack = 1, .data = stream.substr(acked - 1, 1)});
    const uint32_t ack = bed.remote.expects_any().ack.value_or(0);
    ASSERT_GT(ack, acked);
    acked = ack;
  }
  bed.socket->receive(1);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->expects_received(1), stream);
}

}  // namespace
}  // namespace pinion::testing
