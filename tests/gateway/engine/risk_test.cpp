// Every check of an order through the whole path: at its limit an order passes to the venue, one
// beyond it is answered with a reason, and no byte of it leaves.
#include "bed.h"

namespace pinion::gateway::test {
namespace {

struct Case {
  const char* name;
  std::function<void(risk::Limits&)> limits;
  std::vector<Terms> before;  // orders that pass, the last one at the limit
  Terms beyond;
  const char* refused;  // OrdRejReason (103) and Text (58)
};

void expect_refused(Bed& bed, const Terms& terms, const std::string& why) {
  const size_t bytes = bed.venue.bytes_received();
  const size_t answers = bed.client().count();
  bed.client().order("BEYOND", terms);
  bed.turn();
  EXPECT_EQ(bed.client().told({35, 11, 150, 39, 103, 58}), "8|BEYOND|8|8|" + why);
  EXPECT_EQ(bed.client().count(), answers + 1);
  EXPECT_EQ(bed.venue.bytes_received(), bytes) << "something of it has left";
}

void expect_passes(Bed& bed, const std::string& id, const Terms& terms) {
  const size_t orders = bed.venue.requests('O');
  bed.client().order(id, terms);
  bed.turn();
  EXPECT_EQ(bed.venue.requests('O'), orders + 1) << id << bed.client().told({58});
}

void run(const Case& c) {
  SCOPED_TRACE(c.name);
  Bed bed([&](Config& config) {
    risk::Limits& limits = config.risk.profiles[0].limits;
    if (c.limits) c.limits(limits);
  });
  bed.trades();
  for (size_t i = 0; i < c.before.size(); ++i)
    expect_passes(bed, "A" + std::to_string(i + 1), c.before[i]);
  expect_refused(bed, c.beyond, c.refused);
  EXPECT_EQ(bed.client().rejects, 0u);
}

constexpr risk::Amount dollars(int64_t n) { return n * risk::kUnit; }

const std::vector<Case> kSizes{
    {"order shares", [](auto& l) { l.max_order_shares = 100; },
     {{.shares = 100}}, {.shares = 101}, "3|order shares"},
    {"order notional", [](auto& l) { l.max_order_notional = dollars(10'000); },
     {{.shares = 100}}, {.shares = 100, .price = 1'000'001}, "3|order notional"},
    {"a sale's notional is that at the bid", [](auto& l) { l.max_order_notional = dollars(9'900); },
     {{.shares = 100, .price = 980'000, .side = '2'}},
     {.shares = 101, .price = 980'000, .side = '2'}, "3|order notional"},
    {"collar of a buy", [](auto& l) { l.price_collar_bps = 500; },
     {{.price = 1'060'500}}, {.price = 1'060'501}, "3|price collar"},
    {"collar of a sale", [](auto& l) { l.price_collar_bps = 500; },
     {{.price = 940'500, .side = '2'}}, {.price = 940'499, .side = '2'}, "3|price collar"},
    {"no reference", {}, {}, {.symbol = "QUIET"}, "0|no reference price"},
};

const std::vector<Case> kTotals{
    {"open orders", [](auto& l) { l.max_open_orders = 2; }, {{}, {}}, {}, "3|open orders"},
    {"gross", [](auto& l) { l.max_gross_open_notional = dollars(20'000); },
     {{.shares = 199}, {.shares = 1}}, {.shares = 1}, "3|gross open notional"},
    {"daily, of what has traded", [](auto& l) { l.max_daily_traded_notional = dollars(20'200); },
     {{.shares = 200, .price = 1'010'000}}, {.shares = 1}, "3|daily traded notional"},
    {"position", [](auto& l) { l.max_position_shares_per_symbol = 100; },
     {{.shares = 50, .price = 1'010'000}, {.shares = 50}}, {.shares = 1}, "3|position"},
    {"position of the other side", [](auto& l) { l.max_position_shares_per_symbol = 100; },
     {{.shares = 100}, {.shares = 100, .price = 1'020'000, .side = '2'}},
     {.shares = 1, .price = 1'020'000, .side = '2'}, "3|position"},
    {"rate", [](auto& l) { l.orders_per_s = 1, l.burst_orders = 2; }, {{}, {}}, {}, "3|rate"},
    {"duplicate", [](auto& l) { l.duplicate_window_ms = 500, l.max_identical_orders = 2; },
     {{}, {}, {.shares = 101}}, {}, "3|duplicate"},
};

const std::vector<Case> kRules{
    {"self trade", [](auto& l) { l.self_trade_reject = true; },
     {{.price = 1'000'000}, {.price = 1'000'100, .side = '2'}},
     {.price = 1'000'000, .side = '2'}, "3|self trade"},
    {"short sales", [](auto& l) { l.short_sale_allowed = false; },
     {{.price = 1'020'000, .side = '2'}}, {.price = 1'020'000, .side = '5', .located = true},
     "3|short sale"},
    {"locate", {}, {{.price = 1'020'000, .side = '5', .located = true}},
     {.price = 1'020'000, .side = '5'}, "3|locate"},
    {"unknown symbol", {}, {{}}, {.symbol = "NOSUCH"}, "1|unknown symbol"},
    {"no shares", {}, {{.shares = 1}}, {.shares = 0}, "0|OrderQty is not 1 to 999999"},
};

TEST(EngineRisk, Sizes) {
  for (const Case& c : kSizes) run(c);
}
TEST(EngineRisk, Totals) {
  for (const Case& c : kTotals) run(c);
}
TEST(EngineRisk, Rules) {
  for (const Case& c : kRules) run(c);
}

TEST(EngineRisk, ShortSalesUnderRule201) {
  Bed bed;
  bed.trades();
  bed.venue.market.set_reg_sho(TestVenue::kAapl, '1', 5);
  bed.turn();
  expect_passes(bed, "A1", {.price = 990'100, .side = '5', .located = true});
  expect_refused(bed, {.price = 990'000, .side = '5', .located = true}, "3|reg sho");
  expect_passes(bed, "A2", {.price = 990'000, .side = '6'});
}

TEST(EngineRisk, RestrictedAndHalted) {
  Bed bed([](Config& c) { c.risk.profiles[0].restricted_symbols = {"MSFT"}; });
  bed.trades();
  expect_refused(bed, {.symbol = "MSFT"}, "0|restricted");
  expect_passes(bed, "A1", {});
  bed.venue.market.set_state(TestVenue::kAapl, 'H', 5);
  bed.turn();
  bed.client().order("HALT", {});
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 150, 103, 58}), "HALT|8|0|halted");
  bed.venue.market.set_state(TestVenue::kAapl, 'T', 6);
  bed.turn();
  expect_passes(bed, "A2", {});
}

TEST(EngineRisk, AgainstABookThatIsSilent) {
  Bed bed([](Config& c) { c.venue.market_data.line_silence = 3 * kSecond; });
  bed.trades();
  bed.venue.silent_lines = true;
  bed.passes(2 * kSecond);
  expect_passes(bed, "A1", {});
  bed.passes(2 * kSecond);
  expect_refused(bed, {}, "0|stale book");
  bed.venue.silent_lines = false;
  bed.passes(2 * kSecond);
  expect_passes(bed, "A2", {});
}

TEST(EngineRisk, BeforeTheVenueIsThereNothingPasses) {
  Bed bed;
  bed.network.peer_is_gone(kVenue);
  bed.client().connect(bed.now);
  bed.passes(kSecond);
  expect_refused(bed, {}, "0|venue not connected");
  bed.network.peer_listens(kVenue);
  bed.passes(5 * kSecond);
  expect_passes(bed, "A1", {});
}

TEST(EngineRisk, NoMoreThanTheVenueTakes) {
  Bed bed([](Config& c) {
    c.venue.order_entry.orders_per_s = 1;
    c.venue.order_entry.burst_orders = 2;
  });
  bed.trades();
  expect_passes(bed, "A1", {});
  expect_passes(bed, "A2", {});
  expect_refused(bed, {}, "3|venue throttle");
  bed.passes(kSecond);
  expect_passes(bed, "A3", {});
}

// Refused ones must not use up the day: at the end there is still room for orders and for cancels.
TEST(EngineRisk, RefusedOrdersDoNotUseUpTheDay) {
  Bed bed([](Config& c) { c.orders_per_day_max = 64; });
  bed.trades();
  for (int i = 0; i < 200; ++i) {
    bed.client().order("BAD" + std::to_string(i), {.symbol = "NOSUCH"});
    bed.turn(3);
  }
  EXPECT_EQ(bed.client().count(103, "1"), 200u);
  expect_passes(bed, "A1", {});
  bed.client().cancel("X1", "A1");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 41, 150, 39}), "X1|A1|4|4");
}

TEST(EngineRisk, TheDayIsFull) {
  Bed bed([](Config& c) { c.orders_per_day_max = 8; });
  bed.trades();
  for (int i = 1; i <= 4; ++i) expect_passes(bed, "A" + std::to_string(i), {});
  expect_refused(bed, {}, "0|no more orders today: orders_per_day_max");
  for (const std::string n : {"1", "2", "3", "4"}) bed.client().cancel("X" + n, "A" + n);
  bed.turn();
  EXPECT_EQ(bed.client().count(150, "4"), 4u);
}

// A replacement passes the same checks, for what it adds.
TEST(EngineRisk, Replacements) {
  Bed bed([](Config& c) {
    c.risk.profiles[0].limits.max_order_shares = 200;
    c.risk.profiles[0].limits.max_gross_open_notional = dollars(20'000);
  });
  bed.trades();
  expect_passes(bed, "A1", {});
  bed.client().replace("A2", "A1", {.shares = 200});
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 41, 150, 39, 38}), "A2|A1|5|5|200");
  const size_t bytes = bed.venue.bytes_received();
  bed.client().replace("A3", "A2", {.shares = 201});
  bed.turn();
  EXPECT_EQ(bed.client().told({35, 11, 41, 39, 434, 102, 58}), "9|A3|A2|0|2|2|order shares");
  bed.client().replace("A4", "A2", {.shares = 200, .price = 1'000'001});
  bed.turn();
  EXPECT_EQ(bed.client().told({35, 11, 58}), "9|A4|gross open notional");
  EXPECT_EQ(bed.venue.bytes_received(), bytes) << "something of it has left";
}

}  // namespace
}  // namespace pinion::gateway::test
