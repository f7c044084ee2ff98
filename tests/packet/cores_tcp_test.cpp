// Several cores: a connection lives on one, and its segments find it wherever they arrive; a SYN is
// its own listener's; a half-open connection that a stray SYN has left answers nothing that is
// another core's; a source port is one that brings the answer home.
#include <algorithm>
#include <cerrno>

#include "packet/cores_bed.h"
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

StreamSocketOptions listening() { return {.queue = false}; }

// Establishes a connection of core `home`, every segment of the peer's arriving at core `at`.
uint32_t establish(Cores& cores, uint32_t home, uint32_t at, TcpEnd& end, TcpSocket& listener) {
  cores.sends(at, end.frame({.flags = kSyn, .options = mss(1460)}));
  const Seg syn_ack = end.expects_any();
  EXPECT_EQ(syn_ack.flags, kSyn | kAck) << "of core " << home;
  cores.sends(at, end.frame({.seq = 1, .ack = 1}));
  const std::optional<uint32_t> handle = listener.accept();
  EXPECT_TRUE(handle);
  return handle.value_or(0);
}

TEST(CoresTcp, AConnectionOfTheOtherCoreFromItsSynToItsFin) {
  Cores cores(2);
  cores.resolve();
  TcpSocket listener(cores.at(1), listening());
  ASSERT_EQ(listener.listen(), 0);
  cores.poll();
  TcpEnd end(cores.at(1));
  TcpSocket socket(cores.at(1), {}, establish(cores, 1, 0, end, listener));
  socket.receive(1), socket.receive(2);
  cores.poll();
  cores.sends(0, end.frame({.seq = 1, .ack = 1, .data = "hello"}));
  EXPECT_EQ(socket.expects_received(1), "hello");
  end.expects({.seq = 1, .ack = 6});
  socket.send("answer", 3);
  cores.poll();
  end.expects({.seq = 1, .ack = 6, .data = "answer"});
  cores.sends(0, end.frame({.flags = kFin | kAck, .seq = 6, .ack = 7}));
  socket.expects_sent(3);
  socket.expects_end(2);
  EXPECT_EQ(cores.handed_over(0, Stray::tcp), 4u);
  EXPECT_EQ(cores.counters(0).tcp_received, 0u);
  EXPECT_EQ(cores.dropped(), 0u);
  EXPECT_EQ(cores.at(0).take_all().size(), 0u);
  // It closes; what still comes in TIME-WAIT and after the listener is gone is the connection's.
  socket.close(), listener.close();
  cores.poll();
  end.take_all();
  cores.sends(0, end.frame({.seq = 7, .ack = 8}));
  EXPECT_EQ(cores.handed_over(0, Stray::tcp), 5u);
  EXPECT_EQ(cores.at(0).take_all().size() + cores.at(1).take_all().size(), 0u);
}

TEST(CoresTcp, ASynIsItsOwnListenersAndWhatFollowsIsTheConnections) {
  Cores cores(3);
  cores.resolve();
  std::vector<TcpSocket> listeners;
  for (uint32_t core = 0; core < 3; ++core) {
    listeners.emplace_back(cores.at(core), listening());
    ASSERT_EQ(listeners.back().listen(), 0);
    cores.poll();
  }
  for (uint32_t home = 0; home < 3; ++home) {
    TcpEnd end(cores.at(home), {kPeerIp, static_cast<uint16_t>(5000 + home)});
    cores.sends(home, end.frame({.flags = kSyn, .options = mss(1460)}));
    end.expects({.flags = kSyn | kAck});
    // The rest astray, over each of the other cores.
    cores.sends((home + 1) % 3, end.frame({.seq = 1, .ack = 1}));
    const std::optional<uint32_t> handle = listeners[home].accept();
    ASSERT_TRUE(handle) << home;
    TcpSocket socket(cores.at(home), {}, *handle);
      socket.receive(1);
    cores.poll();
    cores.sends((home + 2) % 3, end.frame({.seq = 1, .ack = 1, .data = "x"}));
    EXPECT_EQ(socket.expects_received(1), "x");
    end.expects({.seq = 1, .ack = 2});
    cores.sends((home + 1) % 3, end.frame({.flags = kRst, .seq = 2}));
    EXPECT_EQ(socket.error(), -ECONNRESET);
    socket.close();
    cores.poll();
  }
  EXPECT_EQ(cores.dropped(), 0u);
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 0, 0}));
}

