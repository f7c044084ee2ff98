// Several cores: a datagram goes to the core whose socket it is for, wherever it arrives; a port is
// one user's on all cores; and nobody answers twice. Each rule of net/stray.cpp for UDP.
#include <cerrno>

#include "packet/cores_bed.h"
#include "packet/fragments.h"

namespace pinion::testing {
namespace {

Packet datagram(const std::string& data, uint16_t port = kOurPort) {
  return frame_of(UdpSegment{.udp = {.dst = port}, .data = data});
}

TEST(CoresUdp, ADatagramGoesToTheCoreThatHasThePort) {
  Cores cores(2);
  UdpSocket socket(cores.at(1));
  socket.receive(1), socket.receive(2);
  cores.poll();
  cores.sends(0, datagram("astray"));
  EXPECT_EQ(socket.expects_received(1), "astray");
  EXPECT_EQ(cores.handed_over(0, Stray::udp), 1u);
  EXPECT_EQ(cores.taken(1, Stray::udp), 1u);
  cores.sends(1, datagram("home"));
  EXPECT_EQ(socket.expects_received(2), "home");
  EXPECT_EQ(cores.handed_over(1, Stray::udp), 0u);
  EXPECT_EQ(cores.dropped(), 0u);
  EXPECT_EQ(cores.counters(0).udp_received + cores.counters(1).udp_received, 2u);
}

TEST(CoresUdp, WhereNobodyHasThePortOneCoreSaysSo) {
  Cores cores(3);
  cores.resolve();
  UdpSocket socket(cores.at(2));
  cores.poll();
  cores.sends(1, datagram("nobody", 7777));
  EXPECT_EQ(cores.at(1).dropped(Drop::udp_no_socket), 1u);
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 1, 0}));
  ASSERT_EQ(socket.close(), 0);
  cores.poll();
  cores.sends(1, datagram("no longer"));
  EXPECT_EQ(cores.at(1).dropped(Drop::udp_no_socket), 2u);
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 1, 0}));
  EXPECT_EQ(cores.handed_over(1, Stray::udp), 0u);
}

// One pass of core 1, and whoever then hears of it and sends finds core 0 told.
TEST(CoresUdp, WhatACoreHasSaidIsKnownBeforeWhatComesAfterIt) {
  Cores cores(2);
  cores.resolve();
  UdpSocket socket(cores.at(1));
  socket.receive(1);
  cores.at(1).poll();
  cores.at(0).sends(datagram("at once"));
  EXPECT_EQ(cores.handed_over(0, Stray::udp), 1u);
  cores.poll();
  EXPECT_EQ(socket.expects_received(1), "at once");
  ASSERT_EQ(socket.close(), 0);
  cores.at(1).poll();
  cores.at(0).sends(datagram("late"));
  cores.poll();
  EXPECT_EQ(cores.handed_over(0, Stray::udp), 1u);
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{1, 0}));
}

// A core that does not keep up with reading says of no port that nobody has it.
TEST(CoresUdp, WhoIsBehindTellsNobodyThatThereIsNoSuchPort) {
  PeerOptions options;
  options.net.rx_burst = 4;
  Cores cores(2, options);
  cores.resolve();
  UdpSocket here(cores.at(0), {.receives = 64});
  cores.poll();
  for (int i = 0; i < 10; ++i) cores.at(1).queues(datagram("flood"));
  cores.at(1).poll(4);
  UdpSocket there(cores.at(1), {.local = {kOurIp, 7000}});
  there.receive(1);
  cores.at(1).poll();
  cores.take_all();
  cores.at(0).sends(datagram("too soon", 7000));
  EXPECT_EQ(cores.at(0).dropped(Drop::core_behind), 1u);
  cores.poll(6);
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 0}));
  cores.sends(0, datagram("again", 7000));
  EXPECT_EQ(there.expects_received(1), "again");
}

TEST(CoresUdp, APortIsOneUsersOnAllCores) {
  Cores cores(2);
  UdpSocket here(cores.at(0));
  cores.poll();
  UdpSocket same(cores.at(1));  // each gets what comes to its core
  UdpSocket other(cores.at(1), {.session = 1, .local = {{}, 0}});
  EXPECT_EQ(other.app().bind(other.handle(), {kOurIp, kOurPort}).status, -EADDRINUSE);
  here.receive(1), same.receive(2);
  cores.poll();
  cores.sends(0, datagram("zero"));
  cores.sends(1, datagram("one"));
  EXPECT_EQ(here.expects_received(1), "zero");
  EXPECT_EQ(same.expects_received(2), "one");
  EXPECT_EQ(cores.handed_over(0, Stray::udp) + cores.handed_over(1, Stray::udp), 0u);
  ASSERT_EQ(here.close(), 0);
  ASSERT_EQ(same.close(), 0);
  cores.poll();
  EXPECT_EQ(other.app().bind(other.handle(), {kOurIp, kOurPort}).status, 0);
}

