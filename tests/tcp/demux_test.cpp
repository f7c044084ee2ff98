// Ports and 4-tuples of TCP: who may bind, listen and connect where, and who gets a segment.
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <vector>

#include "socket/tcp_demux.h"

namespace pinion {
namespace {

constexpr Ipv4 kOne = ipv4(10, 0, 0, 1), kTwo = ipv4(10, 0, 0, 2), kThere = ipv4(10, 0, 0, 9);

TEST(TcpDemux, ListenersOfAddressesAndTheWildcard) {  // RFC 9293 MUST-41, MUST-42
  TcpDemux demux({.bound_max = 8, .connections_max = 8});
  Socket one, two, other;
  ASSERT_EQ(demux.bind(one, {kOne, 80}, false), 0);
  ASSERT_EQ(demux.bind(two, {kTwo, 80}, false), 0);
  EXPECT_EQ(demux.bind(other, {{}, 80}, true), -EADDRINUSE);
  EXPECT_EQ(demux.listen(other), -EINVAL);
  ASSERT_EQ(demux.listen(one), 0);
  EXPECT_EQ(demux.find_listener({kOne, 80}), &one);
  EXPECT_EQ(demux.find_listener({kTwo, 80}), nullptr);
  ASSERT_EQ(demux.listen(two), 0);
  EXPECT_EQ(demux.find_listener({kTwo, 80}), &two);
  demux.unbind(one);
  EXPECT_EQ(demux.find_listener({kOne, 80}), nullptr);
  demux.unbind(two);
  ASSERT_EQ(demux.bind(other, {{}, 80}, false), 0);
  ASSERT_EQ(demux.listen(other), 0);
  EXPECT_EQ(demux.find_listener({kTwo, 80}), &other);
  demux.unbind(other);
  EXPECT_EQ(demux.bound(), 0u);
}

TEST(TcpDemux, AddressIsTakenWhileConnectionsHaveItUnlessReused) {
  TcpDemux demux({.bound_max = 2, .connections_max = 4});
  Socket sk;
  Connection c{.local = {kOne, 80}, .remote = {kThere, 5}};
  ASSERT_EQ(demux.insert(c), 0);
  EXPECT_EQ(demux.bind(sk, {kOne, 80}, false), -EADDRINUSE);
  ASSERT_EQ(demux.bind(sk, {kTwo, 80}, false), 0);
  demux.unbind(sk);
  ASSERT_EQ(demux.bind(sk, {kOne, 80}, true), 0);
  ASSERT_EQ(demux.listen(sk), 0);
  EXPECT_EQ(demux.find({kOne, 80}, {kThere, 5}), &c);
  EXPECT_EQ(demux.find({kOne, 80}, {kThere, 6}), nullptr);
  Connection again = c;
  EXPECT_EQ(demux.insert(again), -EADDRINUSE);
  demux.remove(c);
  EXPECT_EQ(demux.find({kOne, 80}, {kThere, 5}), nullptr);
  demux.unbind(sk);
}

TEST(TcpDemux, EphemeralPortsServeSeveralPeers) {  // RFC 6056
  TcpDemux demux({.bound_max = 4,
                  .connections_max = 64,
                  .ephemeral_first = 40000,
                  .ephemeral_last = 40007,
                  .secret = {1, 2}});
  Socket sk;
  ASSERT_EQ(demux.bind(sk, {kOne, 40003}, false), 0);  // not for connections of others
  std::vector<Connection> all(14);
  std::set<uint16_t> ports;
  for (size_t i = 0; i < all.size(); ++i) {
    const Endpoint peer{kThere, static_cast<uint16_t>(i < 7 ? 1 : 2)};
    all[i] = {.local = {kOne, demux.port_for(kOne, peer)}, .remote = peer};
    ASSERT_NE(all[i].local.port, 0);
    ports.insert(all[i].local.port);
    ASSERT_EQ(demux.insert(all[i]), 0);
  }
  EXPECT_EQ(ports.size(), 7u);
  EXPECT_FALSE(ports.contains(40003));
  EXPECT_EQ(demux.port_for(kOne, {kThere, 1}), 0);
  Socket none;
  EXPECT_EQ(demux.bind(none, {kOne, 0}, false), -EADDRINUSE);
  for (Connection& c : all) demux.remove(c);
  ASSERT_EQ(demux.bind(none, {kOne, 0}, false), 0);
  EXPECT_GE(none.local.port, 40000);
  EXPECT_EQ(demux.connections(), 0u);
}

}  // namespace
}  // namespace pinion
