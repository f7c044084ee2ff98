// Answers: every line is JSON whatever the values are, nothing is cut in silence.
#include "gateway/control/answer.h"

#include <gtest/gtest.h>

#include <climits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace pinion::control {
namespace {

struct Paper {
  explicit Paper(size_t bytes = 16'384) : memory(bytes), answer(memory) { answer.clear(); }
  std::vector<char> memory;
  Answer answer;
};

TEST(Answer, WritesJson) {
  Paper p;
  p.answer.facts("gateway").text("state", "trading").flag("killed", false);
  p.answer.row("orders")
      .text("id", "A\"1\\")
      .number("shares", 100)
      .number("least", INT64_MIN)
      .number("most", UINT64_MAX)
      .decimal("price", 105'000, 4)
      .format("age", "%d s", 3);
  EXPECT_EQ(p.answer.text(),
            "{\"facts\":\"gateway\",\"state\":\"trading\",\"killed\":false}\n"
            "{\"row\":\"orders\",\"id\":\"A\\u00221\\u005c\",\"shares\":100,"
            "\"least\":-9223372036854775808,\"most\":18446744073709551615,"
            "\"price\":\"10.5000\",\"age\":\"3 s\"}\n");
  EXPECT_EQ(p.answer.rows_left_out(), 0u);
}

std::string decimal_of(int64_t value, int digits) {
  Paper p;
  p.answer.row("r").decimal("d", value, digits);
  return nlohmann::json::parse(p.answer.text())["d"];
}

TEST(Answer, DecimalsAreExact) {
  EXPECT_EQ(decimal_of(0, 4), "0.0000");
  EXPECT_EQ(decimal_of(1, 4), "0.0001");
  EXPECT_EQ(decimal_of(-1, 4), "-0.0001");
  EXPECT_EQ(decimal_of(-12'345'678, 4), "-1234.5678");
  EXPECT_EQ(decimal_of(INT64_MIN, 3), "-9223372036854775.808");
  EXPECT_EQ(decimal_of(INT64_MAX, 18), "9.223372036854775807");
}

TEST(Answer, EveryByteSurvivesAsAText) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  Paper p;
  p.answer.row("r").text("v", all);
  const std::string text(p.answer.text());
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  for (const char c : text.substr(0, text.size() - 1)) EXPECT_TRUE(c >= ' ' && c <= '~');
  // Bytes from 128 on are taken for Latin-1: the JSON is valid, whatever they were.
  const std::string back = nlohmann::json::parse(text)["v"];
  EXPECT_EQ(back.size(), 128u + 2 * 128u);
  EXPECT_EQ(back.substr(0, 128), all.substr(0, 128));
}

TEST(Answer, ARowThatIsTooLongIsLeftOutWhole) {
  Paper p;
  p.answer.row("r").text("v", "before");
  const std::string before(p.answer.text());
  p.answer.row("r").text("v", std::string(Answer::kRowBytesMax, 'x')).text("w", "y");
  EXPECT_EQ(p.answer.text(), before);
  EXPECT_EQ(p.answer.rows_left_out(), 1u);
  p.answer.row("r").text("v", "after");
  EXPECT_EQ(p.answer.text(), before + "{\"row\":\"r\",\"v\":\"after\"}\n");
}

TEST(Answer, FullMemoryLeavesOutRowsAtAnyLength) {
  for (size_t bytes = 0; bytes < 80; ++bytes) {
    Paper p(bytes);
    p.answer.row("r").text("v", "0123456789").number("n", 1);
    const std::string whole = "{\"row\":\"r\",\"v\":\"0123456789\",\"n\":1}\n";
    EXPECT_EQ(p.answer.text(), bytes < whole.size() ? "" : whole);
    EXPECT_EQ(p.answer.rows_left_out(), bytes < whole.size() ? 1u : 0u);
  }
}

TEST(Answer, WhatFormatCutsEndsWithDots) {
  Paper p;
  p.answer.row("r").format("v", "%s", std::string(600, 'x').c_str());
  const std::string value = nlohmann::json::parse(p.answer.text())["v"];
  EXPECT_EQ(value, std::string(508, 'x') + "...");
}

TEST(Answer, AFailureIsOneLine) {
  Paper p;
  p.answer.fail("no order %s\nok", "\x1b[2J\xff");
  EXPECT_EQ(p.answer.failure(), "no order ?[2J??ok");
  p.answer.fail("%s", std::string(2'000, 'x').c_str());
  EXPECT_EQ(p.answer.failure(), std::string(508, 'x') + "...");
}

}  // namespace
}  // namespace pinion::control