// Neither core has heard a word of the other, and still only the first user gets it.
TEST(CoresUdp, OfTwoUsersAtTheSameTimeOneGetsThePort) {
  Cores cores(2);
  UdpSocket here(cores.at(0)), there(cores.at(1), {.session = 1, .local = {{}, 0}});
  EXPECT_EQ(there.app().bind(there.handle(), {kOurIp, kOurPort}).status, -EADDRINUSE);
  EXPECT_EQ(there.app().bind(there.handle(), {{}, kOurPort}).status, -EADDRINUSE);
  ASSERT_EQ(here.close(), 0);
  cores.at(0).poll();
  EXPECT_EQ(there.app().bind(there.handle(), {kOurIp, kOurPort}).status, 0) << "free at once";
}

// Two users who agree share a port on their core. Who is left has it when the first is gone, and
// no other core gets it before both are.
TEST(CoresUdp, WhatTwoUsersOfACoreShareIsNoOtherCores) {
  Cores cores(2);
  UdpSocket first(cores.at(0), {.local = {{}, 0}});
  UdpSocket second(cores.at(0), {.session = 1, .local = {{}, 0}});
  UdpSocket elsewhere(cores.at(1), {.local = {{}, 0}});
  for (UdpSocket* s : {&first, &second}) {
    ASSERT_EQ(s->set_option(RIO_SO_REUSEADDR, 1), 0);
    ASSERT_EQ(s->app().bind(s->handle(), {kOurIp, kOurPort}).status, 0);
  }
  EXPECT_EQ(elsewhere.app().bind(elsewhere.handle(), {kOurIp, kOurPort}).status, -EADDRINUSE);
  ASSERT_EQ(first.close(), 0);
  cores.at(0).poll();
  EXPECT_EQ(elsewhere.app().bind(elsewhere.handle(), {kOurIp, kOurPort}).status, -EADDRINUSE);
  ASSERT_EQ(second.close(), 0);
  cores.at(0).poll();
  EXPECT_EQ(elsewhere.app().bind(elsewhere.handle(), {kOurIp, kOurPort}).status, 0);
}

TEST(CoresUdp, EphemeralPortsOfTheCoresAreApart) {
  Cores cores(3);
  std::vector<UdpSocket> sockets;
  for (uint32_t i = 0; i < 30; ++i) {
    UdpSocket socket(cores.at(i % 3), {.local = {{}, 0}});
    const rio_control bound = socket.app().bind(socket.handle(), {kOurIp, 0});
    ASSERT_EQ(bound.status, 0);
    EXPECT_EQ(bound.address.port % 3, i % 3);
    sockets.push_back(std::move(socket));
  }
}

TEST(CoresUdp, OnlyTheFirstCoreThatHasItGetsADatagramAndNoneTwice) {
  Cores cores(4);
  cores.resolve();
  UdpSocket one(cores.at(1)), three(cores.at(3));
  one.receive(1), three.receive(1);
  cores.poll();
  cores.sends(2, datagram("to the next"));
  EXPECT_EQ(three.expects_received(1), "to the next");
  one.expects_no_completion();
  // Both have closed: where it comes it is known.
  ASSERT_EQ(one.close(), 0);
  ASSERT_EQ(three.close(), 0);
  cores.at(1).poll(), cores.at(3).poll();
  cores.at(2).sends(datagram("round"));
  cores.poll();
  EXPECT_EQ(cores.handed_over(2, Stray::udp), 1u);
  EXPECT_EQ(cores.dropped(), 1u);
  const std::vector<size_t> said = cores.take_all();
  EXPECT_EQ(std::accumulate(said.begin(), said.end(), size_t{0}), 1u);
}

TEST(CoresUdp, ADatagramInFragmentsIsWholeWhenItIsHandedOver) {
  Cores cores(2);
  UdpSocket socket(cores.at(1));
  socket.receive(1, 8192);
  cores.poll();
  const std::string data(5000, 'f');
  const std::string whole = payload_of(UdpSegment{.data = data});
  for (const Packet& piece : fragments_of(whole)) cores.sends(0, piece);
  EXPECT_EQ(socket.expects_received(1), data);
  EXPECT_EQ(cores.counters(0).reassembled, 1u);
  EXPECT_EQ(cores.handed_over(0, Stray::udp), 1u);
}

