// Notices: while nobody takes them the oldest stay, and there is no room for more.
#include "gateway/engine/notices.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pinion::gateway {
namespace {

TEST(Notices, TheOldestStayWhileNobodyTakesThem) {
  Notices notices;
  for (size_t i = 0; i < Notices::kKept; ++i) {
    EXPECT_EQ(notices.room(), Notices::kKept - i);
    notices.say("%zu", i);
  }
  EXPECT_EQ(notices.room(), 0u);
  notices.say("one too many");
  EXPECT_EQ(notices.lost(), 1u);
  std::vector<std::string> taken;
  notices.take_all([&](const char* text) { taken.push_back(text); });
  ASSERT_EQ(taken.size(), Notices::kKept);
  EXPECT_EQ(taken.front(), "0");
  EXPECT_EQ(taken.back(), std::to_string(Notices::kKept - 1));
  EXPECT_EQ(notices.room(), Notices::kKept);
}

// A venue's session, a peer's name: others choose these bytes.
TEST(Notices, WhatOthersSayWritesNoLinesOfItsOwn) {
  Notices notices;
  notices.say("session %s", "A\nB\x1b[31m\xff");
  notices.take_all([](const char* text) { EXPECT_STREQ(text, "session A?B?[31m?"); });
}

}  // namespace
}  // namespace pinion::gateway