TEST(CoresTcp, WhatNobodyHasIsResetOnce) {
  Cores cores(3);
  cores.resolve();
  TcpSocket one(cores.at(0), listening()), two(cores.at(1), listening());
  ASSERT_EQ(one.listen(), 0);
  ASSERT_EQ(two.listen(), 0);
  cores.poll();
  TcpEnd end(cores.at(0));
  cores.sends(0, end.frame({.seq = 5, .ack = 9, .data = "lost"}));
  EXPECT_EQ(cores.handed_over(0, Stray::tcp), 1u);
  EXPECT_EQ(cores.at(1).dropped(Drop::tcp_no_connection), 1u);
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 1, 0}));
  cores.sends(2, end.frame({.flags = kRst, .seq = 5}));
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 0, 0})) << "a RST is answered by nobody";
  // To a port that no core has: where it came.
  TcpEnd elsewhere(cores.at(0), kPeerEndpoint, {kOurIp, 9});
  cores.sends(0, elsewhere.frame({.flags = kSyn, .options = mss(1460)}));
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{1, 0, 0}));
  cores.sends(2, TcpEnd(cores.at(2)).frame({.flags = kSyn, .options = mss(1460)}));
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{1, 0, 0})) << "a listener of another core";
}

// The SYN came twice, to two cores: the peer has the first one's connection, and the challenge ACK
// with which it answers the second SYN-ACK must not come back as a RST.
TEST(CoresTcp, AHalfOpenConnectionOfTheWrongCoreHarmsNobody) {
  Cores cores(2);
  cores.resolve();
  TcpSocket right(cores.at(0), listening()), wrong(cores.at(1), listening());
  ASSERT_EQ(right.listen(), 0);
  ASSERT_EQ(wrong.listen(), 0);
  cores.poll();
  TcpEnd end(cores.at(0)), stray(cores.at(1));
  TcpSocket socket(cores.at(0), {}, establish(cores, 0, 0, end, right));
  socket.receive(1), socket.receive(2);
  cores.wait(10 * kMilli);
  cores.sends(1, end.frame({.flags = kSyn, .options = mss(1460)}));
  stray.expects({.flags = kSyn | kAck});
  cores.sends(1, end.frame({.seq = 1, .ack = 1}));  // the challenge
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 0}));
  cores.sends(1, end.frame({.seq = 1, .ack = 1, .data = "on"}));
  EXPECT_EQ(socket.expects_received(1), "on");
  cores.sends(0, end.frame({.seq = 3, .ack = 1, .data = "and on"}));
  EXPECT_EQ(socket.expects_received(2), "and on");
  cores.poll();
  for (const Seg& seg : end.take_all()) EXPECT_EQ(seg.flags & kRst, 0);
  EXPECT_EQ(cores.counters(0).tcp_resets_sent + cores.counters(1).tcp_resets_sent, 0u);
  EXPECT_FALSE(wrong.accept());
}

// The SYN-ACK is there before the connecting core has had another pass.
TEST(CoresTcp, TheAnswerToASynFindsItsCoreAtOnce) {
  Cores cores(2);
  cores.resolve();
  TcpSocket socket(cores.at(1), {.local = {{}, 0}});
  ASSERT_EQ(socket.connect(), -EINPROGRESS);
  cores.at(1).poll();
  TcpEnd end(cores.at(1), kPeerEndpoint, {kOurIp, socket.name(false).port});
  end.expects({.flags = kSyn});
  cores.at(0).sends(end.frame({.flags = kSyn | kAck, .ack = 1, .options = mss(1460)}));
  EXPECT_EQ(cores.at(0).take_all().size(), 0u) << "no RST";
  EXPECT_EQ(cores.handed_over(0, Stray::tcp), 1u);
  cores.poll();
  EXPECT_EQ(socket.connect_status(), 0);
  end.expects({.seq = 1, .ack = 1});
  cores.sends(0, end.frame({.flags = kRst, .seq = 1}));
}

