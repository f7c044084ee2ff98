// SYN-ACK and SYN in SYN-SENT (RFC 9293 3.10.7.3, fourth): established, or the simultaneous
// open.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, SynAckSynSent) {
  TcpBed bed(TcpState::syn_sent);
  bed.remote.sends({.flags = kSyn | kAck, .ack = 1, .options = mss(1460)});
  bed.remote.expects({.seq = 1, .ack = 1});
  bed.expects_state(TcpState::established);
  EXPECT_EQ(bed.socket->connect_status(), 0);
  EXPECT_EQ(bed.socket->name(true), kPeerEndpoint);
  EXPECT_EQ(bed.socket->name(false), kOurEndpoint);
}

// 3.5, MUST-10; figure 8.
TEST(TcpInput, W62SimultaneousOpen) {
  TcpBed bed(TcpState::syn_sent);
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .seq = 0, .ack = 1});
  bed.expects_state(TcpState::syn_received);
  EXPECT_EQ(bed.socket->connect_status(), -EINPROGRESS);
  bed.remote.sends({.flags = kSyn | kAck, .seq = 0, .ack = 1, .options = mss(1460)});
  bed.peer.poll();
  bed.expects_state(TcpState::established);
  EXPECT_EQ(bed.socket->connect_status(), 0);
}

// 3.10.7.3, fourth: text and FIN of that SYN wait for ESTABLISHED.
TEST(TcpInput, TextOfASynWaitsUntilEstablished) {
  TcpBed bed(TcpState::syn_sent);
  bed.remote.sends({.flags = kSyn | kFin, .data = "text", .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .seq = 0, .ack = 1});
  bed.expects_state(TcpState::syn_received);
  bed.socket->receive(1);
  bed.remote.sends({.seq = 6, .ack = 1});
  EXPECT_EQ(bed.socket->expects_received(1), "text");
  bed.remote.expects({.seq = 1, .ack = 6});
  bed.expects_state(TcpState::close_wait);
}

// Of more than the window has room for, what has; the FIN behind it comes again as well.
TEST(TcpInput, TextOfASynIsCutAtTheWindow) {
  TcpBedOptions options;
  options.active = true;
  options.peer.net.tcp.receive_bytes = 100;
  TcpBed bed(TcpState::syn_sent, std::move(options));
  const std::string text(150, 'x');
  bed.remote.sends({.flags = kSyn | kFin, .data = text, .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .seq = 0, .ack = 1});
  bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects({.seq = 1, .ack = 101});
  bed.expects_state(TcpState::established);
}

// Data that was posted before leaves with the handshake's end; data on the SYN-ACK is taken, or is
// not acknowledged.
TEST(TcpInput, DataWaitsForTheSynAck) {
  TcpBed bed(TcpState::syn_sent);
  bed.socket->send("hello", 1);
  bed.peer.poll(2);
  bed.remote.expects_nothing();
  bed.remote.sends({.flags = kSyn | kAck, .ack = 1, .options = mss(1460)});
  bed.peer.poll();
  std::string data;
  for (const Seg& seg : bed.remote.take_all()) data += seg.data;
  EXPECT_EQ(data, "hello");
  bed.remote.sends({.seq = 1, .ack = 6});
  bed.socket->expects_sent(1);
}

TEST(TcpInput, SynOffersEverything) {
  TcpBedOptions options;
  options.active = true;
  TcpBed bed(std::move(options));
  bed.socket.emplace(bed.peer);
  EXPECT_EQ(bed.socket->connect(), -EINPROGRESS);
  bed.peer.poll(2);
  const TcpOptionList o = options_of(*bed.remote.expects({.flags = kSyn}).tcp);
  EXPECT_EQ(o.mss, 1460);
  EXPECT_TRUE(o.window_scale && o.sack_permitted && o.ts_value);
  EXPECT_EQ(o.ts_echo, 0u);
}

}  // namespace
}  // namespace pinion::testing
