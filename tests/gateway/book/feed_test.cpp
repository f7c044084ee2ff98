// A stream and a GLIMPSE snapshot become books: the merge from every moment, and what makes it
// start over.
#include "gateway/book/feed.h"

#include <gtest/gtest.h>

#include <vector>

namespace pinion::book {
namespace {

itch::AddOrder buy(uint64_t reference, uint32_t price) {
  auto m = itch::make<itch::AddOrder>(1, reference);
  m.reference = be64::of(reference), m.side = Char::of('B'), m.shares = be32::of(10);
  m.stock = Alpha<8>::of("AAPL"), m.price = be32::of(price);
  return m;
}
itch::Snapshot snapshot_end(uint64_t sequence) { return {Char::of('G'), Digits20::of(sequence)}; }

// Message number n adds order n; a snapshot as of number n holds orders 1 to n - 1.
struct FeedBench {
  Books books{BooksConfig{{"AAPL"}, 1'000, 1'000}};
  Feed feed{books, {16, 16 * 36}};

  void live(uint64_t n) { feed.message(n, bytes_of_message(buy(n, static_cast<uint32_t>(n)))); }
  void snapshot_orders(uint64_t n) {
    for (uint64_t i = 1; i < n; ++i) snapshot_says(buy(i, static_cast<uint32_t>(i)));
  }
  void snapshot_ends(uint64_t n) { snapshot_says(snapshot_end(n)); }
  template <class Message>
  void snapshot_says(const Message& m) {
    feed.snapshot_message(bytes_of_message(m), 0, UINT64_MAX);
  }
  bool good_up_to(uint64_t n) const {
    return feed.live() && books.at(0).fresh() && books.open_orders() == n &&
           books.at(0).bids.size() == n;
  }
};

TEST(Feed, FromTheFirstMessageItNeedsNoSnapshot) {
  FeedBench b;
  for (uint64_t n = 1; n <= 5; ++n) b.live(n);
  EXPECT_FALSE(b.feed.wants_snapshot());
  EXPECT_TRUE(b.good_up_to(5));
}

// Live from 4 on; 5 to 9 come while the snapshot does. It is good if it is of 5 or later, also if
// it is of later than what has come live.
TEST(Feed, MergesASnapshotOfAnyMomentItCovers) {
  for (uint64_t n = 2; n <= 14; ++n) {
    SCOPED_TRACE(n);
    FeedBench b;
    b.live(4);
    EXPECT_TRUE(b.feed.wants_snapshot());
    b.feed.begin_snapshot();
    b.snapshot_orders(n);
    for (uint64_t i = 5; i <= 9; ++i) b.live(i);
    EXPECT_FALSE(b.books.at(0).fresh());
    b.snapshot_ends(n);
    if (n < 5) {
      EXPECT_TRUE(b.feed.wants_snapshot()) << "4 is in neither";
      EXPECT_FALSE(b.books.at(0).fresh());
      continue;
    }
    for (uint64_t i = 10; i <= 20; ++i) b.live(i);
    EXPECT_TRUE(b.good_up_to(20));
  }
}

TEST(Feed, AHoleMakesStaleAndASnapshotHeals) {
  FeedBench b;
  for (uint64_t n = 1; n <= 5; ++n) b.live(n);
  b.feed.hole(6, 8);
  EXPECT_TRUE(b.feed.wants_snapshot());
  EXPECT_EQ(b.books.at(0).stale, kHole);
  b.live(8);
  b.feed.begin_snapshot();
  b.live(9);
  b.snapshot_orders(9);
  b.snapshot_ends(9);
  EXPECT_TRUE(b.good_up_to(9));
}

TEST(Feed, AHoleWhileLoadingIsHarmlessOnlyBeforeTheSnapshot) {
  for (const uint64_t n : {8u, 9u, 10u, 11u}) {
    FeedBench b;
    b.live(4);
    b.feed.begin_snapshot();
    b.live(5);
    b.feed.hole(6, 10);
    b.live(10);
    b.snapshot_orders(n);
    b.snapshot_ends(n);
    EXPECT_EQ(b.feed.live(), n >= 10) << n;
  }
}

// A snapshot older than a hole that came meanwhile is of no use, as often as it comes; the next
// one that is not heals.
TEST(Feed, ASnapshotOlderThanAHoleWhileLoadingStartsOver) {
  FeedBench b;
  b.live(4);
  b.feed.begin_snapshot();
  b.feed.hole(5, 10);
  for (int i = 0; i < 3; ++i) {
    b.snapshot_orders(8);
    b.snapshot_ends(8);
    EXPECT_TRUE(b.feed.wants_snapshot());
    EXPECT_FALSE(b.feed.live());
    EXPECT_FALSE(b.books.at(0).fresh());
    b.feed.begin_snapshot();
  }
  b.live(10);
  b.snapshot_orders(10);
  b.snapshot_ends(10);
  EXPECT_TRUE(b.good_up_to(10));
  EXPECT_EQ(b.feed.snapshots_merged(), 1u);
}

TEST(Feed, ACorruptBookWantsASnapshotAndTheOthersGoOnUntilItBegins) {
  Books books{BooksConfig{{"AAPL", "MSFT"}, 1'000, 1'000}};
  Feed feed{books, {16, 16 * 36}};
  const auto live = [&](uint64_t n, const auto& m) { feed.message(n, bytes_of_message(m)); };
  live(1, buy(1, 10));
  auto gone = itch::make<itch::OrderDelete>(1, 2);
  gone.reference = be64::of(77);
  live(2, gone);
  EXPECT_EQ(books.at(0).stale, kCorrupt);
  EXPECT_TRUE(books.at(1).fresh());
  EXPECT_TRUE(feed.live());
  EXPECT_TRUE(feed.wants_snapshot());
  feed.begin_snapshot();
  EXPECT_FALSE(feed.wants_snapshot());
  EXPECT_FALSE(books.at(1).fresh());
  live(3, buy(2, 10));
  feed.snapshot_message(bytes_of_message(buy(1, 10)), 4, 0);
  feed.snapshot_message(bytes_of_message(snapshot_end(3)), 4, 0);
  EXPECT_TRUE(books.at(0).fresh() && books.at(1).fresh());
  EXPECT_FALSE(feed.wants_snapshot());
  EXPECT_EQ(books.open_orders(), 2u);
}

// From the login on until it is accepted nothing is lost, and nothing that is good is given up.
TEST(Feed, WhatComesBeforeASnapshotBeginsIsAppliedAndKept) {
  FeedBench b;
  b.live(1);
  b.feed.keep_for_snapshot();
  b.live(2);
  b.live(3);
  EXPECT_TRUE(b.good_up_to(3));
  b.feed.begin_snapshot();
  b.live(4);
  b.snapshot_orders(2);
  b.snapshot_ends(2);
  EXPECT_TRUE(b.good_up_to(4));

  b.feed.keep_for_snapshot();
  b.live(5);
  b.feed.abandon_snapshot();
  for (uint64_t n = 6; n <= 40; ++n) b.live(n);  // nothing is kept any more
  EXPECT_TRUE(b.good_up_to(40));
}

TEST(Feed, AFullBookIsNotMendedByASnapshot) {
  Books books{BooksConfig{{"AAPL"}, 1, 1}};
  Feed feed{books, {16, 16 * 36}};
  for (uint64_t n = 1; n <= 2; ++n) feed.message(n, bytes_of_message(buy(n, 10)));
  EXPECT_EQ(books.at(0).stale, kFull);
  EXPECT_FALSE(feed.wants_snapshot());
}

TEST(Feed, TooMuchWhileLoadingOrAnAbandonedSnapshotStartsOver) {
  FeedBench b;
  b.feed.begin_snapshot();
  for (uint64_t n = 2; n <= 18; ++n) b.live(n);  // one more than is kept
  EXPECT_FALSE(b.feed.loading()) << "there is no need to wait for the rest of it";
  b.snapshot_orders(2);
  b.snapshot_ends(2);
  EXPECT_TRUE(b.feed.wants_snapshot());
  b.feed.begin_snapshot();
  b.snapshot_orders(5);
  b.feed.abandon_snapshot();
  EXPECT_TRUE(b.feed.wants_snapshot());
  EXPECT_FALSE(b.books.at(0).fresh());
}

TEST(Feed, ASnapshotBeforeAnyLiveMessageIsCheckedByTheFirst) {
  for (const uint64_t first : {5u, 6u, 7u}) {
    FeedBench b;
    b.feed.begin_snapshot();
    b.snapshot_orders(6);
    b.snapshot_ends(6);
    b.live(first);
    EXPECT_EQ(b.feed.live(), first <= 6) << first;
  }
}

// Of another day, of another stream, or a lie: what comes live would be taken for old.
TEST(Feed, ASnapshotOfFarAheadIsNotOfThisStream) {
  for (const uint64_t ahead : {1'000u, 1'001u}) {
    FeedBench b;
    b.live(4);
    b.feed.begin_snapshot();
    EXPECT_FALSE(b.feed.reached(5));
    b.feed.snapshot_message(bytes_of_message(snapshot_end(5 + ahead)), 5, 1'000);
    EXPECT_EQ(b.feed.live(), ahead == 1'000u);
    EXPECT_EQ(b.books.at(0).fresh(), ahead == 1'000u);
    EXPECT_EQ(b.feed.wants_snapshot(), ahead != 1'000u);
    if (ahead != 1'000u) continue;
    EXPECT_FALSE(b.feed.reached(1'004));
    EXPECT_TRUE(b.feed.reached(1'005));
  }
}

// Only heartbeats were heard: the stream is at 9 all the same.
TEST(Feed, ASnapshotOfBeforeAHeartbeatStartsOver) {
  for (const uint64_t n : {8u, 9u}) {
    FeedBench b;
    b.feed.begin_snapshot();
    b.snapshot_orders(n);
    b.feed.snapshot_message(bytes_of_message(snapshot_end(n)), 9, 0);
    EXPECT_EQ(b.feed.live(), n == 9) << n;
    EXPECT_EQ(b.books.at(0).fresh(), n == 9) << n;
  }
}

}  // namespace
}  // namespace pinion::book
