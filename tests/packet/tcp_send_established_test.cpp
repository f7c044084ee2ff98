// Sends complete when they are acknowledged, in order; `copied`: at once; -ENOTCONN without a
// connection; a failed one tells what was acknowledged, and whether a byte ever left.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpUser, CopiedCompletesAtOnce) {
  TcpBedOptions options;
  options.socket.queue_flags = RIO_RQ_COPIED;
  TcpBed bed(TcpState::established, options);
  bed.socket->send("copied", 1);
  bed.peer.poll(2);
  bed.socket->expects_sent(1);
  bed.remote.expects({.seq = 1, .data = "copied"});
  bed.wait(60 * kMilli);
  for (const Seg& seg : bed.remote.take_all()) EXPECT_EQ(seg.data, "copied");
}

TEST(TcpUser, NotConnected) {
  Peer peer;
  TcpSocket socket(peer);
  socket.send("nowhere", 1);
  peer.poll(2);
  const rio_abi_completion c = socket.expects_completion();
  EXPECT_EQ(c.status, -ENOTCONN);
  EXPECT_TRUE(c.flags & RIO_CF_UNSENT);
}

TEST(TcpUser, ResetTellsWhatWasAcknowledged) {
  TcpBedOptions options;
  options.window = 6;
  TcpBed bed(TcpState::established, options);
  bed.socket->send("acknowledged", 1), bed.socket->send("in part", 2), bed.socket->send("no", 3);
  bed.peer.poll(2);
  bed.wait(300 * kMilli);
  bed.remote.take_all();
  bed.remote.sends({.seq = 1, .ack = 7, .window = 8});
  bed.wait(300 * kMilli);
  bed.remote.take_all();
  bed.remote.sends({.flags = kRst, .seq = 1});
  const rio_abi_completion one = bed.socket->expects_completion();
  EXPECT_EQ(one.request_context, 1u);
  EXPECT_EQ(one.status, -ECONNRESET);
  EXPECT_EQ(one.bytes, 6u);
  EXPECT_FALSE(one.flags & RIO_CF_UNSENT);
  EXPECT_EQ(bed.socket->expects_completion().request_context, 2u);
  const rio_abi_completion three = bed.socket->expects_completion();
  EXPECT_EQ(three.request_context, 3u);
  EXPECT_TRUE(three.flags & RIO_CF_UNSENT);
}

TEST(TcpUser, ManySendsOneAck) {
  TcpBed bed(TcpState::established);
  for (uint64_t i = 0; i < 16; ++i) bed.socket->send(stream_bytes(i, 100), i);
  bed.peer.poll(3);
  bed.remote.take_all();
  bed.remote.sends({.seq = 1, .ack = 1601});
  for (uint64_t i = 0; i < 16; ++i) bed.socket->expects_sent(i);
  bed.socket->expects_no_completion();
}

}  // namespace
}  // namespace pinion::testing
