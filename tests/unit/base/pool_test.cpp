// The fixed pool: it gives each element once, says when it is empty, and takes the warm one first.
#include "base/pool.h"

#include <gtest/gtest.h>

#include <set>

namespace pinion {
namespace {

TEST(Pool, GivesEachElementOnceAndThenNone) {
  Pool<int> pool(5);
  EXPECT_EQ(pool.capacity(), 5u);
  std::set<int*> taken;
  for (uint32_t i = 0; i < 5; ++i) {
    int* item = pool.take();
    ASSERT_NE(item, nullptr);
    EXPECT_TRUE(taken.insert(item).second) << "given twice";
    EXPECT_EQ(pool.used(), i + 1);
    EXPECT_EQ(&pool[pool.index(item)], item);
    EXPECT_LT(pool.index(item), 5u);
  }
  EXPECT_EQ(pool.take(), nullptr);
  EXPECT_EQ(pool.used(), 5u);
  pool.give(*taken.begin());
  EXPECT_EQ(pool.take(), *taken.begin());
  EXPECT_EQ(pool.take(), nullptr);
}

TEST(Pool, LastGivenIsTakenFirst) {
  Pool<int> pool(3);
  int *a = pool.take(), *b = pool.take();
  pool.give(a), pool.give(b);
  EXPECT_EQ(pool.take(), b);
  EXPECT_EQ(pool.take(), a);
}

TEST(Pool, ElementKeepsWhatItHeld) {
  Pool<int> pool(1);
  *pool.take() = 42;
  pool.give(&pool[0]);
  EXPECT_EQ(*pool.take(), 42);
}

TEST(Pool, OfNothing) {
  Pool<int> pool(0);
  EXPECT_EQ(pool.take(), nullptr);
}

TEST(Pool, WhatIsNotThePoolsIsRefused) {
#ifdef NDEBUG
  GTEST_SKIP() << "STACK_DCHECK is off in this build";
#else
  Pool<int> pool(2);
  int stranger = 0, *own = pool.take();
  EXPECT_DEATH(pool.give(&stranger), "items_");
  pool.give(own);
  EXPECT_DEATH(pool.give(own), "free_count_") << "one given too often";
#endif
}

}  // namespace
}  // namespace pinion
