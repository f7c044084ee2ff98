// Ring memory: what is given back can be taken again, whatever the order.
#include "arena.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <random>
#include <vector>

namespace {

constexpr uint64_t kChunk = 1 << 20;

class Arena : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(rio_arena_init(&arena_, kChunk), 0); }
  void TearDown() override { rio_arena_destroy(&arena_); }
  rio_arena arena_{};
};

TEST_F(Arena, FirstFitInWholeLines) {
  EXPECT_EQ(rio_arena_take(&arena_, 1), 0u);
  EXPECT_EQ(rio_arena_take(&arena_, 65), 64u);
  EXPECT_EQ(rio_arena_take(&arena_, 64), 192u);
  EXPECT_EQ(rio_arena_give(&arena_, 64, 65), 0);
  EXPECT_EQ(rio_arena_take(&arena_, 128), 64u);
}

TEST_F(Arena, AllOfItAndNotMore) {
  EXPECT_EQ(rio_arena_take(&arena_, kChunk + 1), RIO_ARENA_NONE);
  EXPECT_EQ(rio_arena_take(&arena_, 0), RIO_ARENA_NONE);
  EXPECT_EQ(rio_arena_take(&arena_, kChunk), 0u);
  EXPECT_EQ(rio_arena_take(&arena_, 1), RIO_ARENA_NONE);
  EXPECT_EQ(rio_arena_give(&arena_, 0, kChunk), 0);
  EXPECT_EQ(rio_arena_take(&arena_, kChunk), 0u);
}

TEST_F(Arena, GivingWhatWasNotTakenIsRefused) {
  const uint64_t at = rio_arena_take(&arena_, 256);
  EXPECT_EQ(rio_arena_give(&arena_, at + 64, 256), -EINVAL);  // its end is free
  EXPECT_EQ(rio_arena_give(&arena_, kChunk, 64), -EINVAL);
  EXPECT_EQ(rio_arena_give(&arena_, at, 256), 0);
  EXPECT_EQ(rio_arena_give(&arena_, at, 256), -EINVAL);
}

TEST_F(Arena, RandomTrafficNeverOverlapsAndEndsWhole) {
  struct Block {
    uint64_t offset, bytes;
  };
  std::mt19937 random(1);
  std::vector<Block> held;
  std::vector<char> used(kChunk / RIO_ARENA_UNIT, 0);
  const auto mark = [&](const Block& b, char value) {
    for (uint64_t u = b.offset / 64; u < (b.offset + b.bytes + 63) / 64; ++u) {
      ASSERT_NE(used[u], value);
      used[u] = value;
    }
  };
  for (int i = 0; i < 20'000; ++i) {
    if (held.empty() || random() % 2 == 0) {
      const uint64_t bytes = 1 + random() % 20'000;
      const uint64_t at = rio_arena_take(&arena_, bytes);
      if (at == RIO_ARENA_NONE) continue;
      held.push_back({at, bytes});
      mark(held.back(), 1);
    } else {
      std::swap(held[random() % held.size()], held.back());
      mark(held.back(), 0);
      ASSERT_EQ(rio_arena_give(&arena_, held.back().offset, held.back().bytes), 0);
      held.pop_back();
    }
  }
  for (const Block& b : held) ASSERT_EQ(rio_arena_give(&arena_, b.offset, b.bytes), 0);
  EXPECT_EQ(arena_.free_bytes, kChunk);
  EXPECT_EQ(rio_arena_take(&arena_, kChunk), 0u);
}

}  // namespace
