// Random orders, replacements and cancels against the venue's real books, with a connection that
// breaks and a gateway that dies at any call: every request is answered once, nothing is sent
// twice, and both sides agree on what was traded.
#include <algorithm>
#include <cstdlib>

#include "world.h"

namespace pinion::gateway::test {
namespace {

size_t count(const Told& t, std::initializer_list<ReportKind> kinds) {
  return static_cast<size_t>(std::ranges::count_if(
      t.kinds, [&](ReportKind k) { return std::ranges::find(kinds, k) != kinds.end(); }));
}

void expect_answered_once(const std::string& id, const Told& t) {
  using enum ReportKind;
  switch (t.type) {
    case 'D': EXPECT_EQ(count(t, {accepted, refused}), 1u) << id; break;
    case 'G': EXPECT_EQ(count(t, {replaced, replace_refused}), 1u) << id; break;
    default: EXPECT_EQ(count(t, {cancelled, expired, cancel_refused}), 1u) << id;
  }
}

void expect_settled(World& w) {
  for (const auto& [id, t] : w.told) expect_answered_once(id, t);
  EXPECT_EQ(w.orders->open_orders(0), 0u);
  EXPECT_EQ(w.orders->first_cancel(), kNone);
  uint64_t shares = 0;
  int64_t position = 0;
  for (uint32_t i = 0; i < w.orders->order_count(); ++i) {
    const Order& o = w.orders->order(i);
    shares += o.executed;
    position += is_buy(o.side) ? int64_t{o.executed} : -int64_t{o.executed};
    EXPECT_EQ(o.replace, kNone);
    EXPECT_EQ(o.cancel, kNone);
  }
  EXPECT_EQ(shares, w.shares_told);
  EXPECT_EQ(shares, w.accounts.counters(0).shares);
  EXPECT_EQ(position, w.accounts.position(0));
  int64_t at_risk = 0;
  for (uint32_t s = 0; s < w.names.size(); ++s) {
    at_risk += w.risk->symbol(0, s).position;
    EXPECT_EQ(w.risk->symbol(0, s).open_buys, 0);
    EXPECT_EQ(w.risk->symbol(0, s).open_sells, 0);
  }
  EXPECT_EQ(at_risk, position);
  EXPECT_EQ(w.risk->account(0).open_orders, 0u);
  EXPECT_EQ(w.risk->account(0).open_notional, 0);
  EXPECT_EQ(w.risk->orders().size(), 0u);
  EXPECT_EQ(w.accounts.counters(0).repeats, 0u) << "the venue got a number again";
  EXPECT_EQ(w.accounts.counters(0).malformed, 0u);
}

struct Sum {
  uint64_t fills = 0, lost = 0, deaths = 0, replaced = 0, statuses = 0;
};

void run(uint64_t seed, bool crashes, Sum& sum) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  World w(seed);
  w.crashes = crashes;
  for (int i = 0; i < 2'000; ++i) w.step();
  w.settle();
  expect_settled(w);
  sum.fills += w.accounts.counters(0).fills;
  sum.replaced += w.accounts.counters(0).replaced;
  sum.lost += w.desk->counters().lost;
  sum.deaths += w.deaths;
  sum.statuses += w.statuses;
}

// More seeds: PINION_DESK_SEEDS.
Sum run_seeds(bool crashes) {
  const char* text = std::getenv("PINION_DESK_SEEDS");
  const uint64_t seeds = text == nullptr ? 100 : std::strtoull(text, nullptr, 10);
  Sum sum;
  for (uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed)
    run(seed, crashes, sum);
  return sum;
}

TEST(DeskSim, AgreesWithTheVenue) {
  const Sum sum = run_seeds(false);
  EXPECT_GT(sum.fills, 500u);
  EXPECT_GT(sum.replaced, 200u);
  EXPECT_GT(sum.lost, 20u);  // the connection broke while something was on its way
}

TEST(DeskSim, ComesBackFromTheJournal) {
  const Sum sum = run_seeds(true);
  EXPECT_GT(sum.fills, 300u);
  EXPECT_GT(sum.deaths, 500u);
  EXPECT_GT(sum.statuses, 10u);  // repeats of what had been decided
}

}  // namespace
}  // namespace pinion::gateway::test