TEST(CoresUdp, AnErrorGoesToTheCoreThatSentWhatItQuotes) {
  Cores cores(2);
  cores.resolve();
  UdpSocket socket(cores.at(1), {.remote = kPeerEndpoint});
  cores.poll();
  const UdpSegment ours{.ip = {.src = kOurIp, .dst = kPeerIp},
                        .udp = {.src = kOurPort, .dst = kPeerPort},
                        .data = "hello"};
  cores.sends(0, frame_of(IcmpSegment{.icmp = {.type = 3, .code = 3, .rest = 0},
                                      .data = packet_of(ours)}));
  EXPECT_EQ(socket.option(RIO_SO_ERROR), -ECONNREFUSED);
  EXPECT_EQ(cores.handed_over(0, Stray::error), 1u);
  EXPECT_EQ(cores.counters(1).icmp_errors_received, 1u);
  EXPECT_EQ(cores.dropped(), 0u);
}

TEST(CoresUdp, ABroadcastIsCopiedToWhoeverHasThePort) {
  Cores cores(3);
  UdpSocket zero(cores.at(0), {.local = {{}, kOurPort}}),
      two(cores.at(2), {.local = {{}, kOurPort}});
  zero.receive(1), two.receive(1);
  cores.poll();
  const Ipv4 all = ipv4(255, 255, 255, 255);
  const UdpSegment to_all{
      .eth = {.dst = kBroadcastMac}, .ip = {.dst = all}, .udp = {.dst = kOurPort}, .data = "all"};
  cores.sends(0, frame_of(to_all));
  EXPECT_EQ(zero.expects_received(1), "all");
  EXPECT_EQ(two.expects_received(1), "all");
  zero.receive(2), two.receive(2);
  cores.poll();
  cores.sends(1, frame_of(to_all));
  EXPECT_EQ(zero.expects_received(2), "all");
  EXPECT_EQ(two.expects_received(2), "all");
  EXPECT_EQ(cores.dropped(), 0u);
}

// A core that does not run: what is for it is dropped by name where it arrived, and that core goes
// on; nothing that it must know is lost.
TEST(CoresUdp, AFullRingIsADropOfTheSender) {
  Cores cores(2);
  UdpSocket socket(cores.at(1));
  cores.poll();
  const std::string data(1400, 'x');
  while (cores.at(0).dropped(Drop::tx_core_full) == 0) cores.at(0).sends(datagram(data));
  EXPECT_GT(cores.handed_over(0, Stray::udp), HandOver::kBytesMin / 1500 - 2);
  for (const uint64_t full = cores.at(0).dropped(Drop::tx_core_full);
       cores.at(0).dropped(Drop::tx_core_full) == full;)
    cores.at(0).sends(datagram(""));
  UdpSocket late[] = {UdpSocket(cores.at(0), {.local = {kOurIp, 6999}}),
                      UdpSocket(cores.at(0), {.local = {kOurIp, 7000}})};
  cores.at(0).poll();
  EXPECT_FALSE(cores.at(0).kernel->net().idle()) << "it has not told of the port yet";
  cores.poll(20);
  EXPECT_TRUE(cores.at(0).kernel->net().idle());
  UdpSocket other(cores.at(1), {.session = 1, .local = {{}, 0}});
  EXPECT_EQ(other.app().bind(other.handle(), {kOurIp, 7000}).status, -EADDRINUSE);
}

// Who floods one core with what is another's does not keep that one from its own.
TEST(CoresUdp, AFloodOfStraysIsTakenInBursts) {
  PeerOptions options;
  options.net.rx_burst = 4;
  Cores cores(2, options);
  UdpSocket socket(cores.at(1), {.receives = 64});
  cores.poll();
  for (int i = 0; i < 40; ++i) cores.at(0).queues(datagram("flood"));
  cores.at(0).poll(10);
  for (uint64_t i = 1; i <= 5; ++i) socket.receive(i);
  cores.at(1).queues(datagram("own"));
  cores.at(1).poll();
  for (uint64_t i = 1; i <= 4; ++i) EXPECT_EQ(socket.expects_received(i), "flood");
  EXPECT_EQ(socket.expects_received(5), "own") << "behind no more than a burst";
  cores.poll(12);
  EXPECT_EQ(cores.taken(1, Stray::udp), 40u);
}

TEST(CoresUdp, WhoSleepsIsWoken) {
  Cores cores(2);
  UdpSocket socket(cores.at(1));
  socket.receive(1);
  cores.poll();
  Kernel& sleeper = *cores.at(1).kernel;
  sleeper.prepare_sleep(cores.at(1).now);
  EXPECT_FALSE(sleeper.look_again());
  cores.at(0).sends(datagram("wake up"));
  EXPECT_TRUE(sleeper.look_again());
  sleeper.wake(cores.at(1).now);
  cores.poll();
  EXPECT_EQ(socket.expects_received(1), "wake up");
}

}  // namespace
}  // namespace pinion::testing
