// Sequence numbers compare across their wrap (RFC 9293 3.4).
#include "base/seq.h"

#include <gtest/gtest.h>

namespace pinion {
namespace {

TEST(Seq, OrderAcrossTheWrap) {
  const Seq last{0xffffffff}, first{0};
  EXPECT_TRUE(last < first && last <= first && first > last && first >= last);
  EXPECT_FALSE(first < last || first <= last || last > first || last >= first);
  EXPECT_TRUE(first <= first && first >= first && !(first < first) && first == first);
  EXPECT_TRUE(Seq{1} < Seq{0x80000000});
  EXPECT_FALSE(Seq{0} < Seq{0x80000001});
}

TEST(Seq, DistanceAndSum) {
  EXPECT_EQ(Seq{5} - Seq{0xfffffffb}, 10u);
  EXPECT_EQ(Seq{0xfffffffb} + 10, Seq{5});
  EXPECT_EQ(Seq{5} - 10, Seq{0xfffffffb});
  Seq s{0xffffffff};
  s += 2;
  EXPECT_EQ(s, Seq{1});
  EXPECT_EQ(max(Seq{0xffffffff}, Seq{1}), Seq{1});
  EXPECT_EQ(min(Seq{0xffffffff}, Seq{1}), Seq{0xffffffff});
}

TEST(Seq, RangeIsHalfOpenAndWraps) {
  const Seq left{0xfffffff0}, right{0x10};
  EXPECT_TRUE(in_range(left, left, right));
  EXPECT_TRUE(in_range(Seq{0}, left, right));
  EXPECT_FALSE(in_range(right, left, right));
  EXPECT_FALSE(in_range(Seq{0xffffffef}, left, right));
  EXPECT_FALSE(in_range(left, left, left));
}

}  // namespace
}  // namespace pinion
