// Each check at its limit and at its limit + 1, what the venue's answers do to what counts, and
// both against a model that counts everything anew after each of many random events.
#include "gateway/risk/risk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace pinion::risk {
namespace {

constexpr int64_t kRiskMs = 1'000'000;
constexpr Price kTen = 10 * kUnit;

Limits wide() {
  Limits l;
  l.max_order_shares = kSharesMax;
  l.max_order_notional = Amount{1} << 60;
  l.price_collar_bps = 10'000;
  l.max_open_orders = 1'000'000;
  l.max_gross_open_notional = Amount{1} << 60;
  l.max_daily_traded_notional = Amount{1} << 60;
  l.max_position_shares_per_symbol = int64_t{1} << 40;
  l.orders_per_s = 1000;
  l.burst_orders = 1000;
  l.duplicate_window_ms = 0;
  l.max_identical_orders = 1'000'000;
  l.short_sale_allowed = true;
  return l;
}

class RiskTest : public ::testing::Test {
 protected:
  RiskTest() : risk_({.accounts = 2, .symbols = 3, .orders_max = 100}, kill_) {
    EXPECT_EQ(kill_.open(""), 0);
    limit(wide());
  }
  void limit(const Limits& limits) { risk_.set_limits(0, limits), risk_.set_limits(1, limits); }
  Refusal buys(int64_t shares, Price price = kTen) { return sends(Side::buy, shares, price); }
  Refusal sends(Side side, int64_t shares, Price price = kTen, bool located = true) {
    return risk_.check_new({.id = ++last_,
                            .account = 0,
                            .symbol = 0,
                            .side = side,
                            .shares = shares,
                            .price = price,
                            .located = located},
                           market_, now_);
  }
  Refusal replaces(OrderId original, int64_t shares, Price price = kTen) {
    return risk_.check_replace(
        original, {.id = ++last_, .account = 0, .shares = shares, .price = price}, market_, now_);
  }
  const AccountState& account() { return risk_.account(0); }
  void expect_sums() {
    Amount notional = 0;
    int64_t bought = 0, sold = 0;
    uint32_t live = 0, all = 0;
    risk_.orders().each([&](const Order& o) {
      notional += o.reserved_notional;
      (is_buy(o.side) ? bought : sold) += o.reserved_shares;
      ++all, live += o.live;
      EXPECT_GE(o.reserved_shares, 0);
      EXPECT_GE(o.reserved_notional, 0);
      EXPECT_GE(o.reserved_price, o.price);
      if (o.live) {
        EXPECT_GT(o.leaves, 0);
        EXPECT_EQ(o.reserved_shares, o.leaves);
        EXPECT_EQ(o.reserved_notional, o.leaves * o.reserved_price);
        return;
      }
      // One of the two will trade: together they hold the larger.
      const Order* original = risk_.find(o.replaces);
      ASSERT_NE(original, nullptr);
      EXPECT_EQ(original->replaced_by, o.id);
      EXPECT_TRUE(original->live);
      EXPECT_EQ(original->leaves + o.reserved_shares, std::max(original->leaves, o.leaves));
      EXPECT_EQ(original->reserved_notional + o.reserved_notional,
                std::max(original->reserved_notional, o.leaves * o.reserved_price));
    });
    ASSERT_EQ(account().open_notional, notional);
    ASSERT_EQ(account().open_orders, live);
    ASSERT_EQ(risk_.symbol(0, 0).open_buys, bought);
    ASSERT_EQ(risk_.symbol(0, 0).open_sells, sold);
    ASSERT_EQ(risk_.orders().size(), all);
  }

