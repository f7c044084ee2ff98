// A SYN to a listener (RFC 9293 3.10.7.2): SYN-ACK with an ISS of our own; nothing of a
// connection is shown to the application before it is established.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, SynListen) {
  TcpBed bed(TcpState::listen);
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  const Decoded d = bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
  EXPECT_EQ(options_of(*d.tcp).mss, 1460);  // MUST-14, 67: the MTU less 40
  EXPECT_EQ(bed.listener->accept(), std::nullopt);
}

// 3.7.1, RFC 7323 2.5, 3.2, RFC 2018 2: what the SYN does not offer, the SYN-ACK does not have.
TEST(TcpInput, OptionsAreAnsweredInKind) {
  const struct {
    std::string offer;
    bool scale, permitted, stamps;
  } cases[] = {{mss(1460), false, false, false},
               {mss(1460) + window_scale(7), true, false, false},
               {mss(1460) + sack_permitted(), false, true, false},
               {mss(1460) + timestamps(7, 0), false, false, true},
               {mss(1460) + sack_permitted() + timestamps(7, 0) + window_scale(7), true, true,
                true}};
  for (const auto& c : cases) {
    TcpBed bed(TcpState::listen);
    bed.remote.sends({.flags = kSyn, .options = c.offer});
    const TcpOptionList o = options_of(*bed.remote.expects({.flags = kSyn | kAck, .ack = 1}).tcp);
    EXPECT_EQ(o.window_scale.has_value(), c.scale);
    EXPECT_EQ(o.sack_permitted, c.permitted);
    EXPECT_EQ(o.ts_value.has_value(), c.stamps);
    EXPECT_TRUE(o.others.empty());
    if (c.stamps) {
      EXPECT_EQ(o.ts_echo, 7u);
    }
  }
}

// I6: to an address that has not proved to be there, no more goes than came.
TEST(TcpInput, ReplyIsNoLongerThanTheSyn) {
  const std::string offers[] = {"", mss(1460), mss(1460) + sack_permitted(),
                                mss(1460) + window_scale(7) + timestamps(1, 0)};
  for (const std::string& offer : offers) {
    TcpBed bed(TcpState::listen);
    const Seg syn{.flags = kSyn, .options = offer};
    bed.remote.sends(syn);
    const Packet reply = bed.peer.expects_frame();
    EXPECT_LE(reply.size(), std::max<size_t>(bed.remote.frame(syn).size(), 60));
  }
}

// MUST-57: a connection is of two hosts.
TEST(TcpInput, W15SynToOrFromAGroupIsDropped) {
  TcpBed bed(TcpState::listen);
  for (const Ipv4 dst : {kSubnetBroadcast, Ipv4{0xffffffff}, ipv4(224, 0, 0, 1)}) {
    const Packet syn = frame_of(TcpSegment{.eth = {.dst = kBroadcastMac},
                                           .ip = {.dst = dst},
                                           .tcp = {.flags = kSyn}});
    EXPECT_NE(bed.peer.reaction_to(syn), Drop::none);
    bed.peer.expects_nothing();
  }
  for (const Ipv4 src : {Ipv4{}, kSubnetBroadcast, ipv4(224, 0, 0, 1), ipv4(127, 0, 0, 1)}) {
    EXPECT_NE(bed.peer.reaction_to(frame_of(
                  TcpSegment{.ip = {.src = src}, .tcp = {.flags = kSyn}})),
              Drop::none);
    bed.peer.expects_nothing();
  }
  // To our address in a frame to all: it is no unicast of the link (RFC 1122 3.3.6).
  EXPECT_NE(bed.peer.reaction_to(frame_of(
                TcpSegment{.eth = {.dst = kBroadcastMac}, .tcp = {.flags = kSyn}})),
            Drop::none);
  bed.peer.expects_nothing();
}

// MUST-41, 42, 44-46: listeners are told apart by address and port, and each has its connections.
TEST(TcpInput, TwoListeners) {
  Peer peer;
  TcpSocket first(peer, {.queue = false});
  TcpSocket second(peer, {.local = {kOurIp, kOurPort + 1}, .queue = false});
  EXPECT_EQ(first.listen(), 0);
  EXPECT_EQ(second.listen(), 0);
  TcpEnd one(peer), two(peer, {kPeerIp, kPeerPort + 1}, {kOurIp, kOurPort + 1});
  one.sends({.flags = kSyn, .options = mss(1460)});
  one.expects({.flags = kSyn | kAck, .ack = 1});
  two.sends({.flags = kSyn, .options = mss(1460)});
  two.expects({.flags = kSyn | kAck, .ack = 1});
  two.sends({.seq = 1, .ack = 1});
  EXPECT_EQ(first.accept(), std::nullopt);
  EXPECT_TRUE(second.accept().has_value());
  one.sends({.seq = 1, .ack = 1});
  EXPECT_TRUE(first.accept().has_value());
  TcpSocket third(peer, {.local = {}, .queue = false});
  EXPECT_EQ(third.listen(), -EINVAL) << "not bound";
}

// Data on a SYN counts for nothing until it comes again (the peer then sends it).
TEST(TcpInput, SynWithDataListen) {
  TcpBed bed(TcpState::listen);
  bed.remote.sends({.flags = kSyn, .data = "early", .options = mss(1460)});
  const Seg reply = bed.remote.expects_any();
  EXPECT_EQ(reply.flags, kSyn | kAck);
  EXPECT_TRUE(reply.ack == 1u || reply.ack == 6u);
}

}  // namespace
}  // namespace pinion::testing
