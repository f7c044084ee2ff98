// Which socket a datagram finds, who may share a port, and ephemeral ports.
#include "socket/udp_demux.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <vector>

#include "base/rng.h"

namespace pinion {
namespace {

constexpr Ipv4 kOurs = ipv4(10, 0, 0, 1), kOther = ipv4(10, 0, 1, 1), kPeer = ipv4(10, 0, 0, 9);
constexpr Ipv4 kAny{};

UdpDemuxConfig config(uint32_t sockets_max = 64) {
  return {.sockets_max = sockets_max,
          .ephemeral_first = 50000,
          .ephemeral_last = 50007,
          .secret = {0x1234, 0x5678}};
}

TEST(UdpDemux, MostSpecificWins) {
  UdpDemux demux{config()};
  Socket wildcard, bound, connected;
  ASSERT_EQ(demux.bind(wildcard, {kAny, 7000}, true), 0);
  ASSERT_EQ(demux.bind(bound, {kOurs, 7000}, true), 0);
  ASSERT_EQ(demux.bind(connected, {kAny, 7000}, true), 0);
  ASSERT_EQ(demux.connect(connected, kOurs, {kPeer, 1}), 0);
  EXPECT_EQ(connected.local, (Endpoint{kOurs, 7000}));
  EXPECT_EQ(demux.lookup({kOurs, 7000}, {kPeer, 1}), &connected);
  EXPECT_EQ(demux.lookup({kOurs, 7000}, {kPeer, 2}), &bound);
  EXPECT_EQ(demux.lookup({kOther, 7000}, {kPeer, 1}), &wildcard);
  EXPECT_EQ(demux.lookup({kOurs, 7001}, {kPeer, 1}), nullptr);
  demux.unbind(connected);
  EXPECT_EQ(demux.lookup({kOurs, 7000}, {kPeer, 1}), &bound);
  demux.unbind(bound);
  EXPECT_EQ(demux.lookup({kOurs, 7000}, {kPeer, 1}), &wildcard);
  demux.unbind(wildcard);
  EXPECT_EQ(demux.lookup({kOurs, 7000}, {kPeer, 1}), nullptr);
  EXPECT_EQ(demux.size(), 0u);
}

TEST(UdpDemux, ConnectedSocketHearsItsPeerOnly) {
  UdpDemux demux{config()};
  Socket sk;
  ASSERT_EQ(demux.bind(sk, {kOurs, 7000}, false), 0);
  ASSERT_EQ(demux.connect(sk, kOurs, {kPeer, 1}), 0);
  EXPECT_EQ(demux.lookup({kOurs, 7000}, {kPeer, 2}), nullptr);
  ASSERT_EQ(demux.connect(sk, kOurs, {kPeer, 2}), 0) << "connect again";
  EXPECT_EQ(demux.lookup({kOurs, 7000}, {kPeer, 2}), &sk);
  EXPECT_EQ(demux.lookup({kOurs, 7000}, {kPeer, 1}), nullptr);
  EXPECT_EQ(demux.connect(sk, kOther, {kPeer, 2}), -EINVAL);
}

TEST(UdpDemux, WhoMayShareAPort) {
  const auto second = [](Ipv4 first_at, bool first_reuse, Ipv4 second_at, bool second_reuse) {
    UdpDemux demux{config()};
    Socket a, b;
    EXPECT_EQ(demux.bind(a, {first_at, 7000}, first_reuse), 0);
    const int status = demux.bind(b, {second_at, 7000}, second_reuse);
    EXPECT_EQ(b.bound, status == 0);
    return status;
  };
  EXPECT_EQ(second(kOurs, false, kOther, false), 0);
  EXPECT_EQ(second(kOurs, false, kOurs, false), -EADDRINUSE);
  EXPECT_EQ(second(kOurs, true, kOurs, false), -EADDRINUSE);
  EXPECT_EQ(second(kOurs, false, kOurs, true), -EADDRINUSE);
  EXPECT_EQ(second(kOurs, true, kOurs, true), 0);
  EXPECT_EQ(second(kAny, false, kOurs, false), -EADDRINUSE);
  EXPECT_EQ(second(kOurs, false, kAny, false), -EADDRINUSE);
  EXPECT_EQ(second(kAny, true, kOurs, true), 0);
  EXPECT_EQ(second(kOurs, true, kAny, true), 0);
}

TEST(UdpDemux, ConnectedSocketsKeepTheirPort) {
  UdpDemux demux{config()};
  Socket a, b, c;
  ASSERT_EQ(demux.bind(a, {kOurs, 7000}, false), 0);
  ASSERT_EQ(demux.connect(a, kOurs, {kPeer, 1}), 0);
  EXPECT_EQ(demux.bind(b, {kOurs, 7000}, false), -EADDRINUSE);
  demux.unbind(a);
  ASSERT_EQ(demux.bind(b, {kOurs, 7000}, true), 0);
  ASSERT_EQ(demux.bind(c, {kOurs, 7000}, true), 0);
  ASSERT_EQ(demux.connect(b, kOurs, {kPeer, 1}), 0);
  EXPECT_EQ(demux.connect(c, kOurs, {kPeer, 1}), -EADDRINUSE) << "the same 4-tuple";
  EXPECT_EQ(demux.lookup({kOurs, 7000}, {kPeer, 2}), &c);
}

TEST(UdpDemux, ConnectFromTheWildcardRespectsTheAddressItTakes) {
  UdpDemux demux{config()};
  Socket a, b;
  ASSERT_EQ(demux.bind(a, {kAny, 7000}, true), 0);
  ASSERT_EQ(demux.bind(b, {kOurs, 7000}, true), 0);
  ASSERT_EQ(demux.connect(a, kOurs, {kPeer, 1}), 0);
  demux.unbind(b);
  Socket d;
  EXPECT_EQ(demux.bind(d, {kAny, 7000}, false), -EADDRINUSE) << "a still holds it";
  demux.unbind(a);
  EXPECT_EQ(demux.bind(d, {kAny, 7000}, false), 0);
}

TEST(UdpDemux, ReuseChangedAfterBindDoesNotConfuseTheCounts) {
  UdpDemux demux{config()};
  Socket a, b;
  ASSERT_EQ(demux.bind(a, {kOurs, 7000}, false), 0);
  a.reuse_address = true;
  demux.unbind(a);
  EXPECT_EQ(demux.bind(b, {kOurs, 7000}, true), 0);
}

TEST(UdpDemux, EphemeralPortsAreDistinctInRangeAndRunOut) {
  UdpDemux demux{config()};
  std::vector<Socket> sockets(9);
  std::set<uint16_t> ports;
  for (size_t i = 0; i < 8; ++i) {
    ASSERT_EQ(demux.bind(sockets[i], {kAny, 0}, false), 0);
    ports.insert(sockets[i].local.port);
  }
  EXPECT_EQ(ports.size(), 8u);
  EXPECT_EQ(*ports.begin(), 50000);
  EXPECT_EQ(*ports.rbegin(), 50007);
  EXPECT_EQ(demux.bind(sockets[8], {kOurs, 0}, false), -EADDRINUSE);
  demux.unbind(sockets[3]);
  EXPECT_EQ(demux.bind(sockets[8], {kOurs, 0}, false), 0);
}

TEST(UdpDemux, CapacityIsALimit) {
  UdpDemux demux{config(2)};
  Socket a, b, c;
  EXPECT_EQ(demux.bind(a, {kOurs, 1}, false), 0);
  EXPECT_EQ(demux.bind(b, {kOurs, 2}, false), 0);
  EXPECT_EQ(demux.bind(c, {kOurs, 3}, false), -ENOBUFS);
  EXPECT_EQ(demux.bind(a, {kOurs, 4}, false), -EINVAL) << "bound already";
}

TEST(UdpDemux, RandomUseAgreesWithASearchOfAllSockets) {
  Rng rng{11};
  UdpDemux demux{config(200)};
  std::vector<Socket> sockets(200);
  const Ipv4 ours[] = {kAny, kOurs, kOther};
  const auto expected = [&](Endpoint dst, Endpoint src) {
    int best = -1;
    for (const Socket& sk : sockets) {
      if (!sk.bound || sk.local.port != dst.port) continue;
      if (sk.connected && sk.local == dst && sk.remote == src) best = std::max(best, 2);
      if (!sk.connected && sk.local == dst) best = std::max(best, 1);
      if (!sk.connected && sk.local.address.is_any()) best = std::max(best, 0);
    }
    return best;
  };
  for (int step = 0; step < 20000; ++step) {
    Socket& sk = sockets[rng.below(200)];
    const Endpoint peer{kPeer, static_cast<uint16_t>(1 + rng.below(5))};
    if (!sk.bound) {
      demux.bind(sk, {ours[rng.below(3)], static_cast<uint16_t>(1 + rng.below(20))},
                 rng.chance(.9));
    } else if (rng.chance(.5)) {
      demux.connect(sk, rng.chance(.5) ? kOurs : kOther, peer);
    } else {
      demux.unbind(sk);
    }
    const Endpoint dst{ours[1 + rng.below(2)], static_cast<uint16_t>(1 + rng.below(20))};
    const Socket* found = demux.lookup(dst, peer);
    const int kind = !found ? -1 : found->connected ? 2 : found->local.address.is_any() ? 0 : 1;
    ASSERT_EQ(kind, expected(dst, peer)) << "step " << step;
  }
}

TEST(UdpDemux, SixtyFourThousandSockets) {
  UdpDemux demux{{.sockets_max = 65536}};
  std::vector<Socket> sockets(65535);
  for (size_t i = 0; i < sockets.size(); ++i) {
    const auto port = static_cast<uint16_t>(i + 1);
    ASSERT_EQ(demux.bind(sockets[i], {kOurs, 5353}, true), 0);
    ASSERT_EQ(demux.connect(sockets[i], kOurs, {kPeer, port}), 0);
  }
  for (size_t i = 0; i < sockets.size(); ++i)
    ASSERT_EQ(demux.lookup({kOurs, 5353}, {kPeer, static_cast<uint16_t>(i + 1)}), &sockets[i]);
  for (Socket& sk : sockets) demux.unbind(sk);
  EXPECT_EQ(demux.size(), 0u);
}

}  // namespace
}  // namespace pinion
