// HomePorts against the hash itself: over all ports, for each length of key that devices have, each
// number of queues and both families, a port is home if and only if its answer comes to the queue;
// and the demuxes choose such ports alone, while there are any.
#include "socket/home_ports.h"

#include <gtest/gtest.h>

#include <set>

#include "socket/tcp_demux.h"
#include "socket/udp_demux.h"

namespace pinion {
namespace {

Rss rss_with(size_t key_bytes, uint16_t queues, uint64_t seed = 1) {
  Rss rss{.tuples = kRssTcp4 | kRssUdp4,
          .key = std::vector<uint8_t>(key_bytes),
          .table = std::vector<uint16_t>(128)};
  Rng rng(seed);
  for (uint8_t& b : rss.key) b = static_cast<uint8_t>(rng.next());
  for (uint16_t i = 0; i < rss.table.size(); ++i) rss.table[i] = static_cast<uint16_t>(i % queues);
  return rss;
}

struct Ends {
  Ip local;
  Endpoint remote;
};
constexpr Ends kV4{ipv4(10, 0, 0, 1), {ipv4(192, 0, 2, 7), 443}};
constexpr Ends kV6{Ip{0x2001'0db8'0000'0000, 1}, {Ip{0x2001'0db8'0001'0000, 7}, 443}};

TEST(HomePorts, AreThoseWhoseAnswerTheHashBringsHome) {
  for (const size_t key_bytes : {40, 52}) {
    for (const uint16_t queues : {2, 3, 4, 8}) {
      const Rss rss = rss_with(key_bytes, queues, key_bytes + queues);
      for (const Ends& ends : {kV4, kV6}) {
        const auto queue = static_cast<uint16_t>(queues - 1);
        const HomePorts home(rss, queue, ends.local, ends.remote);
        uint32_t found = 0;
        for (uint32_t port = 0; port <= UINT16_MAX; ++port) {
          const auto p = static_cast<uint16_t>(port);
          const RssTuple answer{ends.remote.address, ends.local, ends.remote.port, p};
          ASSERT_EQ(home.has(p), rss_queue(rss, answer) == queue) << key_bytes << " " << port;
          found += home.has(p);
        }
        EXPECT_GT(found, 65536u / queues / 2) << "enough to choose from";
      }
    }
  }
}

// All answers of this peer come to one queue, whatever the port: then nothing is known.
TEST(HomePorts, AHashThatDoesNotDependOnThePort) {
  Rss rss = rss_with(40, 4);
  for (size_t i = 9; i < 20; ++i) rss.key[i] = 0;  // what the destination port meets, of IPv4
  EXPECT_TRUE(HomePorts(rss, 1, kV4.local, kV4.remote).all());
  EXPECT_FALSE(HomePorts(rss, 1, kV6.local, kV6.remote).all());
}

TEST(HomePorts, AllPortsWhereNothingIsKnown) {
  const HomePorts any;
  EXPECT_TRUE(any.all());
  EXPECT_TRUE(any.has(0) && any.has(40000));
}

// One queue of four: as many connections as come home, and no more. Another port is for the core to
// which it brings the answer, which may be choosing it at this moment.
TEST(HomePorts, TcpTakesThemAllAndNoOther) {
  const Rss rss = rss_with(40, 4);
  const HomePorts home(rss, 2, kV4.local, kV4.remote);
  TcpDemux demux({.ephemeral_first = 50000, .ephemeral_last = 50399});
  uint32_t come_home = 0;
  for (uint16_t p = 50000; p < 50400; ++p) come_home += home.has(p);
  ASSERT_GT(come_home, 50u);
  std::vector<Connection> connections(come_home);
  for (uint32_t i = 0; i < connections.size(); ++i) {
    const uint16_t port = demux.port_for(kV4.local, kV4.remote, home);
    ASSERT_NE(port, 0);
    ASSERT_TRUE(home.has(port)) << i;
    connections[i].local = {kV4.local, port}, connections[i].remote = kV4.remote;
    ASSERT_EQ(demux.insert(connections[i]), 0);
  }
  EXPECT_EQ(demux.port_for(kV4.local, kV4.remote, home), 0);
}

// Four cores without a word between them: no port is chosen by two, for UDP, which a port is for.
TEST(HomePorts, UdpPortsOfTheCoresAreApart) {
  const Rss rss = rss_with(40, 4);
  std::set<uint16_t> chosen;
  for (uint16_t core = 0; core < 4; ++core) {
    PortOwners owners;
    PortDirectory directory(core, 4, owners);
    UdpDemux demux({.ephemeral_first = 50000, .ephemeral_last = 51999, .directory = &directory});
    const HomePorts home(rss, core, kV4.local, kV4.remote);
    std::vector<Socket> sockets(60);
    for (Socket& sk : sockets) {
      ASSERT_EQ(demux.bind(sk, {kV4.local, 0}, false, kV4.remote, home), 0);
      EXPECT_TRUE(home.has(sk.local.port));
      EXPECT_TRUE(chosen.insert(sk.local.port).second) << sk.local.port;
    }
    for (Socket& sk : sockets) demux.unbind(sk);
  }
}

}  // namespace
}  // namespace pinion