// A cookie is good where it was made, and any core can tell.
TEST(CoresTcp, TheAckOfACookieFindsTheListenerThatMadeIt) {
  PeerOptions options;
  options.net.tcp.syn_queue_max = 1;
  Cores cores(2, options);
  cores.resolve();
  TcpSocket zero(cores.at(0), listening()), one(cores.at(1), listening());
  ASSERT_EQ(zero.listen(), 0);
  ASSERT_EQ(one.listen(), 0);
  cores.poll();
  TcpEnd first(cores.at(0), {kPeerIp, 5000}), second(cores.at(0), {kPeerIp, 5001});
  cores.sends(0, first.frame({.flags = kSyn, .options = mss(1460)}));
  first.expects({.flags = kSyn | kAck});
  cores.sends(0, second.frame({.flags = kSyn, .options = mss(1460)}));
  second.expects({.flags = kSyn | kAck});
  EXPECT_EQ(cores.counters(0).tcp_cookies_sent, 1u);
  for (const uint32_t at : {0u, 1u}) {
    cores.sends(at, (at == 0 ? first : second).frame({.seq = 1, .ack = 1}));
    const std::optional<uint32_t> handle = zero.accept();
    ASSERT_TRUE(handle) << at;
    TcpSocket(cores.at(0), {.queue = false}, *handle).close();
    cores.sends(1 - at, (at == 0 ? first : second).frame({.flags = kRst, .seq = 1}));
  }
  EXPECT_EQ(cores.counters(0).tcp_cookies_accepted, 1u);
  cores.wait(10 * kSecond);  // a grave lasts as long as its cookie: longer than I2's silence
  EXPECT_EQ(cores.counters(0).tcp_resets_sent + cores.counters(1).tcp_resets_sent, 0u);
}

TEST(CoresTcp, AnErrorFindsTheConnection) {
  Cores cores(2);
  cores.resolve();
  TcpSocket socket(cores.at(1), {.local = {{}, 0}});
  ASSERT_EQ(socket.connect(), -EINPROGRESS);
  cores.poll();
  const uint16_t port = socket.name(false).port;
  TcpEnd end(cores.at(1), kPeerEndpoint, {kOurIp, port});
  end.expects({.flags = kSyn});
  const TcpSegment quoted{
      .ip = {.flags_fragment = kDontFragment, .src = kOurIp, .dst = kPeerIp},
      .tcp = {.src = port, .dst = kPeerPort, .seq = end.irs, .flags = kSyn},
      .data = std::string(8, 'q')};
  cores.sends(0, frame_of(IcmpSegment{.ip = {.src = kGatewayIp},
                                      .icmp = {.type = 3, .code = 3, .rest = 0},
                                      .data = packet_of(quoted)}));
  EXPECT_EQ(socket.connect_status(), -ECONNREFUSED);
  EXPECT_EQ(cores.handed_over(0, Stray::error), 1u);
}

TEST(CoresTcp, AListenersPortIsNoOtherUsersOnAnyCore) {
  Cores cores(2);
  TcpSocket zero(cores.at(0), listening());
  ASSERT_EQ(zero.listen(), 0);
  cores.poll();
  TcpSocket other(cores.at(1), {.session = 1, .local = {{}, 0}});
  EXPECT_EQ(other.app().bind(other.handle(), kOurEndpoint).status, -EADDRINUSE);
  TcpSocket same(cores.at(1), listening());
  EXPECT_EQ(same.listen(), 0);
}

// A NIC that says how it hashes: the answer to each chosen port comes to the core that chose it.
TEST(CoresTcp, ASourcePortBringsTheAnswerHome) {
  PeerOptions options;
  options.rss = {.tuples = kRssTcp4 | kRssUdp4,
                 .key = std::vector<uint8_t>(40),
                 .table = std::vector<uint16_t>(128)};
  Rng rng(1);
  for (uint8_t& b : options.rss.key) b = static_cast<uint8_t>(rng.next());
  for (uint16_t i = 0; i < 128; ++i) options.rss.table[i] = i % 3;
  Cores cores(3, options);
  cores.resolve();
  for (uint32_t i = 0; i < 60; ++i) {
    const uint32_t core = i % 3;
    TcpSocket socket(cores.at(core), {.local = {{}, 0}, .queue = false});
    ASSERT_EQ(socket.connect(), -EINPROGRESS);
    UdpSocket udp(cores.at(core), {.local = {{}, 0}});
    const rio_control connected = udp.app().connect(udp.handle(), kPeerEndpoint);
    ASSERT_EQ(connected.status, 0);
    for (const uint16_t port : {socket.name(false).port, connected.address.port}) {
      const RssTuple answer{kPeerIp, kOurIp, kPeerPort, port};
      EXPECT_EQ(rss_queue(options.rss, answer), core);
    }
    socket.close(), udp.close();
    cores.poll();
    cores.take_all();
  }
}

}  // namespace
}  // namespace pinion::testing
