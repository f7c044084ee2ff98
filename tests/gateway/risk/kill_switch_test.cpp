// The kill switch outlives its process, and the order table finds what is in it.
#include "gateway/risk/kill_switch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

#include "gateway/risk/order_table.h"

namespace pinion::risk {
namespace {

class KillSwitchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pinion-kill-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

TEST_F(KillSwitchTest, SurvivesARestart) {
  const std::string path = dir_ + "/kill";
  KillSwitch first;
  ASSERT_EQ(first.open(path), 0);
  EXPECT_FALSE(first.thrown());
  EXPECT_EQ(first.kill("by hand"), 0);
  EXPECT_TRUE(first.thrown());
  KillSwitch second;
  ASSERT_EQ(second.open(path), 0);
  EXPECT_TRUE(second.thrown());
  std::string reason;
  std::getline(std::ifstream(path), reason);
  EXPECT_EQ(reason, "by hand");
  EXPECT_EQ(second.unkill(), 0);
  KillSwitch third;
  ASSERT_EQ(third.open(path), 0);
  EXPECT_FALSE(third.thrown());
}

// In doubt it is thrown.
TEST_F(KillSwitchTest, WhatCannotBeWrittenOrRead) {
  KillSwitch lost;
  ASSERT_EQ(lost.open(dir_ + "/no/such/directory/kill"), 0);
  EXPECT_LT(lost.kill("x"), 0);
  EXPECT_TRUE(lost.thrown());
  EXPECT_LT(lost.unkill(), 0);
  EXPECT_TRUE(lost.thrown());
  std::ofstream(dir_ + "/file") << "x";
  KillSwitch unreadable;
  EXPECT_LT(unreadable.open(dir_ + "/file/kill"), 0);
  EXPECT_TRUE(unreadable.thrown());
}

TEST(RiskOrderTable, AgainstAMap) {
  std::mt19937 rng(5);
  OrderTable table(50);
  std::map<OrderId, Price> model;
  for (int i = 0; i < 100'000; ++i) {
    const OrderId id = rng() % 120;
    if (rng() % 2 == 0) {
      Order* order = table.add(id);
      const bool expected = id != 0 && !model.contains(id) && model.size() < 50;
      ASSERT_EQ(order != nullptr, expected) << i;
      if (order != nullptr) model[id] = order->price = i;
    } else {
      table.remove(id);
      model.erase(id);
    }
    ASSERT_EQ(table.size(), model.size());
    for (OrderId each = 0; each < 120; ++each) {
      const Order* order = table.find(each);
      ASSERT_EQ(order != nullptr, model.contains(each)) << i;
      if (order != nullptr) {
        ASSERT_EQ(order->price, model[each]);
      }
    }
  }
}

}  // namespace
}  // namespace pinion::risk
