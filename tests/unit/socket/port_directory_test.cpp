// PortDirectory: what the cores say of ports, whoever says it first, twice or late.
#include "socket/port_directory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "socket/tcp_demux.h"
#include "socket/udp_demux.h"

namespace pinion {
namespace {

constexpr uint32_t kPlace = 4000;
constexpr PortNews kUsed{.place = kPlace, .used = true}, kFree{.place = kPlace};

TEST(PortOwners, APortIsOneUsersUntilTheLastCoreGivesItUp) {
  PortOwners owners;
  EXPECT_TRUE(owners.claim(kPlace, 7, 1));
  EXPECT_TRUE(owners.claim(kPlace, 7, 31));
  EXPECT_FALSE(owners.claim(kPlace, 8, 0));
  EXPECT_FALSE(owners.claim(kPlace, 8, 1)) << "two users of a core, and another core has it";
  EXPECT_TRUE(owners.claim(kPlace + 1, 8, 0));
  owners.give_up(kPlace, 1), owners.give_up(kPlace, 1);
  EXPECT_FALSE(owners.claim(kPlace, 8, 0));
  EXPECT_TRUE(owners.is_elsewhere(kPlace, 0));
  EXPECT_FALSE(owners.is_elsewhere(kPlace, 31));
  owners.give_up(kPlace, 31);
  EXPECT_FALSE(owners.is_elsewhere(kPlace, 0));
  EXPECT_TRUE(owners.claim(kPlace, 8, 0));
  EXPECT_FALSE(owners.claim(kPlace, 7, 31)) << "it is another user's now";
}

TEST(PortOwners, WhatUsersOfACoreShareIsNoOtherCores) {
  PortOwners owners;
  EXPECT_TRUE(owners.claim(kPlace, 0, 2));
  EXPECT_TRUE(owners.claim(kPlace, 8, 2));
  EXPECT_TRUE(owners.claim(kPlace, 0, 2));
  EXPECT_FALSE(owners.claim(kPlace, 0, 1));
  EXPECT_FALSE(owners.claim(kPlace, 8, 1));
  owners.give_up(kPlace, 2);
  EXPECT_TRUE(owners.claim(kPlace, 8, 1));
}

// Two threads that take and give back one port as fast as they can never both have it.
TEST(PortOwners, OfTwoThreadsOneHasIt) {
  PortOwners owners;
  std::atomic<int> holders{0}, met{0};
  const auto user = [&](uint32_t core) {
    for (int i = 0; i < 20'000; ++i) {
      if (!owners.claim(kPlace, 100 + core, core)) continue;
      met += holders.fetch_add(1) != 0;
      holders.fetch_sub(1);
      owners.give_up(kPlace, core);
    }
  };
  std::thread other(user, 1u);
  user(0);
  other.join();
  EXPECT_EQ(met.load(), 0);
}

// The latest state is told, once, whatever happened in between.
TEST(PortDirectory, WhatChangesIsToldInItsLatestState) {
  PortOwners owners;
  PortDirectory d(0, 2, owners);
  EXPECT_TRUE(d.all_told());
  d.set_own(kUsed);
  d.set_own({.place = kPlace + 1, .used = true});
  d.set_own(kFree);
  d.set_own(kUsed);
  ASSERT_FALSE(d.all_told());
  EXPECT_EQ(d.next_untold().place, kPlace);
  EXPECT_TRUE(d.next_untold().used);
  d.told();
  EXPECT_EQ(d.next_untold().place, kPlace + 1);
  d.told();
  EXPECT_TRUE(d.all_told());
  d.set_own(kUsed);
  EXPECT_TRUE(d.all_told()) << "nothing changed";
}

TEST(PortDirectory, WhoUsesAPortIsHeard) {
  PortOwners owners;
  PortDirectory d(0, 3, owners);
  d.set_own(kUsed);
  d.hear(1, kUsed), d.hear(2, kUsed), d.hear(2, kUsed);
  EXPECT_EQ(d.others(kPlace), 6u);
  d.hear(1, kFree), d.hear(1, kFree);
  EXPECT_EQ(d.others(kPlace), 4u);
  EXPECT_FALSE(d.bound_elsewhere(kPlace)) << "connections bind nothing";
}

TEST(PortDirectory, ProtocolsAndFamiliesAreApart) {
  using Protocol = PortDirectory::Protocol;
  const Endpoint v4{ipv4(10, 0, 0, 1), 80}, v6{Ip{1, 1}, 80};
  EXPECT_NE(PortDirectory::place_of(Protocol::udp, v4), PortDirectory::place_of(Protocol::tcp, v4));
  EXPECT_NE(PortDirectory::place_of(Protocol::udp, v4), PortDirectory::place_of(Protocol::udp, v6));
  EXPECT_EQ(PortDirectory::place_of(Protocol::tcp, v4),
            PortDirectory::place_of(Protocol::tcp, {Ip{}, 80}));
}

// The demux keeps it up to date: the first socket of a port claims it, the last gives it up.
TEST(PortDirectory, TheDemuxTellsOfTheFirstAndTheLastSocket) {
  PortOwners owners;
  PortDirectory d(0, 2, owners);
  UdpDemux demux({.sockets_max = 8, .directory = &d});
  const Endpoint local{ipv4(10, 0, 0, 1), 80};
  const uint32_t place = PortDirectory::place_of(PortDirectory::Protocol::udp, local);
  Socket a, b;
  a.user = b.user = 5;
  ASSERT_EQ(demux.bind(a, local, true), 0);
  EXPECT_EQ(d.next_untold().place, place);
  EXPECT_TRUE(d.next_untold().used);
  d.told();
  ASSERT_EQ(demux.bind(b, local, true), 0);
  demux.unbind(a);
  EXPECT_TRUE(d.all_told());
  EXPECT_FALSE(owners.claim(place, 6, 1));
  demux.unbind(b);
  EXPECT_FALSE(d.next_untold().used);
  d.told();
  EXPECT_TRUE(owners.claim(place, 6, 1));
  EXPECT_EQ(demux.bind(a, local, true), -EADDRINUSE);
  a.user = 6;
  EXPECT_EQ(demux.bind(a, local, false), 0);
  demux.unbind(a);
}

// A bind that fails for another reason leaves no claim.
TEST(PortDirectory, WithoutRoomThereIsNoClaim) {
  PortOwners owners;
  PortDirectory d(0, 2, owners);
  TcpDemux demux({.bound_max = 2, .connections_max = 1, .directory = &d});
  const Ip address = ipv4(10, 0, 0, 1);
  Socket a, b;
  Connection first{{address, 1}, {address, 9}}, second{{address, 2}, {address, 9}};
  ASSERT_EQ(demux.bind(a, {address, 80}, false), 0);
  ASSERT_EQ(demux.insert(first), 0);
  ASSERT_EQ(demux.insert(second), 0);
  EXPECT_EQ(demux.bind(b, {address, 81}, false), -ENOBUFS);
  using Protocol = PortDirectory::Protocol;
  EXPECT_TRUE(owners.claim(PortDirectory::place_of(Protocol::tcp, {address, 81}), 6, 1));
  EXPECT_FALSE(owners.claim(PortDirectory::place_of(Protocol::tcp, {address, 80}), 6, 1));
  demux.unbind(a);
  EXPECT_TRUE(owners.claim(PortDirectory::place_of(Protocol::tcp, {address, 80}), 6, 1));
  demux.remove(first), demux.remove(second);
}

}  // namespace
}  // namespace pinion
