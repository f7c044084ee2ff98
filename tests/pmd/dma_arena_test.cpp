// The arena: addresses are handed out and come back, one registration covers memory that is mapped
// later, region by region.
#include "pmd-glue/dma_arena.h"

#include <sys/mman.h>

#include <cerrno>

#include "eal_process.h"

namespace pinion::test {
namespace {

constexpr size_t kUnit = DmaArena::kUnitBytes;

TEST(DmaArena, HandsOutAddressesAndTakesThemBack) {
  std::string error;
  const auto arena = DmaArena::reserve(4 * kUnit, error);
  ASSERT_TRUE(arena) << error;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(arena->base()) % kUnit, 0u);
  std::byte* a = arena->take(1);
  std::byte* b = arena->take(kUnit + 1);
  std::byte* c = arena->take(kUnit);
  EXPECT_EQ(a, arena->base());
  EXPECT_EQ(b, a + kUnit);
  EXPECT_EQ(c, b + 2 * kUnit);
  EXPECT_EQ(arena->take(1), nullptr);  // full
  EXPECT_EQ(arena->take(0), nullptr);
  EXPECT_EQ(arena->take(SIZE_MAX), nullptr);
  EXPECT_EQ(arena->give_back(b), 0);
  EXPECT_EQ(arena->give_back(b), -EINVAL);
  EXPECT_EQ(arena->take(3 * kUnit), nullptr);
  EXPECT_EQ(arena->take(2 * kUnit), b);  // the gap, exactly
}

TEST(DmaArena, TakesTheMemoryAwayWithTheRegion) {
  std::string error;
  const auto arena = DmaArena::reserve(kUnit, error);
  ASSERT_TRUE(arena) << error;
  std::byte* region = arena->take(kUnit);
  ASSERT_EQ(mmap(region, kUnit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                 -1, 0),
            region);
  region[0] = std::byte{1};
  EXPECT_EQ(arena->give_back(region), 0);
  unsigned char resident = 0;
  EXPECT_EQ(mincore(region, 4096, &resident), 0);  // addresses are still reserved
  EXPECT_EQ(resident & 1, 0);                      // but nothing is behind them
}

TEST(DmaArena, RefusesNonsense) {
  std::string error;
  EXPECT_EQ(DmaArena::reserve(0, error), nullptr);
  EXPECT_EQ(DmaArena::reserve(SIZE_MAX, error), nullptr);
  EXPECT_NE(error.find("not possible"), std::string::npos) << error;
}

// 16 GiB of nothing are registered in one go; four times as many regions as DPDK has lists for.
TEST(DmaArena, OneRegistrationServesEveryRegion) {
  std::string error;
  const auto arena = DmaArena::reserve(size_t{16} << 30, error);
  ASSERT_TRUE(arena) << error;
  if (shared_eal(error) == nullptr) GTEST_SKIP() << error;
  const auto port = EthdevPort::open({.device = "net_null5"}, error);
  ASSERT_TRUE(port) << error;
  std::byte* first = arena->take(kUnit);
  EXPECT_EQ(arena->map(first, *port), -ENOTSUP);  // not registered yet
  ASSERT_EQ(arena->register_once(), 0);
  EXPECT_EQ(arena->register_once(), -EALREADY);
  constexpr uint64_t kRegions = 512;
  for (uint64_t i = 0; i < kRegions; ++i) {
    std::byte* region = arena->take(kUnit);
    ASSERT_NE(region, nullptr);
    EXPECT_FALSE(arena->is_mapped(region, *port));
    ASSERT_EQ(arena->map(region, *port), 0) << "region " << i;
    ASSERT_EQ(arena->map(region, *port), 0);  // again is no second map
    EXPECT_TRUE(arena->is_mapped(region, *port));
  }
  EXPECT_EQ(arena->maps_made(), kRegions);
  EXPECT_EQ(arena->map(first + 1, *port), -EINVAL);
  EXPECT_EQ(arena->map(first, *port), 0);
  EXPECT_EQ(arena->give_back(first), 0);
  EXPECT_FALSE(arena->is_mapped(first, *port));
  arena->forget(*port);
  EXPECT_FALSE(arena->is_mapped(first + kUnit, *port));
}

}  // namespace
}  // namespace pinion::test
