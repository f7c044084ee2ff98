// GroupDirectory: who has joined what; what changes is told once, in its latest state; a core that
// joins and leaves faster than the others hear of it runs out of its own room, nobody else's.
#include "net/group_directory.h"

#include <gtest/gtest.h>

namespace pinion {
namespace {

Ip group(uint32_t n) { return Ipv4{0xef000000 + n}; }

TEST(GroupDirectory, KnowsTheOthersByInterface) {
  GroupDirectory d(0, 3, 4, 1);
  d.hear(1, 0, group(1), true);
  d.hear(2, 0, group(1), true);
  d.hear(2, 1, group(1), true);
  EXPECT_EQ(d.others(0, group(1)), 6u);
  EXPECT_EQ(d.others(1, group(1)), 4u);
  EXPECT_EQ(d.others(0, group(2)), 0u);
  d.set_own(0, group(1), true);
  EXPECT_EQ(d.others(0, group(1)), 6u) << "this core is no other";
  d.hear(1, 0, group(1), false), d.hear(1, 0, group(1), false);
  EXPECT_EQ(d.others(0, group(1)), 4u);
}

TEST(GroupDirectory, WhatChangesIsToldInItsLatestState) {
  GroupDirectory d(0, 2, 4, 1);
  d.set_own(0, group(1), true);
  d.set_own(0, group(2), true);
  d.set_own(0, group(1), false);
  ASSERT_NE(d.next_untold(), nullptr);
  EXPECT_EQ(d.next_untold()->group, group(1));
  EXPECT_FALSE(d.is_ours(*d.next_untold()));
  d.told();
  EXPECT_EQ(d.next_untold()->group, group(2));
  EXPECT_TRUE(d.is_ours(*d.next_untold()));
  d.told();
  EXPECT_EQ(d.next_untold(), nullptr);
}

TEST(GroupDirectory, RoomComesBackWhenTheOthersKnow) {
  constexpr uint32_t kGroups = 4;
  GroupDirectory d(0, 2, kGroups, 1);
  uint32_t n = 0;
  for (; d.has_room(); ++n) d.set_own(0, group(n), true), d.set_own(0, group(n), false);
  EXPECT_EQ(n, 2 * kGroups);
  for (uint32_t i = 0; i < 2 * kGroups; ++i) d.hear(1, 0, group(100 + i), true);  // has its own
  for (uint32_t i = 0; i < n; ++i) d.told();
  EXPECT_TRUE(d.has_room());
  for (uint32_t round = 0; round < 100; ++round) {
    d.set_own(0, group(round), true), d.told();
    d.set_own(0, group(round), false), d.told();
  }
  EXPECT_EQ(d.others(0, group(100)), 2u);
}

}  // namespace
}  // namespace pinion
