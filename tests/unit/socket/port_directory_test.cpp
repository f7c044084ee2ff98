// PortDirectory: what the cores say of ports, whoever says it first, twice or late.
#include "socket/port_directory.h"

#include <gtest/gtest.h>

#include "socket/udp_demux.h"

namespace pinion {
namespace {

constexpr uint32_t kPlace = 4000;
PortClaim bound_by(uint32_t user) {
  return {.place = kPlace, .user = user, .used = true, .bound = true};
}
constexpr PortClaim kConnections{.place = kPlace, .used = true};
constexpr PortClaim kFree{.place = kPlace};

TEST(PortDirectory, APortIsOneUsersUntilTheLastCoreGivesItUp) {
  PortDirectory d(0, 3);
  EXPECT_TRUE(d.may_bind(kPlace, 7));
  d.hear(1, bound_by(7));
  d.hear(2, bound_by(7));
  EXPECT_TRUE(d.may_bind(kPlace, 7));
  EXPECT_FALSE(d.may_bind(kPlace, 8));
  EXPECT_EQ(d.others(kPlace), 6u);
  d.hear(1, kFree), d.hear(1, kFree);
  EXPECT_FALSE(d.may_bind(kPlace, 8));
  d.hear(2, kFree);
  EXPECT_TRUE(d.may_bind(kPlace, 8));
  EXPECT_EQ(d.others(kPlace), 0u);
  d.hear(1, bound_by(9));
  EXPECT_FALSE(d.may_bind(kPlace, 7)) << "it is another user's now";
  EXPECT_EQ(d.conflicts(), 0u);
}

TEST(PortDirectory, ConnectionsUseAPortButBindNothing) {
  PortDirectory d(0, 2);
  d.hear(1, kConnections);
  EXPECT_EQ(d.others(kPlace), 2u);
  EXPECT_FALSE(d.bound_elsewhere(kPlace));
  EXPECT_TRUE(d.may_bind(kPlace, 8));
}

// The latest state is told, once, whatever happened in between.
TEST(PortDirectory, WhatChangesIsToldInItsLatestState) {
  PortDirectory d(0, 2);
  EXPECT_TRUE(d.all_told());
  d.set_own(bound_by(1));
  d.set_own({.place = kPlace + 1, .user = 2, .used = true, .bound = true});
  d.set_own(kFree);
  d.set_own(bound_by(3));
  ASSERT_FALSE(d.all_told());
  EXPECT_EQ(d.next_untold().place, kPlace);
  EXPECT_EQ(d.next_untold().user, 3u);
  EXPECT_TRUE(d.next_untold().bound);
  d.told();
  EXPECT_EQ(d.next_untold().place, kPlace + 1);
  d.told();
  EXPECT_TRUE(d.all_told());
  d.set_own(bound_by(3));
  EXPECT_TRUE(d.all_told()) << "nothing changed";
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
  PortDirectory d(0, 2);
  UdpDemux demux({.sockets_max = 8, .directory = &d});
  const Endpoint local{ipv4(10, 0, 0, 1), 80};
  const uint32_t place = PortDirectory::place_of(PortDirectory::Protocol::udp, local);
  Socket a, b;
  a.user = b.user = 5;
  ASSERT_EQ(demux.bind(a, local, true), 0);
  EXPECT_EQ(d.next_untold().place, place);
  EXPECT_TRUE(d.next_untold().bound);
  d.told();
  ASSERT_EQ(demux.bind(b, local, true), 0);
  demux.unbind(a);
  EXPECT_TRUE(d.all_told());
  demux.unbind(b);
  EXPECT_FALSE(d.next_untold().used);
  d.told();
  d.hear(1, {.place = place, .user = 6, .used = true, .bound = true});
  EXPECT_EQ(demux.bind(a, local, true), -EADDRINUSE);
  a.user = 6;
  EXPECT_EQ(demux.bind(a, local, false), 0);
  demux.unbind(a);
}

}  // namespace
}  // namespace pinion
