// Longest prefix match against a search that looks at every route.
#include "net/route.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace pinion {
namespace {

TEST(Route, MoreSpecificWinsWhateverTheOrder) {
  RouteTable table;
  table.add({ipv4(0, 0, 0, 0), 0, ipv4(10, 0, 0, 254), 0});
  table.add({ipv4(10, 1, 2, 3), 32, ipv4(10, 0, 0, 3), 0});
  table.add({ipv4(10, 1, 0, 77), 16, {}, 1});  // host bits are ignored
  EXPECT_EQ(table.lookup(ipv4(10, 1, 2, 3))->prefix_length, 32);
  EXPECT_EQ(table.lookup(ipv4(10, 1, 2, 4))->prefix_length, 16);
  EXPECT_EQ(table.lookup(ipv4(11, 1, 2, 4))->prefix_length, 0);
  EXPECT_EQ(table.lookup(ipv4(10, 1, 2, 4), 0)->prefix_length, 0);
  EXPECT_EQ(table.lookup(ipv4(11, 1, 2, 4), 1), nullptr);
}

TEST(Route, EmptyTableHasNoRoute) { EXPECT_EQ(RouteTable{}.lookup(ipv4(10, 0, 0, 1)), nullptr); }

TEST(Route, MatchesBruteForce) {
  Rng rng{7};
  for (int round = 0; round < 50; ++round) {
    RouteTable table;
    std::vector<Route> all;
    for (uint32_t i = 0; i < 40; ++i) {
      // Few distinct bits, so that prefixes nest.
      const Ipv4 prefix{rng.below(16) << 28 | rng.below(4) << 16 | rng.below(4)};
      all.push_back({prefix, static_cast<uint8_t>(rng.below(33)), Ipv4{i + 1}, rng.below(3)});
      table.add(all.back());
    }
    for (int probe = 0; probe < 200; ++probe) {
      const Ipv4 dst{rng.below(16) << 28 | rng.below(4) << 16 | rng.below(4)};
      const uint32_t interface = probe % 2 ? kAnyInterface : rng.below(3);
      const Route* best = nullptr;
      for (const Route& r : all) {
        if (interface != kAnyInterface && interface != r.interface) continue;
        if (((r.prefix.v4().v ^ dst.v) & prefix_mask(r.prefix_length)) != 0) continue;
        if (!best || r.prefix_length > best->prefix_length) best = &r;
      }
      const Route* found = table.lookup(dst, interface);
      ASSERT_EQ(found == nullptr, best == nullptr);
      if (best) {
        ASSERT_EQ(found->via, best->via);
      }
    }
  }
}

TEST(Route, FamiliesNeverMeet) {
  RouteTable table;
  table.add({kAnyIpv6, 0, {}, 0});
  EXPECT_EQ(table.lookup(ipv4(10, 0, 0, 1)), nullptr) << "::/0 has no IPv4 inside";
  table.add({ipv4(0, 0, 0, 0), 0, {}, 1});
  table.add({Ip{0x2001'0db8'0000'0000, 77}, 64, {}, 2});
  table.add({Ip{0x2001'0db8'0000'0000, 7}, 128, {}, 3});
  EXPECT_EQ(table.lookup(ipv4(10, 0, 0, 1))->interface, 1u);
  EXPECT_EQ(table.lookup(Ip{0x2001'0db8'0000'0001, 1})->interface, 0u);
  EXPECT_EQ(table.lookup(Ip{0x2001'0db8'0000'0000, 1})->interface, 2u);
  EXPECT_EQ(table.lookup(Ip{0x2001'0db8'0000'0000, 7})->interface, 3u);
}

}  // namespace
}  // namespace pinion
