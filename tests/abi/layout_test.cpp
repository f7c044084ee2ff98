// The ABI lives in users' binaries: its layout is what layout.def says, in C11 and in C++20.
#include <gtest/gtest.h>

#include <span>

#include "layout_table.h"

namespace {

void expect_golden(std::span<const layout_row> rows) {
  ASSERT_GT(rows.size(), 200u);
  for (const layout_row& row : rows)
    EXPECT_EQ(row.actual, row.golden) << row.what << ": see the top of layout.def";
}

TEST(Layout, IsTheGoldenInC) {
  size_t rows = 0;
  const layout_row* table = layout_in_c(&rows);
  expect_golden({table, rows});
}

TEST(Layout, IsTheGoldenInCxx) { expect_golden(layout_table); }

}  // namespace
