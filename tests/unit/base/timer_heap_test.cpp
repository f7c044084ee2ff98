// The timer heap against an ordered map, with as many owners as TCP may have connections.
#include "base/timer_heap.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "base/rng.h"

namespace pinion {
namespace {

struct Owner {
  int id = 0;
  TimerNode node{};
};
using Heap = TimerHeap<Owner, &Owner::node>;

TEST(TimerHeap, EarliestComesFirstAndOnlyWhenDue) {
  Heap heap(3);
  Owner a{1}, b{2}, c{3};
  EXPECT_EQ(heap.earliest(), kNever);
  EXPECT_EQ(heap.pop_due(kNever), nullptr);
  heap.set(&a, 30), heap.set(&b, 10), heap.set(&c, 20);
  EXPECT_EQ(heap.earliest(), 10);
  EXPECT_EQ(heap.pop_due(9), nullptr);
  EXPECT_EQ(heap.pop_due(25), &b);
  EXPECT_EQ(heap.deadline(&b), kNever);
  EXPECT_EQ(heap.pop_due(25), &c);
  EXPECT_EQ(heap.pop_due(25), nullptr);
  EXPECT_EQ(heap.earliest(), 30);
  EXPECT_EQ(heap.size(), 1u);
}

TEST(TimerHeap, MovesBothWaysAndNeverDisarms) {
  Heap heap(2);
  Owner a{1}, b{2};
  heap.set(&a, 10), heap.set(&b, 20);
  heap.set(&a, 30);
  EXPECT_EQ(heap.earliest(), 20);
  heap.set(&a, 5);
  EXPECT_EQ(heap.earliest(), 5);
  EXPECT_EQ(heap.deadline(&a), 5);
  heap.set(&a, kNever);
  EXPECT_EQ(heap.earliest(), 20);
  heap.set(&a, kNever), heap.remove(&a);
  EXPECT_EQ(heap.size(), 1u);
}

TEST(TimerHeap, RandomAgainstAMap) {
  Rng rng(7);
  constexpr uint32_t kOwners = 2000;
  Heap heap(kOwners);
  std::vector<Owner> owners(kOwners);
  std::map<Owner*, Nanos> expected;
  std::multiset<Nanos> times;
  const auto forget = [&](Owner* o) {
    const auto it = expected.find(o);
    if (it == expected.end()) return;
    times.erase(times.find(it->second));
    expected.erase(it);
  };
  for (int i = 0; i < 100'000; ++i) {
    Owner* o = &owners[rng.below(kOwners)];
    const uint32_t action = rng.below(10);
    if (action < 6) {
      const Nanos at = rng.below(10'000);
      forget(o);
      expected[o] = at, times.insert(at);
      heap.set(o, at);
    } else if (action < 8) {
      forget(o);
      heap.remove(o);
    } else if (Owner* due = heap.pop_due(rng.below(10'000))) {
      ASSERT_EQ(expected.at(due), *times.begin());
      forget(due);
    }
    ASSERT_EQ(heap.size(), expected.size());
    ASSERT_EQ(heap.earliest(), times.empty() ? kNever : *times.begin());
  }
  for (const auto& [o, at] : expected) EXPECT_EQ(heap.deadline(o), at);
}

}  // namespace
}  // namespace pinion
