// W58, RFC 4987: SYNs from everywhere. The memory is bounded; with cookies a peer that is real
// gets in all the same, without them no one is answered beyond the bound; afterwards all is as
// before.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions small_queue(bool cookies) {
  TcpBedOptions options;
  options.peer.net.tcp.syn_queue_max = 8;
  options.peer.net.tcp.syn_cookies = cookies;
  options.peer.net.tcp.syn_retries = 1;
  return options;
}

void flood(TcpBed& bed, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    TcpEnd end(bed.peer, {ipv4(10, 0, 0, 3 + i % 200), static_cast<uint16_t>(1024 + i)});
    end.sends({.flags = kSyn, .options = mss(1460)});
  }
  bed.peer.take_all();
}

TEST(TcpInput, W58CookiesLetThePeerIn) {
  TcpBed bed(TcpState::listen, small_queue(true));
  flood(bed, 200);
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
  bed.remote.sends({.seq = 1, .ack = 1, .data = "real"});
  const auto handle = bed.listener->accept();
  ASSERT_TRUE(handle.has_value());
  bed.socket.emplace(bed.peer, StreamSocketOptions{}, *handle);
  bed.socket->receive(1);
  bed.peer.poll();
  EXPECT_EQ(bed.socket->expects_received(1), "real");
  bed.peer.app(0).end();
  bed.wait(20 * kSecond);  // what is left of a cookie's connection lasts as long as the cookie
}

TEST(TcpInput, W58CookieThatIsNone) {
  TcpBed bed(TcpState::listen, small_queue(true));
  flood(bed, 200);
  for (uint32_t guess = 1; guess < 2000; ++guess) {
    bed.remote.sends({.seq = 1, .ack = guess * 0x10001});
    bed.peer.take_all();
  }
  EXPECT_EQ(bed.listener->accept(), std::nullopt);
}

// A cookie counts only while there is a flood: at other times an ACK belongs to nobody.
TEST(TcpInput, W58CookieOfAnotherTime) {
  TcpBed bed(TcpState::listen, small_queue(true));
  flood(bed, 200);
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
  bed.wait(300 * kSecond);
  bed.peer.take_all();
  bed.remote.sends({.seq = 1, .ack = 1});
  EXPECT_EQ(bed.listener->accept(), std::nullopt);
  EXPECT_TRUE(bed.remote.expects_any().flags & kRst);
}

// A cookie is of one connection, and each of its segments opens it once.
TEST(TcpInput, W58CookieTwice) {
  TcpBed bed(TcpState::listen, small_queue(true));
  flood(bed, 200);
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
  TcpEnd thief(bed.peer, {kPeerIp, kPeerPort + 1});
  thief.irs = bed.remote.irs;
  thief.sends({.seq = 1, .ack = 1});
  bed.peer.take_all();
  EXPECT_EQ(bed.listener->accept(), std::nullopt) << "another port";
  bed.remote.sends({.seq = 1, .ack = 1});
  EXPECT_TRUE(bed.listener->accept().has_value());
  bed.remote.sends({.flags = kRst, .seq = 1});
  bed.peer.take_all();
  bed.remote.sends({.seq = 1, .ack = 1, .data = "revived"});
  EXPECT_EQ(bed.listener->accept(), std::nullopt);
  bed.wait(20 * kSecond);
}

TEST(TcpInput, W58WithoutCookiesItIsBounded) {
  TcpBed bed(TcpState::listen, small_queue(false));
  flood(bed, 200);
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects_nothing();
  bed.wait(20 * kSecond);  // the flood is forgotten
  bed.peer.take_all();
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
}

// The backlog is the application's word: beyond it nobody is established.
TEST(TcpInput, Backlog) {
  TcpBedOptions options;
  options.backlog = 2;
  TcpBed bed(TcpState::listen, options);
  for (uint16_t i = 0; i < 6; ++i) {
    TcpEnd end(bed.peer, {kPeerIp, static_cast<uint16_t>(8000 + i)});
    end.sends({.flags = kSyn, .options = mss(1460)});
    bed.peer.take_all();
    end.irs = 0;
  }
  int accepted = 0;
  while (bed.listener->accept()) ++accepted;
  EXPECT_EQ(accepted, 0);
}

}  // namespace
}  // namespace pinion::testing