  KillSwitch kill_;
  Risk risk_;
  Market market_{.live = true, .bid = kTen, .ask = kTen};
  int64_t now_ = 1'000'000'000;
  OrderId last_ = 0;
};

TEST_F(RiskTest, OrderShares) {
  Limits l = wide();
  l.max_order_shares = 500;
  limit(l);
  EXPECT_EQ(buys(500), Refusal::none);
  EXPECT_EQ(buys(501), Refusal::order_shares);
}

TEST_F(RiskTest, OrderNotional) {
  Limits l = wide();
  l.max_order_notional = 100 * kTen;
  limit(l);
  EXPECT_EQ(buys(100, kTen), Refusal::none);
  EXPECT_EQ(buys(100, kTen + 1), Refusal::order_notional);
  EXPECT_EQ(buys(101, kTen), Refusal::order_notional);
}

TEST_F(RiskTest, SizeAndPriceThatNoVenueTakes) {
  market_.bid = market_.ask = kPriceMax;
  EXPECT_EQ(buys(0), Refusal::bad_size);
  EXPECT_EQ(buys(-1), Refusal::bad_size);
  EXPECT_EQ(buys(kSharesMax, kPriceMax), Refusal::none);
  EXPECT_EQ(buys(kSharesMax + 1, kPriceMax), Refusal::bad_size);
  EXPECT_EQ(buys(1, kPriceMax + 1), Refusal::bad_price);
  EXPECT_EQ(buys(1, 0), Refusal::bad_price);
  EXPECT_EQ(buys(1, -5), Refusal::bad_price);
}

TEST_F(RiskTest, PriceCollarOnTheSideThatItWouldTradeWith) {
  Limits l = wide();
  l.price_collar_bps = 500;
  limit(l);
  market_ = {.live = true, .bid = 99'000, .ask = 100'000};
  EXPECT_EQ(buys(1, 105'000), Refusal::none);
  EXPECT_EQ(buys(1, 105'001), Refusal::price_collar);
  EXPECT_EQ(buys(1, 95'000), Refusal::none);
  EXPECT_EQ(buys(1, 94'999), Refusal::price_collar);
  l.self_trade_reject = false;
  limit(l);
  EXPECT_EQ(sends(Side::sell, 1, 94'050), Refusal::none);
  EXPECT_EQ(sends(Side::sell, 1, 94'049), Refusal::price_collar);
  market_.ask = 0;  // the other side then
  EXPECT_EQ(buys(1, 103'950), Refusal::none);
  EXPECT_EQ(buys(1, 103'951), Refusal::price_collar);
  market_.bid = 0;
  EXPECT_EQ(buys(1, 100'000), Refusal::no_reference_price);
}

TEST_F(RiskTest, MarketThatMustNotBeTraded) {
  market_.live = false;
  EXPECT_EQ(buys(1), Refusal::stale_book);
  market_.live = true, market_.trading = false;
  EXPECT_EQ(buys(1), Refusal::halted);
  market_.trading = true;
  risk_.set_restricted(0, true);
  EXPECT_EQ(buys(1), Refusal::restricted);
  risk_.set_restricted(0, false);
  EXPECT_EQ(buys(1), Refusal::none);
  EXPECT_EQ(risk_.check_new({.id = 99, .symbol = 3, .shares = 1, .price = kTen}, market_, now_),
            Refusal::unknown_symbol);
  EXPECT_EQ(risk_.check_new({.id = 99, .account = 2, .shares = 1, .price = kTen}, market_, now_),
            Refusal::unknown_symbol);
}

TEST_F(RiskTest, OpenOrders) {
  Limits l = wide();
  l.max_open_orders = 2;
  limit(l);
  EXPECT_EQ(buys(1), Refusal::none);
  EXPECT_EQ(buys(1), Refusal::none);
  EXPECT_EQ(buys(1), Refusal::open_orders);
  EXPECT_EQ(replaces(1, 5), Refusal::none);  // adds none
  EXPECT_TRUE(risk_.cancelled(2, 1));
  EXPECT_EQ(buys(1), Refusal::none);
}

TEST_F(RiskTest, GrossOpenNotional) {
  Limits l = wide();
  l.max_gross_open_notional = 1000 * kTen;
  limit(l);
  EXPECT_EQ(buys(400), Refusal::none);
  EXPECT_EQ(sends(Side::sell, 600, kTen + 1), Refusal::gross_open_notional);
  EXPECT_EQ(buys(600), Refusal::none);
  EXPECT_EQ(buys(1, 1), Refusal::gross_open_notional);
  EXPECT_TRUE(risk_.filled(1, 100, kTen));  // what has traded is not open
  EXPECT_EQ(buys(100), Refusal::none);
  EXPECT_EQ(account().open_notional, 1000 * kTen);
}

TEST_F(RiskTest, DailyTradedNotional) {
  Limits l = wide();
  l.max_daily_traded_notional = 1000 * kTen;
  limit(l);
  EXPECT_EQ(buys(900), Refusal::none);
  EXPECT_TRUE(risk_.filled(1, 900, kTen));
  EXPECT_EQ(account().traded_notional, 900 * kTen);
  EXPECT_EQ(buys(101), Refusal::daily_traded_notional);
  EXPECT_EQ(buys(100), Refusal::none);  // it could trade
  EXPECT_EQ(buys(1), Refusal::daily_traded_notional);
  risk_.broken(0, 0, Side::buy, 900, kTen);
  EXPECT_EQ(account().traded_notional, 0);
  EXPECT_EQ(risk_.symbol(0, 0).position, 0);
  EXPECT_EQ(buys(900), Refusal::none);
}

TEST_F(RiskTest, PositionOfEitherSignWithAllThatIsOpen) {
  Limits l = wide();
  l.max_position_shares_per_symbol = 100;
  l.self_trade_reject = false;
  limit(l);
  EXPECT_EQ(buys(60), Refusal::none);
  EXPECT_EQ(buys(41), Refusal::position);
  EXPECT_EQ(buys(40), Refusal::none);
  EXPECT_EQ(sends(Side::sell, 101), Refusal::position);  // open buys may never trade
  EXPECT_EQ(sends(Side::sell, 100), Refusal::none);
  EXPECT_TRUE(risk_.filled(1, 60, kTen));
  EXPECT_EQ(risk_.symbol(0, 0).position, 60);
  EXPECT_EQ(sends(Side::sell, 61), Refusal::position);
  EXPECT_EQ(sends(Side::sell, 60), Refusal::none);
}

TEST_F(RiskTest, Rate) {
  Limits l = wide();
  l.orders_per_s = 1000;
  l.burst_orders = 5;
  limit(l);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(buys(1), Refusal::none) << i;
  EXPECT_EQ(buys(1), Refusal::rate);
  now_ += kRiskMs - 1;
  EXPECT_EQ(buys(1), Refusal::rate);
  now_ += 1;
  EXPECT_EQ(buys(1), Refusal::none);
  EXPECT_EQ(buys(1), Refusal::rate);
  int passed = 0;  // in the long run
  for (int i = 0; i < 100'000; ++i, now_ += 10'000) {
    if (buys(1) != Refusal::none) continue;
    ++passed;
    EXPECT_TRUE(risk_.cancelled(last_, 1));
  }
  EXPECT_LE(passed, 1000);
  EXPECT_GE(passed, 999);
}

TEST_F(RiskTest, DuplicatesWithinTheWindow) {
  Limits l = wide();
  l.duplicate_window_ms = 500;
  l.max_identical_orders = 3;
  limit(l);
  EXPECT_EQ(buys(7), Refusal::none);
  now_ += 100 * kRiskMs;
  EXPECT_EQ(buys(7), Refusal::none);
  EXPECT_EQ(buys(7), Refusal::none);
  EXPECT_EQ(buys(7), Refusal::duplicate);
  EXPECT_EQ(buys(8), Refusal::none);  // not identical
  EXPECT_EQ(buys(7, kTen - 1), Refusal::none);
  now_ += 400 * kRiskMs - 1;
  EXPECT_EQ(buys(7), Refusal::duplicate);
  now_ += 1;  // the first is out of it
  EXPECT_EQ(buys(7), Refusal::none);
  EXPECT_EQ(buys(7), Refusal::duplicate);
}

// Against the obvious way: all that passed within the window, counted. Far more orders than the
// account's ring remembers, few enough different ones.
TEST_F(RiskTest, DuplicatesAreThoseOfTheObviousWay) {
  Limits l = wide();
  l.orders_per_s = 2000, l.burst_orders = 100;
  l.duplicate_window_ms = 100;
  l.max_identical_orders = 2;
  limit(l);
  struct Passed {
    int64_t at, shares;
    Price price;
  };
  std::vector<Passed> passed;
  std::mt19937 random(11);
  int duplicates = 0;
  for (int i = 0; i < 20'000; ++i) {
    now_ += static_cast<int64_t>(random() % (2 * kRiskMs));
    const auto shares = 1 + static_cast<int64_t>(random() % 5);
    const Price price = kTen - static_cast<Price>(random() % 8);
    const auto same = std::ranges::count_if(passed, [&](const Passed& p) {
      return p.at > now_ - 100 * kRiskMs && p.shares == shares && p.price == price;
    });
    const Refusal r = buys(shares, price);
    if (r == Refusal::rate) continue;
    ASSERT_EQ(r, same >= 2 ? Refusal::duplicate : Refusal::none) << "order " << i;
    duplicates += r == Refusal::duplicate;
    if (r != Refusal::none) continue;
    ASSERT_TRUE(risk_.withdrawn(last_));
    passed.push_back({now_, shares, price});
    if (passed.size() > 400) passed.erase(passed.begin(), passed.begin() + 100);
  }
  EXPECT_GT(duplicates, 1000);
}

TEST_F(RiskTest, SelfTradeOfAnyAccount) {
  ASSERT_EQ(
      risk_.check_new({.id = 50, .account = 1, .side = Side::sell, .shares = 1, .price = kTen},
                      market_, now_),
      Refusal::none);
  EXPECT_EQ(buys(1, kTen - 1), Refusal::none);
  EXPECT_EQ(buys(1, kTen), Refusal::self_trade);
  EXPECT_EQ(sends(Side::sell, 1, kTen - 1), Refusal::self_trade);
  EXPECT_EQ(sends(Side::sell, 1, kTen), Refusal::none);
  EXPECT_TRUE(risk_.cancelled(50, 1));
  EXPECT_EQ(buys(1, kTen), Refusal::self_trade);  // the other one is still there
  EXPECT_TRUE(risk_.filled(last_ - 1, 1, kTen));
  EXPECT_EQ(buys(1, kTen), Refusal::none);
  Limits l = wide();
  l.self_trade_reject = false;
  limit(l);
  EXPECT_EQ(sends(Side::sell, 1, kTen), Refusal::none);
}

TEST_F(RiskTest, ShortSale) {
  market_ = {.live = true, .bid = kTen, .ask = kTen + 100};
  EXPECT_EQ(sends(Side::sell_short, 1, kTen, true), Refusal::none);
  EXPECT_EQ(sends(Side::sell_short, 1, kTen, false), Refusal::locate);
  market_.short_sale_restricted = true;  // rule 201: above the best bid
  EXPECT_EQ(sends(Side::sell_short, 1, kTen + 1), Refusal::none);
  EXPECT_EQ(sends(Side::sell_short, 1, kTen), Refusal::reg_sho);
  EXPECT_EQ(sends(Side::sell_short_exempt, 1, kTen, false), Refusal::none);
  EXPECT_EQ(sends(Side::sell, 1, kTen), Refusal::none);
  market_.bid = 0;  // nobody knows what is above it
  EXPECT_EQ(sends(Side::sell_short, 1, kTen + 1), Refusal::reg_sho);
  Limits l = wide();
  l.short_sale_allowed = false;
  limit(l);
  EXPECT_EQ(sends(Side::sell_short, 1), Refusal::short_sale);
  EXPECT_EQ(sends(Side::sell_short_exempt, 1), Refusal::short_sale);
}

TEST_F(RiskTest, KillSwitchStopsOrdersAndReplacements) {
  EXPECT_EQ(buys(1), Refusal::none);
  kill_.trip("test");
  EXPECT_EQ(buys(1), Refusal::killed);
  EXPECT_EQ(replaces(1, 2), Refusal::killed);
  EXPECT_TRUE(risk_.cancelled(1, 1));  // what the venue says counts all the same
  EXPECT_EQ(kill_.unkill(), 0);
  EXPECT_EQ(buys(1), Refusal::none);
}

TEST_F(RiskTest, ManyRejectsThrowTheSwitch) {
  Limits l = wide();
  l.reject_burst = 3;
  l.reject_burst_window_ms = 1000;
  l.max_order_shares = 10;
  limit(l);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(buys(11), Refusal::order_shares);
  now_ += 1000 * kRiskMs;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(buys(11), Refusal::order_shares);
  EXPECT_FALSE(kill_.thrown());
  EXPECT_EQ(buys(5), Refusal::none);
  EXPECT_TRUE(risk_.rejected(last_, now_));  // by the venue: that one too
  EXPECT_FALSE(kill_.thrown());
  EXPECT_EQ(buys(11), Refusal::order_shares);
  EXPECT_TRUE(kill_.thrown());
  EXPECT_EQ(buys(5), Refusal::killed);
}

TEST_F(RiskTest, ReplacementCountsWithWhatItAdds) {
  Limits l = wide();
  l.max_gross_open_notional = 1000 * kTen;
  l.max_position_shares_per_symbol = 1000;
  limit(l);
  EXPECT_EQ(buys(600), Refusal::none);  // 1
  EXPECT_EQ(replaces(1, 1001), Refusal::gross_open_notional);
  EXPECT_EQ(replaces(1, 1000), Refusal::none);  // 3
  EXPECT_EQ(account().open_notional, 1000 * kTen);
  EXPECT_EQ(replaces(1, 10), Refusal::replace_in_flight);
  EXPECT_TRUE(risk_.rejected(3, now_));
  EXPECT_EQ(account().open_notional, 600 * kTen);
  EXPECT_EQ(account().open_orders, 1u);
  EXPECT_EQ(replaces(1, 10), Refusal::none);  // 5: less, and still all of the first counts
  EXPECT_EQ(account().open_notional, 600 * kTen);
  EXPECT_TRUE(risk_.filled(1, 100, kTen));  // crosses it on the wire
  EXPECT_TRUE(risk_.replaced(1, 5, 10, kTen));
  EXPECT_EQ(account().open_notional, 10 * kTen);
  EXPECT_EQ(account().open_orders, 1u);
  EXPECT_FALSE(risk_.filled(1, 1, kTen));
  EXPECT_EQ(replaces(5, 20), Refusal::none);  // 6
  EXPECT_TRUE(risk_.filled(5, 10, kTen));     // and now there is nothing to replace
  EXPECT_EQ(risk_.orders().size(), 0u);
  EXPECT_EQ(account().open_notional, 0);
  EXPECT_EQ(replaces(5, 20), Refusal::unknown_order);
}

// A sale trades at the bid when that is better than its limit.
TEST_F(RiskTest, SaleBelowTheBidIsWorthTheBid) {
  Limits l = wide();
  l.max_order_notional = 100 * (kTen + 500);
  l.max_gross_open_notional = 200 * (kTen + 500);
  limit(l);
  market_.bid = kTen + 501;
  EXPECT_EQ(sends(Side::sell, 100), Refusal::order_notional);
  market_.live = false;  // what a stale book says is not believed
  EXPECT_EQ(sends(Side::sell, 100), Refusal::stale_book);
  market_.live = true;
  market_.bid = kTen + 500;
  EXPECT_EQ(sends(Side::sell, 100), Refusal::none);  // 3
  EXPECT_EQ(account().open_notional, 100 * (kTen + 500));
  EXPECT_EQ(risk_.find(3)->price, kTen);
  EXPECT_EQ(sends(Side::sell, 100), Refusal::none);  // 4: at the limit
  EXPECT_EQ(sends(Side::sell, 1, 1), Refusal::gross_open_notional);
  EXPECT_TRUE(risk_.cancelled(4, 100));
  market_.bid = 0;
  EXPECT_EQ(sends(Side::sell, 100, kTen + 500), Refusal::none);  // no bid: its own price
  EXPECT_EQ(sends(Side::sell, 1, 1), Refusal::gross_open_notional);
}

TEST_F(RiskTest, BidAboveEveryPriceDoesNotOverflow) {
  market_.bid = market_.ask = INT64_MAX / 20'000;
  EXPECT_EQ(sends(Side::sell, kSharesMax), Refusal::none);
  EXPECT_EQ(account().open_notional, kSharesMax * kPriceMax);  // no venue has a higher one
}

// The bid was higher still when it got there: what was reserved goes, what was paid counts.
TEST_F(RiskTest, FillAboveWhatWasReserved) {
  Limits l = wide();
  l.max_daily_traded_notional = 1000 * kTen;
  limit(l);
  EXPECT_EQ(sends(Side::sell, 100), Refusal::none);  // 1
  EXPECT_TRUE(risk_.filled(1, 40, 3 * kTen));
  EXPECT_EQ(account().open_notional, 60 * kTen);
  EXPECT_EQ(account().traded_notional, 120 * kTen);
  EXPECT_TRUE(risk_.filled(1, 60, 10 * kTen));
  EXPECT_EQ(account().open_notional, 0);
  EXPECT_EQ(account().traded_notional, 720 * kTen);
  EXPECT_EQ(risk_.orders().size(), 0u);
  EXPECT_EQ(sends(Side::sell, 281), Refusal::daily_traded_notional);
  EXPECT_EQ(sends(Side::sell, 280), Refusal::none);
}

// 100 at 10 dollars, becoming 150 at 5: after 60 of them have traded the rest of the replacement is
// worth more than what is left of the original.
TEST_F(RiskTest, FillWhileTheReplacementIsOnItsWay) {
  Limits l = wide();
  l.max_gross_open_notional = 1000 * kTen;
  l.max_position_shares_per_symbol = 150;
  limit(l);
  market_.ask = kTen, market_.bid = kTen;
  EXPECT_EQ(buys(100), Refusal::none);  // 1
  EXPECT_EQ(replaces(1, 151, kTen / 2), Refusal::position);
  EXPECT_EQ(replaces(1, 150, kTen / 2), Refusal::none);  // 3
  EXPECT_EQ(account().open_notional, 100 * kTen);
  EXPECT_TRUE(risk_.filled(1, 60, kTen));
  EXPECT_EQ(account().open_notional, 90 * kTen / 2);  // of the replacement, and not of 40 at 10
  EXPECT_EQ(risk_.symbol(0, 0).open_buys, 90);
  EXPECT_EQ(buys(1), Refusal::position);
  EXPECT_TRUE(risk_.replaced(1, 3, 90, kTen / 2));
  EXPECT_EQ(account().open_notional, 90 * kTen / 2);
  EXPECT_EQ(risk_.symbol(0, 0).open_buys, 90);
}

// Cancelled shares are not executed: the replacement is as large as before.
TEST_F(RiskTest, CancelWhileTheReplacementIsOnItsWay) {
  Limits l = wide();
  l.max_position_shares_per_symbol = 100;
  l.max_gross_open_notional = 101 * kTen;
  limit(l);
  EXPECT_EQ(buys(80), Refusal::none);          // 1
  EXPECT_EQ(replaces(1, 100), Refusal::none);  // 2
  EXPECT_TRUE(risk_.cancelled(1, 30));
  EXPECT_EQ(risk_.symbol(0, 0).open_buys, 100);
  EXPECT_EQ(account().open_notional, 100 * kTen);
  EXPECT_EQ(buys(1), Refusal::position);
  EXPECT_TRUE(risk_.rejected(2, now_));
  EXPECT_EQ(account().open_notional, 50 * kTen);
  EXPECT_EQ(buys(50), Refusal::none);
}

// What has traded already is no part of the replacement's shares.
TEST_F(RiskTest, ReplacementAfterAFill) {
  Limits l = wide();
  l.max_position_shares_per_symbol = 100;
  limit(l);
  EXPECT_EQ(buys(100), Refusal::none);  // 1
  EXPECT_TRUE(risk_.filled(1, 60, kTen));
  EXPECT_EQ(replaces(1, 41), Refusal::position);
  EXPECT_EQ(replaces(1, 40), Refusal::none);  // 3
  EXPECT_TRUE(risk_.filled(1, 39, kTen));
  EXPECT_TRUE(risk_.replaced(1, 3, 1, kTen));
  EXPECT_EQ(account().open_notional, kTen);
  EXPECT_EQ(buys(1), Refusal::position);
}

TEST_F(RiskTest, ReplacementOfASaleAtTheHigherBid) {
  Limits l = wide();
  l.max_gross_open_notional = 100 * (kTen + 200);
  limit(l);
  EXPECT_EQ(sends(Side::sell, 100, kTen + 100), Refusal::none);  // 1
  market_.bid = kTen + 201;
  EXPECT_EQ(replaces(1, 100), Refusal::gross_open_notional);
  market_.bid = kTen + 200;
  EXPECT_EQ(replaces(1, 100), Refusal::none);  // 3
  EXPECT_EQ(account().open_notional, 100 * (kTen + 200));
  EXPECT_TRUE(risk_.replaced(1, 3, 100, kTen));  // it may still meet that bid
  EXPECT_EQ(account().open_notional, 100 * (kTen + 200));
  EXPECT_TRUE(risk_.filled(3, 100, kTen + 200));
  EXPECT_EQ(account().open_notional, 0);
}

TEST_F(RiskTest, ReplacementIsNotReplacedBeforeItLives) {
  EXPECT_EQ(buys(10), Refusal::none);         // 1
  EXPECT_EQ(replaces(1, 20), Refusal::none);  // 2
  EXPECT_EQ(replaces(2, 30), Refusal::replace_in_flight);
  EXPECT_TRUE(risk_.replaced(1, 2, 20, kTen));
  EXPECT_EQ(replaces(2, 30), Refusal::none);
}

TEST_F(RiskTest, AdoptedOrdersAndReplacements) {
  Limits l = wide();
  l.max_order_shares = 10;  // what has happened is not checked
  limit(l);
  kill_.trip("test");
  EXPECT_TRUE(risk_.adopt({.id = 1, .shares = 100, .price = kTen}));
  EXPECT_FALSE(risk_.adopt({.id = 1, .shares = 100, .price = kTen}));
  EXPECT_FALSE(risk_.adopt({.id = 2, .account = 2, .shares = 100, .price = kTen}));
  EXPECT_FALSE(risk_.adopt({.id = 2, .symbol = 3, .shares = 100, .price = kTen}));
  EXPECT_FALSE(risk_.adopt({.id = 2, .shares = kSharesMax + 1, .price = kTen}));
  EXPECT_FALSE(risk_.adopt_replacement(9, {.id = 2, .shares = 120, .price = kTen}));
  EXPECT_FALSE(risk_.adopt_replacement(1, {.id = 2, .account = 1, .shares = 120, .price = kTen}));
  EXPECT_FALSE(risk_.adopt_replacement(1, {.id = 2, .shares = 0, .price = kTen}));
  EXPECT_TRUE(risk_.adopt_replacement(1, {.id = 2, .shares = 120, .price = kTen}));
  EXPECT_FALSE(risk_.adopt_replacement(1, {.id = 3, .shares = 120, .price = kTen}));
  EXPECT_FALSE(risk_.adopt_replacement(2, {.id = 3, .shares = 120, .price = kTen}));
  EXPECT_EQ(account().open_orders, 1u);
  EXPECT_EQ(account().open_notional, 120 * kTen);
  EXPECT_FALSE(risk_.find(2)->live);
  EXPECT_EQ(risk_.find(2)->replaces, 1u);
  EXPECT_TRUE(risk_.filled(1, 30, kTen));
  EXPECT_TRUE(risk_.replaced(1, 2, 90, kTen));
  EXPECT_EQ(account().open_notional, 90 * kTen);
  EXPECT_EQ(risk_.find(1), nullptr);
}

TEST_F(RiskTest, EventsThatCannotBe) {
  EXPECT_EQ(buys(10), Refusal::none);
  EXPECT_FALSE(risk_.filled(1, 11, kTen));
  EXPECT_FALSE(risk_.filled(1, 0, kTen));
  EXPECT_FALSE(risk_.filled(9, 1, kTen));
  EXPECT_FALSE(risk_.cancelled(1, 11));
  EXPECT_FALSE(risk_.replaced(1, 9, 1, kTen));
  EXPECT_FALSE(risk_.rejected(9, now_));
  last_ = 0;
  EXPECT_EQ(buys(10), Refusal::duplicate_id);
  EXPECT_EQ(account().open_orders, 1u);
}

// Limits that were lowered: an order may get smaller.
TEST_F(RiskTest, ReloadLetsOrdersShrink) {
  EXPECT_EQ(buys(500), Refusal::none);
  Limits l = wide();
  l.max_gross_open_notional = 100 * kTen;
  l.max_position_shares_per_symbol = 100;
  limit(l);
  EXPECT_EQ(buys(1), Refusal::gross_open_notional);
  EXPECT_EQ(replaces(1, 501), Refusal::gross_open_notional);
  EXPECT_EQ(replaces(1, 400), Refusal::none);
}

TEST_F(RiskTest, NoLimitsNoOrders) {
  limit(Limits{});
  EXPECT_NE(buys(1), Refusal::none);
}

// Sums against a count from the beginning.
TEST_F(RiskTest, RandomEventsAgainstAModel) {
  std::mt19937_64 rng(7);
  Limits l = wide();
  l.self_trade_reject = false;
  l.max_order_shares = 100;
  l.max_gross_open_notional = 2000 * kTen;
  l.max_position_shares_per_symbol = 1500;
  l.orders_per_s = 1'000'000'000;
  limit(l);
  std::vector<OrderId> ids;
  std::map<OrderId, OrderId> replacing;  // replacement: original
  int64_t position = 0;
  const auto any = [&] { return ids.empty() ? OrderId{1} : ids[rng() % ids.size()]; };
  for (int i = 0; i < 100'000; ++i) {
    now_ += kRiskMs;
    market_.bid = kTen - 30 + static_cast<Price>(rng() % 60);
    const auto shares = static_cast<int64_t>(rng() % 110);
    const Price price = kTen - 50 + static_cast<Price>(rng() % 100);
    const OrderId id = any();
    const Order* before = risk_.find(id);
    const Side side = before == nullptr ? Side::buy : before->side;
    switch (rng() % 6) {
      case 0:
        if (sends(rng() % 2 == 0 ? Side::buy : Side::sell, shares, price) == Refusal::none)
          ids.push_back(last_);
        break;
      case 1:
        if (replaces(id, shares, price) == Refusal::none) {
          ids.push_back(last_);
          replacing[last_] = id;
        }
        break;
      case 2:
        if (risk_.filled(id, shares % 30, price))
          position += is_buy(side) ? shares % 30 : -(shares % 30);
        break;
      case 3: (void)risk_.cancelled(id, shares); break;
      case 4: (void)risk_.rejected(id, now_); break;
      case 5:
        if (replacing.contains(id)) (void)risk_.replaced(replacing[id], id, shares + 1, price);
        break;
    }
    if (ids.size() > 200) ids.erase(ids.begin(), ids.begin() + 100);
    ASSERT_NO_FATAL_FAILURE(expect_sums()) << i;
    ASSERT_EQ(risk_.symbol(0, 0).position, position) << i;
  }
  EXPECT_GT(account().passed, 3000u);
  EXPECT_GT(account().refused, 5000u);
}

}  // namespace
}  // namespace pinion::risk
