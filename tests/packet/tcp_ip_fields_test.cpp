// RFC 9293 3.9.2 MUST-48, 49, RFC 1191: TTL and DSCP are the application's, DF is set on all.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpOutput, TtlAndDscp) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_TTL, 3), 0);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_DSCP, 46), 0);
  bed.socket->send("x", 1);
  bed.peer.poll(2);
  const Decoded d = bed.remote.expects({.seq = 1, .data = "x"});
  EXPECT_EQ(d.ip->ttl, 3);
  EXPECT_EQ(d.ip->tos, 46 << 2);
  EXPECT_EQ(d.ip->flags_fragment, kDontFragment);
  bed.remote.sends({.seq = 1, .ack = 2, .data = "y"});
  EXPECT_EQ(bed.remote.expects({.seq = 2, .ack = 2}).ip->tos, 46 << 2) << "ACKs as well";
}

TEST(TcpOutput, ListenerPassesItsOptionsOn) {
  TcpBed bed;
  bed.listener.emplace(bed.peer, StreamSocketOptions{.queue = false});
  EXPECT_EQ(bed.listener->set_option(RIO_SO_TTL, 9), 0);
  EXPECT_EQ(bed.listener->listen(), 0);
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  EXPECT_EQ(bed.remote.expects({.flags = kSyn | kAck, .ack = 1}).ip->ttl, 9);
  bed.remote.sends({.seq = 1, .ack = 1});
  bed.socket.emplace(bed.peer, StreamSocketOptions{}, bed.listener->accept().value_or(0));
  EXPECT_EQ(bed.socket->option(RIO_SO_TTL), 9);
}

// W24 for TCP: the TTL of what comes is not looked at; nor are options (MUST-50).
TEST(TcpOutput, W24TtlAndOptionsOfWhatComes) {
  TcpBed bed(TcpState::established);
  const auto data = [&bed](Ipv4Fields ip, uint32_t seq) {
    return frame_of(TcpSegment{.ip = ip,
                               .tcp = {.seq = bed.remote.iss + seq,
                                       .ack = bed.remote.irs + 1,
                                       .flags = kAck},
                               .data = "x"});
  };
  bed.peer.sends(data({.ttl = 0}, 1));
  bed.remote.expects({.seq = 1, .ack = 2});
  bed.peer.sends(data({.options = std::string(4, '\1')}, 2));
  bed.remote.expects({.seq = 1, .ack = 3});
}

}  // namespace
}  // namespace pinion::testing
