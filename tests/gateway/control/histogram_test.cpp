// What is recorded comes back within the error that histogram.h states, over the whole range, and a
// reader beside the writer sees numbers that agree with each other.
#include "gateway/control/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>

#include "base/rng.h"

namespace pinion::control {
namespace {

using Buckets = HistogramBuckets;

TEST(Histogram, BucketsFollowEachOther) {
  for (size_t i = 0; i + 1 < Buckets::kCount; ++i) {
    ASSERT_LT(Buckets::floor(i), Buckets::floor(i + 1));
    ASSERT_EQ(Buckets::index(Buckets::floor(i) + 1), i);
    ASSERT_EQ(Buckets::index(Buckets::floor(i + 1)), i);
  }
  EXPECT_EQ(Buckets::index(Buckets::kMax), Buckets::kCount - 2);
  EXPECT_EQ(Buckets::index(Buckets::kMax + 1), Buckets::kCount - 1);
  EXPECT_EQ(Buckets::index(kNever), Buckets::kCount - 1);
}

TEST(Histogram, ErrorIsAtMostATenthOfAPercent) {
  for (Nanos v = 1; v <= Buckets::kMax; v += std::max<Nanos>(1, v / 5'003)) {
    const Nanos shown = Buckets::middle(Buckets::index(v));
    ASSERT_LE(std::abs(shown - v) * 1'000, v) << v << " is shown as " << shown;
    if (v <= 1024) {
      ASSERT_EQ(shown, v);
    }
  }
}

TEST(Histogram, QuantilesSumAndPowersOfTwo) {
  const auto h = std::make_unique<Histogram>();
  EXPECT_EQ(h->snapshot().quantile(0.5), 0);
  EXPECT_EQ(h->snapshot().max(), 0);
  for (Nanos v = 1; v <= 1'000; ++v) h->record(v);
  const HistogramSnapshot s = h->snapshot();
  EXPECT_EQ(s.count(), 1'000u);
  EXPECT_EQ(s.sum(), 500'500u);
  EXPECT_EQ(s.quantile(0), 1);
  EXPECT_EQ(s.quantile(0.5), 500);
  EXPECT_EQ(s.quantile(0.99), 990);
  EXPECT_EQ(s.quantile(0.999), 999);
  EXPECT_EQ(s.max(), 1'000);
  EXPECT_EQ(s.count_up_to(128), 128u);
  EXPECT_EQ(s.count_up_to(1'024), 1'000u);
}

TEST(Histogram, WhatIsOutsideIsCounted) {
  const auto h = std::make_unique<Histogram>();
  h->record(-5);
  h->record(0);
  h->record(10 * kSecond);
  const HistogramSnapshot s = h->snapshot();
  EXPECT_EQ(s.count(), 3u);
  EXPECT_EQ(s.quantile(0.5), 1);
  EXPECT_EQ(s.max(), Buckets::kMax);
  EXPECT_EQ(s.count_up_to(Buckets::kMax), 2u);
}

TEST(Histogram, MergedIsAsIfRecordedInOne) {
  const auto a = std::make_unique<Histogram>(), b = std::make_unique<Histogram>(),
             both = std::make_unique<Histogram>();
  Rng rng(7);
  for (int i = 0; i < 10'000; ++i) {
    const auto v = static_cast<Nanos>(rng.next() % 2'000'000);
    (i % 3 == 0 ? a : b)->record(v);
    both->record(v);
  }
  HistogramSnapshot merged = a->snapshot();
  merged.merge(b->snapshot());
  const HistogramSnapshot all = both->snapshot();
  EXPECT_EQ(merged.count(), all.count());
  for (const double q : {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0})
    EXPECT_EQ(merged.quantile(q), all.quantile(q)) << q;
}

TEST(Histogram, AReaderBesideTheWriterSeesItGrow) {
  const auto h = std::make_unique<Histogram>();
  constexpr uint64_t kAll = 400'000;
  std::thread writer([&] {
    for (uint64_t i = 0; i < kAll; ++i) h->record(static_cast<Nanos>(1'000 + i % 1'000));
  });
  uint64_t before = 0;
  while (before < kAll) {
    const HistogramSnapshot s = h->snapshot();
    ASSERT_GE(s.count(), before);
    before = s.count();
    if (before != 0) {
      ASSERT_GE(s.quantile(0.5), 1'000);
      ASSERT_LE(s.max(), 2'000);
    }
  }
  writer.join();
  EXPECT_EQ(h->snapshot().count(), kAll);
}

}  // namespace
}  // namespace pinion::control
