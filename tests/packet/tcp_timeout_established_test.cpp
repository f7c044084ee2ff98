// RFC 6298: the timer of the oldest segment, doubled each time, set anew by what is
// acknowledged; Karn: what was sent twice is no sample. RFC 5681 3.1: after a timeout the window
// is one segment.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions slow_timer() {
  TcpBedOptions options;
  options.peer.net.tcp.min_rto = 200 * kMilli;
  options.peer.net.tcp.congestion = CongestionControl::newreno;
  return options;
}

TEST(TcpTimer, DataIsRepeatedEstablished) {
  TcpBed bed(TcpState::established, slow_timer());
  bed.socket->send("lost", 1);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .data = "lost"});
  for (const Nanos after : {200 * kMilli, 400 * kMilli, 800 * kMilli, 1600 * kMilli}) {
    bed.wait(after - 10 * kMilli);
    bed.remote.expects_nothing();
    bed.wait(10 * kMilli);
    bed.remote.expects({.seq = 1, .data = "lost"});
  }
  bed.remote.sends({.seq = 1, .ack = 5});
  bed.socket->expects_sent(1);
  bed.wait(10 * kSecond);
  bed.remote.expects_nothing();
}

TEST(TcpTimer, TimerGrowsWithTheRoundTrip) {  // RTO = SRTT + 4 RTTVAR = 3 RTT at first
  TcpBedOptions options = slow_timer();
  options.peer.net.tcp.min_rto = kMilli;
  options.active = true;
  TcpBed bed(options);
  bed.socket.emplace(bed.peer);
  EXPECT_EQ(bed.socket->connect(), -EINPROGRESS);
  bed.wait(100 * kMilli);
  bed.remote.expects({.flags = kSyn});
  bed.remote.sends({.flags = kSyn | kAck, .ack = 1, .options = mss(1460)});
  bed.remote.expects({.seq = 1, .ack = 1});
  bed.socket->send("lost", 1);
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .data = "lost"});
  bed.wait(290 * kMilli);
  bed.remote.expects_nothing();
  bed.wait(20 * kMilli);
  bed.remote.expects({.seq = 1, .data = "lost"});
}

// Ten segments, all lost: one is sent again; its ACK lets two follow (slow start).
TEST(TcpTimer, OneSegmentAfterATimeout) {
  TcpBed bed(TcpState::established, slow_timer());
  app_sends(bed, 10);
  bed.remote.expects_data(1, 1 + 10 * kMss, kMss);
  bed.wait(210 * kMilli);
  bed.remote.expects_data(1, 1 + kMss, kMss);
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 1, .ack = 1 + kMss});
  bed.remote.expects_data(1 + kMss, 1 + 3 * kMss, kMss);
  bed.remote.expects_nothing();
}

// 3.8.3 MUST-20 to 22: R2. The peer is a black hole: -ETIMEDOUT, and every request completes.
TEST(TcpTimer, BlackHoleEstablished) {
  TcpBed bed(TcpState::established, slow_timer());
  bed.socket->send("lost", 1), bed.socket->send("never sent", 2), bed.socket->receive(3);
  bed.peer.poll(2);
  bed.wait(890 * kSecond);
  bed.peer.take_all();
  bed.expects_state(TcpState::established);
  bed.wait(130 * kSecond);
  bed.peer.take_all();
  bed.expects_state(TcpState::closed);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bed.socket->expects_completion().status, -ETIMEDOUT);
}

// The old gateway answers the first question and goes only then: it is asked again.
TEST(TcpTimer, BeyondR1TheNextHopIsAskedAgain) {
  TcpBedOptions options = slow_timer();
  options.pinned = false;
  TcpBed bed(TcpState::established, options);
  bed.socket->send("lost", 1);
  std::vector<Nanos> asked;
  for (const Nanos end = bed.peer.now + 10 * kSecond; bed.peer.now < end; bed.wait(10 * kMilli)) {
    for (const Packet& frame : bed.peer.take_all()) {
      if (!decode(frame).arp.has_value()) continue;
      asked.push_back(bed.peer.now);
      if (asked.size() == 1)
        bed.peer.sends(padded(frame_of(ArpSegment{.arp = {.op = 2, .tha = kOurMac}})));
    }
  }
  ASSERT_GE(asked.size(), 2u);
  EXPECT_LT(asked[1] - asked[0], 5 * kSecond);
  EXPECT_GE(asked[1] - asked[0], kSecond);
}

// 3.8.3 MUST-20: R1. After three timeouts the next hop is asked; another machine has its address by
// then, without having said so, and the connection goes on there.
TEST(TcpTimer, AtR1TheNextHopIsAsked) {
  constexpr Mac kNewMac{{0x02, 0, 0, 0, 0, 0x77}};
  TcpBedOptions options = slow_timer();
  options.pinned = false;
  TcpBed bed(TcpState::established, options);
  bed.socket->send("lost", 1);
  bed.wait(1390 * kMilli);  // 200 + 400 + 800 ms, less a moment
  for (const Packet& frame : bed.peer.take_all()) EXPECT_FALSE(decode(frame).arp.has_value());
  bed.wait(20 * kMilli);
  const Decoded question = bed.peer.expects_decoded();
  ASSERT_TRUE(question.arp.has_value());
  EXPECT_EQ(question.arp->tpa, kPeerIp);
  EXPECT_EQ(question.eth.dst, kPeerMac);
  bed.remote.expects({.seq = 1, .data = "lost"});
  const Nanos end = bed.peer.now + 30 * kSecond;
  for (bool asked_all = false; !asked_all && bed.peer.now < end; bed.wait(10 * kMilli)) {
    for (const Packet& frame : bed.peer.take_all()) {
      if (!decode(frame).arp.has_value() || decode(frame).eth.dst != kBroadcastMac) continue;
      asked_all = true;
      bed.peer.sends(padded(frame_of(ArpSegment{
          .eth = {.src = kNewMac}, .arp = {.op = 2, .sha = kNewMac, .tha = kOurMac}})));
    }
  }
  bed.wait(10 * kSecond);
  const Decoded again = bed.peer.expects_decoded();
  EXPECT_EQ(again.eth.dst, kNewMac);
  EXPECT_EQ(again.data, "lost");
  bed.peer.take_all();
}

}  // namespace
}  // namespace pinion::testing
