// Requests on a stream: in order, each once; WAITALL; short ones, long ones; what waits.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpUser, ReceivesInOrder) {
  TcpBed bed(TcpState::established);
  bed.socket->receive(1, 4), bed.socket->receive(2, 4), bed.socket->receive(3, 4);
  bed.peer.poll();
  bed.remote.sends({.seq = 1, .ack = 1, .data = "abcdefghij"});
  EXPECT_EQ(bed.socket->expects_received(1), "abcd");
  EXPECT_EQ(bed.socket->expects_received(2), "efgh");
  EXPECT_EQ(bed.socket->expects_received(3), "ij");
}

TEST(TcpUser, WaitAll) {
  TcpBed bed(TcpState::established);
  bed.socket->receive(1, 6, RIO_WAITALL);
  bed.peer.poll();
  bed.remote.sends({.flags = kAck | kPsh, .seq = 1, .ack = 1, .data = "abc"});
  bed.socket->expects_no_completion();
  bed.remote.sends({.flags = kAck | kPsh, .seq = 4, .ack = 1, .data = "defgh"});
  EXPECT_EQ(bed.socket->expects_received(1), "abcdef");
  bed.socket->receive(2, 6, RIO_WAITALL);
  bed.peer.poll();
  bed.socket->expects_no_completion();
  bed.remote.sends({.flags = kFin | kAck, .seq = 9, .ack = 1});
  EXPECT_EQ(bed.socket->expects_received(2), "gh") << "the end is an end for it too";
}

TEST(TcpUser, SlowReader) {  // what waits is bounded, and nothing of it is lost
  TcpBedOptions options;
  options.peer.net.tcp.receive_bytes = 16 * 1024;
  TcpBed bed(TcpState::established, options);
  const std::string stream = stream_bytes(0, 100'000);
  std::string got;
  uint32_t at = 0;
  uint16_t window = 1;
  for (uint64_t round = 0; round < 2000 && got.size() < stream.size(); ++round) {
    if (window != 0 && at < stream.size()) {
      const size_t length = std::min<size_t>({window, 1000, stream.size() - at});
      bed.remote.sends({.seq = 1 + at, .ack = 1, .data = stream.substr(at, length)});
    } else {
      bed.socket->receive(round, 700);
      bed.peer.poll();
      got += bed.socket->expects_received(round);
    }
    for (const Seg& seg : bed.remote.take_all()) at = *seg.ack - 1, window = *seg.window;
    ASSERT_LE(at - got.size(), 40'000u);
  }
  EXPECT_EQ(got, stream);
}

}  // namespace
}  // namespace pinion::testing
