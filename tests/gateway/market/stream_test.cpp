// When books may be believed: behind a hole, in silence, at the start and the end; on a virtual
// clock.
#include "bench.h"
#include "gateway/market/market_of.h"

namespace pinion::market {
namespace {

TEST(MarketStream, BooksAreBehindWhileAHoleIsAskedFor) {
  Bench b;
  b.gets(Line::a, 1, 1);
  EXPECT_TRUE(b.all_fresh());
  b.gets(Line::a, 3, 1);
  EXPECT_TRUE(b.all_fresh()) << "the other line may bring it in this very moment";
  b.time_passes(200 * kMicro);
  EXPECT_EQ(b.aapl().stale, book::kBehind);
  EXPECT_EQ(b.request(), "2+1");
  EXPECT_EQ(b.stale_since(), "0 1 ");
  b.gets(Line::retransmit, 2, 1);
  EXPECT_TRUE(b.all_fresh());
  EXPECT_EQ(b.aapl().bids.size(), 3u);
  EXPECT_EQ(b.stale_since(), "");
}

TEST(MarketStream, OnceBehindTheyAreUntilNothingIsMissing) {
  Bench b;
  b.gets(Line::a, 1, 1);
  b.gets(Line::a, 4, 1);
  b.time_passes(200 * kMicro);
  b.gets(Line::b, 2, 1);
  EXPECT_EQ(b.stream.receiver().state(), moldudp64::ReceiverState::holding);
  EXPECT_EQ(b.aapl().stale, book::kBehind);
  b.gets(Line::b, 3, 1);
  EXPECT_TRUE(b.all_fresh());
}

TEST(MarketStream, AHoleThatIsGivenUpMakesThemStaleForGood) {
  Bench b;
  b.gets(Line::a, 1, 1);
  b.gets(Line::a, 3, 1);
  b.time_passes(200 * kMicro);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(b.request(), "2+1");
    b.time_passes(50 * kMilli);
  }
  EXPECT_EQ(b.stream.receiver().counters().given_up, 1u);
  EXPECT_EQ(b.aapl().stale, book::kHole);
  b.gets(Line::a, 4, 1);
  EXPECT_EQ(b.aapl().stale, book::kHole);
  EXPECT_EQ(b.stale_since(), "0 1 ") << "once, for both reasons";
  EXPECT_TRUE(b.stream.wants_snapshot());
}

// What was stale in between two looks is told, too: its orders may have been stopped by it.
TEST(MarketStream, AShortDoubtIsToldAfterwards) {
  Bench b;
  b.gets(Line::a, 1, 1);
  b.gets(Line::a, 3, 1);
  b.time_passes(200 * kMicro);
  b.gets(Line::b, 2, 1);
  EXPECT_TRUE(b.all_fresh());
  EXPECT_EQ(b.stale_since(), "0 1 ");
  EXPECT_EQ(b.stale_since(), "");
}

TEST(MarketStream, SilentWhenAllLinesAreSilent) {
  Bench b;
  b.gets(Line::a, 1, 1);
  b.gets(Line::b, 1, 1);
  const Nanos start = b.now;
  b.time_passes(2 * kSecond);
  b.gets(Line::b, 2, 0);
  b.time_passes(2 * kSecond);
  EXPECT_TRUE(b.stream.receiver().line_silent(Line::a, b.now));
  EXPECT_TRUE(b.all_fresh()) << "a line that died is what the other one is for";
  EXPECT_EQ(b.stream.next_deadline(), start + 5 * kSecond);
  b.time_passes(kSecond - 1);
  EXPECT_TRUE(b.all_fresh());
  b.time_passes(1);
  EXPECT_EQ(b.aapl().stale, book::kSilent);
  EXPECT_EQ(b.stale_since(), "0 1 ");
  EXPECT_EQ(b.stream.next_deadline(), kNever);
  b.gets(Line::retransmit, 1, 1);
  EXPECT_TRUE(b.stream.silent()) << "an answer is no line";
  b.gets(Line::a, 2, 0);
  EXPECT_TRUE(b.all_fresh()) << "nothing was missed";
}

TEST(MarketStream, OneLineAloneIsAllLines) {
  StreamConfig config = Bench::config(1);
  config.lines = 1;
  Bench b(config);
  b.gets(Line::a, 1, 1);
  b.time_passes(3 * kSecond);
  EXPECT_EQ(b.aapl().stale, book::kSilent);
}

TEST(MarketStream, SilentFromTheStartUntilSomethingIsHeard) {
  Bench b(Bench::config(0));
  b.time_passes(kMilli);
  EXPECT_EQ(b.aapl().stale, book::kNotStarted | book::kSilent);
  EXPECT_FALSE(b.stream.wants_snapshot()) << "there is nothing to merge it with";
  b.gets(Line::a, 7, 0);
  EXPECT_EQ(b.aapl().stale, book::kNotStarted);
  EXPECT_TRUE(b.stream.wants_snapshot());
  EXPECT_EQ(b.stale_since(), "") << "never fresh, so no news";
}

TEST(MarketStream, TheEndWantsNoSnapshot) {
  Bench b(Bench::config(0));
  b.gets(Line::a, 7, 1);
  EXPECT_TRUE(b.stream.wants_snapshot());
  b.gets(Line::a, 8, -1);
  EXPECT_TRUE(b.stream.feed().ended());
  EXPECT_FALSE(b.stream.wants_snapshot());
}

TEST(MarketOf, WhatTheRiskChecksSee) {
  book::Book book("AAPL", 8);
  book.stale = book::kFresh;
  book.trading_state = 'T';
  risk::Market m = market_of(book, 'Q');
  EXPECT_TRUE(m.live && m.trading && !m.short_sale_restricted);
  EXPECT_EQ(m.bid, 0);
  EXPECT_EQ(m.ask, 0);
  book.bids.add(10'000, 5);
  book.bids.add(9'900, 5);
  book.asks.add(10'200, 5);
  book.asks.add(10'100, 5);
  m = market_of(book, 'Q');
  EXPECT_EQ(m.bid, 10'000);
  EXPECT_EQ(m.ask, 10'100);
  for (const uint8_t why : {book::kNotStarted, book::kHole, book::kCorrupt, book::kFull,
                            book::kBehind, book::kSilent}) {
    book.stale = why;
    EXPECT_FALSE(market_of(book, 'Q').live) << int{why};
  }
  for (const char state : {'H', 'P', 'Q', '\0'}) {
    book.trading_state = state;
    EXPECT_FALSE(market_of(book, 'Q').trading) << state;
  }
  book.trading_state = 'T';
  for (const char hours : {'\0', 'S', 'Q', 'M'}) EXPECT_TRUE(market_of(book, hours).trading);
  for (const char hours : {'O', 'E', 'C'}) EXPECT_FALSE(market_of(book, hours).trading) << hours;
  for (const char action : {'1', '2'}) {
    book.reg_sho = action;
    EXPECT_TRUE(market_of(book, 'Q').short_sale_restricted) << action;
  }
  book.reg_sho = '0';
  EXPECT_FALSE(market_of(book, 'Q').short_sale_restricted);
}

}  // namespace
}  // namespace pinion::market
