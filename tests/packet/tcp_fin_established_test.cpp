// The peer's FIN in ESTABLISHED (RFC 9293 3.10.7.4, eighth): acknowledged, the stream ends
// behind its data, and the other direction stays open (3.6, MUST-13 and half-close).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, FinEstablished) {
  TcpBed bed(TcpState::established);
  bed.socket->receive(1), bed.socket->receive(2), bed.socket->receive(3);
  bed.peer.poll();
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 1, .data = "bye"});
  bed.remote.expects({.seq = 1, .ack = 5});
  EXPECT_EQ(bed.socket->expects_received(1), "bye");
  bed.socket->expects_end(2);
  bed.socket->expects_end(3);
  bed.expects_state(TcpState::close_wait);
  bed.socket->receive(4);
  bed.peer.poll();
  bed.socket->expects_end(4);
  bed.socket->send("still", 5);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .ack = 5, .data = "still"});
}

// It counts when everything before it is here.
TEST(TcpInput, FinOutOfOrderEstablished) {
  TcpBed bed(TcpState::established);
  for (const uint64_t context : {1, 2, 3}) bed.socket->receive(context);
  bed.peer.poll();
  bed.remote.sends({.flags = kFin | kAck, .seq = 4, .ack = 1, .data = "end"});
  bed.remote.expects({.seq = 1, .ack = 1});
  bed.expects_state(TcpState::established);
  bed.remote.sends({.seq = 1, .ack = 1, .data = "the"});
  bed.remote.expects({.seq = 1, .ack = 8});
  EXPECT_EQ(bed.socket->expects_received(1), "the");
  EXPECT_EQ(bed.socket->expects_received(2), "end");
  bed.socket->expects_end(3);
  bed.expects_state(TcpState::close_wait);
}

TEST(TcpInput, FinWithoutAckEstablished) {  // W51
  dropped_silently(TcpState::established, {.flags = kFin});
}

// A FIN takes nothing of the window, also not of one that is shut.
TEST(TcpInput, FinIntoAFullWindow) {
  TcpBedOptions options;
  options.peer.net.tcp.receive_bytes = 4096;
  TcpBed bed(TcpState::established, options);
  uint32_t at = 1;
  uint16_t window = 1;
  for (int i = 0; i < 64 && window != 0; ++i) {
    const auto length = std::min<uint32_t>(window, 512);
    bed.remote.sends({.seq = at, .ack = 1, .data = stream_bytes(at, length)});
    at += length;
    const Seg ack = bed.remote.expects_any();
    EXPECT_EQ(ack.ack, at);
    window = *ack.window;
  }
  bed.remote.sends({.flags = kFin | kAck, .seq = at, .ack = 1});
  bed.remote.expects({.seq = 1, .ack = at + 1});
  bed.expects_state(TcpState::close_wait);
}

// Nor of one that is open: the peer is told the window that it had.
TEST(TcpInput, FinLeavesTheWindowAsItIs) {
  TcpBed bed(TcpState::syn_sent);
  bed.remote.sends({.flags = kSyn | kAck, .ack = 1, .options = mss(1460)});
  const uint16_t before = *bed.remote.expects_any().window;
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 1});
  EXPECT_EQ(*bed.remote.expects_any().window, before);
}

}  // namespace
}  // namespace pinion::testing
