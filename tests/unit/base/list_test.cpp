// The intrusive lists against std::deque, over random operations of a fixed seed.
#include "base/list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "base/rng.h"

namespace pinion {
namespace {

struct Item {
  Item* next = nullptr;  // of a Fifo
  Link<Item> first, second;
};
using First = List<Item, &Item::first>;
using Second = List<Item, &Item::second>;

TEST(Fifo, FirstInFirstOut) {
  Fifo<Item> fifo;
  Item items[3];
  EXPECT_TRUE(fifo.empty());
  EXPECT_EQ(fifo.pop(), nullptr);
  for (int round = 0; round < 2; ++round) {  // an emptied one starts anew
    for (Item& i : items) fifo.push(&i);
    EXPECT_EQ(fifo.front(), &items[0]);
    for (Item& i : items) EXPECT_EQ(fifo.pop(), &i);
    EXPECT_TRUE(fifo.empty());
    EXPECT_EQ(fifo.front(), nullptr);
  }
}

TEST(Fifo, PushBetweenPops) {
  Fifo<Item> fifo;
  Item a, b, c;
  fifo.push(&a), fifo.push(&b);
  EXPECT_EQ(fifo.pop(), &a);
  fifo.push(&c), fifo.push(&a);
  EXPECT_EQ(fifo.pop(), &b);
  EXPECT_EQ(fifo.pop(), &c);
  EXPECT_EQ(fifo.pop(), &a);
  EXPECT_EQ(fifo.pop(), nullptr);
}

void expect_same(const First& list, const std::deque<Item*>& model) {
  ASSERT_EQ(list.size(), model.size());
  ASSERT_EQ(list.empty(), model.empty());
  Item* at = list.front();
  for (Item* expected : model) {
    ASSERT_EQ(at, expected);
    at = First::next(at);
  }
  ASSERT_EQ(at, nullptr);
}

TEST(List, LikeADeque) {
  std::vector<Item> items(8);
  First list;
  std::deque<Item*> model;
  Rng rng(7);
  for (int step = 0; step < 20'000; ++step) {
    Item* item = &items[rng.below(8)];
    const auto place = std::find(model.begin(), model.end(), item);
    ASSERT_EQ(First::contains(item), place != model.end());
    switch (rng.below(3)) {
      case 0:
        if (place == model.end()) list.push_back(item), model.push_back(item);
        break;
      case 1:
        list.remove(item);  // of what is not there: nothing
        if (place != model.end()) model.erase(place);
        break;
      case 2:
        ASSERT_EQ(list.pop_front(), model.empty() ? nullptr : model.front());
        if (!model.empty()) model.pop_front();
        break;
    }
    expect_same(list, model);
  }
}

TEST(List, OneElementOnTwoLists) {
  First first;
  Second second;
  Item a, b;
  first.push_back(&a), first.push_back(&b);
  second.push_back(&b), second.push_back(&a);
  first.remove(&a);
  EXPECT_FALSE(First::contains(&a));
  EXPECT_TRUE(Second::contains(&a));
  EXPECT_EQ(first.front(), &b);
  EXPECT_EQ(second.front(), &b);
  EXPECT_EQ(Second::next(&b), &a);
}

}  // namespace
}  // namespace pinion
