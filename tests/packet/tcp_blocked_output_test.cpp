// Nothing can leave: no frame, a full port, a neighbour that does not answer. It is tried again
// at a time (the core may sleep until then), and nothing is lost but time.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpOutput, PortIsFull) {
  TcpBed bed(TcpState::established);
  bed.peer.port.tx_accepts = 0;
  bed.socket->send("stuck", 1);
  bed.peer.poll(3);
  bed.wait(kSecond);
  bed.peer.port.tx_accepts = SIZE_MAX;
  bed.wait(kSecond);
  std::string data;
  for (const Seg& seg : bed.remote.take_all())
    if (seg.seq == 1) data = seg.data;
  EXPECT_EQ(data, "stuck");
  bed.remote.sends({.seq = 1, .ack = 6});
  bed.socket->expects_sent(1);
}

TEST(TcpOutput, NoFrames) {
  TcpBed bed(TcpState::established);
  bed.peer.port.pool_frames = 0;
  bed.socket->send("stuck", 1);
  bed.peer.poll(3);
  EXPECT_GT(bed.peer.kernel->next_deadline(), bed.peer.now) << "the core may sleep";
  bed.wait(kMilli);
  bed.peer.port.pool_frames = SIZE_MAX;
  bed.wait(10 * kMilli);
  EXPECT_EQ(bed.remote.expects_any().data, "stuck");
}

// Fail the n-th allocation, wherever it is.
TEST(TcpOutput, I2AnyOneAllocationMayFail) {
  bool failed = true;
  for (size_t n = 0; failed && n < 200; ++n) {
    SCOPED_TRACE(n);
    TcpBed bed(TcpState::established);
    bed.peer.port.alloc_fails_after = n;
    bed.socket->send(stream_bytes(0, 3 * kMss), 1);
    bed.wait(20 * kMilli);
    std::string data(3 * kMss, '\0');
    for (int i = 0; i < 20 && bed.remote.received < 1 + 3 * kMss; ++i) bed.wait(20 * kMilli);
    for (const Seg& seg : bed.remote.take_all())
      if (seg.seq - 1 + seg.data.size() <= data.size())
        data.replace(seg.seq - 1, seg.data.size(), seg.data);
    EXPECT_EQ(data, stream_bytes(0, 3 * kMss));
    bed.remote.sends({.seq = 1, .ack = 1 + 3 * kMss});
    bed.socket->expects_sent(1);
    failed = bed.peer.port.alloc_fails_after == SIZE_MAX;
  }
}

TEST(TcpOutput, LinkDown) {
  TcpBed bed(TcpState::established);
  bed.peer.port.link_is_up = false;
  bed.wait(300 * kMilli);
  bed.socket->send("waits", 1);
  bed.wait(kSecond);
  bed.peer.port.link_is_up = true;
  bed.wait(70 * kSecond);
  std::string data;
  for (const Packet& frame : bed.peer.take_all())  // ARP says where we are, too
    if (const Decoded d = decode(frame); d.tcp) data = d.data;
  EXPECT_EQ(data, "waits") << "a link that comes back loses no connection";
}

}  // namespace
}  // namespace pinion::testing
