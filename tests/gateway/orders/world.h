// A client, the desk and the venue's accounts in one seeded world, without sockets: messages to the
// venue wait on a wire that can break, the journal is a list of records, and the desk can die at
// any call that it makes and comes back from the records, as the gateway does (engine/recovery.h).
#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "base/rng.h"
#include "exchange-sim/accounts.h"
#include "exchange-sim/traders.h"
#include "gateway/orders/desk.h"

namespace pinion::gateway::test {

struct Crash {};

// What a client was told of one of its requests, in order, over all lives of the gateway.
struct Told {
  char type = 'D';
  std::vector<ReportKind> kinds;
  uint32_t shares = 0;  // of its executions
};

struct World final : Outlet {
  static constexpr uint32_t kRequestsMax = 4096;
  struct Record {
    bool answer;
    std::vector<std::byte> bytes;
  };

  explicit World(uint64_t seed)
      : rng(seed),
        symbols(names),
        market_(names, {1'000'000, 64u << 20}),
        accounts(market_, {{"US", "PW"}}, {200'000, 32u << 20}),
        traders({.seed = seed, .actions_per_s = 1'000, .open_orders_max = 200}, market_, accounts) {
    (void)kill.open("");
    market_.open(1);
    for (int i = 0; i < 300; ++i) traders.act(++day_ns);
    start();
  }

  // ---- what the desk needs
  bool venue_ready() const override { return connected && !replaying; }
  bool to_venue(Bytes message) override {
    may_crash();
    wire.emplace_back(message.begin(), message.end());
    may_crash();
    return true;
  }
  uint64_t record(const OrderRecord& r, bool) override {
    EXPECT_FALSE(replaying);
    may_crash();
    std::byte room[kOrderRecordMax];
    const size_t bytes = write_record(r, room);
    journal.push_back({false, {room, room + bytes}});
    may_crash();
    return journal.size();
  }
  void report(const Report& r) override {
    if (r.kind == ReportKind::status) return void(++statuses);
    if (r.id <= last_report) return;  // it has it
    if (replaying && r.is_cancel_reject() && stored_reject == r.cl_ord_id) {
      last_report = r.id;
      return;
    }
    may_crash();
    deliver(r);
    may_crash();  // sent, and not in the journal
    last_report = r.id;
  }
  risk::Market market(uint32_t symbol) const override {
    const auto s = static_cast<uint16_t>(symbol);
    return {.live = true, .bid = market_.best(s, 'B'), .ask = market_.best(s, 'S')};
  }
  void alarm(const char* what) override { ADD_FAILURE() << "alarm: " << what; }

  void may_crash() {
    if (replaying || crash_in == 0 || --crash_in != 0) return;
    throw Crash{};
  }

  // ---- the client
  void deliver(const Report& r) {
    EXPECT_GT(r.id, delivered) << "out of order, or twice";
    delivered = r.id;
    stored_reject = r.is_cancel_reject() ? std::string(r.cl_ord_id) : "";
    Told& t = told[std::string(r.cl_ord_id)];
    t.kinds.push_back(r.kind);
    if (r.kind == ReportKind::executed) shares_told += r.last_shares, t.shares += r.last_shares;
    if (r.is_cancel_reject()) return;
    const bool working = r.status == '0' || r.status == '1' || r.status == 'A';
    EXPECT_EQ(r.leaves, working ? r.quantity - r.executed : 0u) << r.cl_ord_id;
    EXPECT_LE(r.executed, r.quantity);
  }
  void send(ClientRequest r) {
    told[std::string(r.cl_ord_id)].type = r.type;
    const auto handle = [&] { desk->on_request(0, r, now); };
    guarded(handle, [&] {
      r.repeated = true;  // its number was not counted: the session brings it again
      handle();
    });
  }
  std::string next_id() { return "C" + std::to_string(++ids); }
  std::string some_id() {
    return "C" + std::to_string(1 + rng.below(static_cast<uint32_t>(ids) + 1));
  }

  void act() {
    const std::string id = next_id(), orig = some_id();
    ClientRequest r;
    r.cl_ord_id = id, r.orig_cl_ord_id = orig;
    r.symbol = rng.below(static_cast<uint32_t>(names.size()));
    r.symbol_text = names[r.symbol];
    r.side = rng.below(2) != 0 ? risk::Side::buy : risk::Side::sell;
    const bool buy = is_buy(r.side);
    const risk::Market m = market(r.symbol);
    const risk::Price touch = buy ? m.ask : m.bid;
    const auto away = static_cast<int64_t>(rng.below(3000)) - 1000;
    r.price = std::max<int64_t>(1, (touch == 0 ? 1'000'000 : touch) + (buy ? -away : away));
    r.quantity = 1 + rng.below(300);
    r.time_in_force = rng.below(5) == 0 ? '3' : '0';
    const uint64_t what = rng.below(10);
    r.type = what < 5 ? 'D' : what < 8 ? 'F' : 'G';
    if (r.type == 'G') fit_to_original(r);
    send(r);
  }
  // Nearly always of the right symbol, side and time in force.
  void fit_to_original(ClientRequest& r) {
    const uint32_t orig = orders->find(0, r.orig_cl_ord_id);
    if (orig == kNone || orders->request(orig).order == kNone || rng.below(20) == 0) return;
    const Order& order = orders->order(orders->request(orig).order);
    r.symbol = order.symbol, r.side = order.side, r.time_in_force = order.time_in_force;
    r.symbol_text = names[r.symbol];
  }

  // ---- the venue and the way to it
  void connect() {
    if (connected) return;
    connected = true;
    guarded([&] { desk->on_venue_login(); }, [] {});
  }
  void disconnect() {
    connected = false;
    if (desk) desk->on_venue_lost();
    wire.clear();  // what was on its way is lost
  }
  void venue_reads(size_t most) {
    for (; most > 0 && !wire.empty(); --most) {
      accounts.request(0, wire.front(), ++day_ns);
      wire.pop_front();
    }
  }
  void gateway_reads(size_t most) {
    for (; connected && most > 0 && answers_read < accounts.answers(0).next() - 1; --most) {
      guarded([&] { take_answer(); }, [] {});
    }
  }
  void take_answer() {
    const Bytes answer = accounts.answers(0).get(answers_read + 1);
    may_crash();
    journal.push_back({true, {answer.begin(), answer.end()}});
    ++answers_read;
    may_crash();
    desk->on_answer(journal.size(), answer, now);
  }
  void step() {
    now += static_cast<Nanos>(rng.below(100)) * kMilli;
    switch (rng.below(8)) {
      case 0:
      case 1: act(); break;
      case 2: venue_reads(1 + rng.below(4)); break;
      case 3: gateway_reads(1 + rng.below(6)); break;
      case 4: traders.act(++day_ns); break;
      case 5: guarded([&] { desk->poll(now); }, [] {}); break;
      case 6:
        if (rng.below(20) == 0) disconnect();
        else connect();
        break;
      default:
        if (rng.below(30) == 0) guarded([&] { desk->cancel_all(0, now); }, [] {});
        if (crashes && rng.below(10) == 0) crash_in = static_cast<int>(1 + rng.below(12));
    }
  }
  // Until nothing is left: everything cancelled and answered.
  void settle() {
    crash_in = 0;
    for (int i = 0; i < 200 && (i < 3 || orders->open_orders(0) != 0); ++i) {
      now += kSecond;
      connect();
      venue_reads(SIZE_MAX);
      gateway_reads(SIZE_MAX);
      desk->poll(now);
      desk->cancel_all(0, now);
    }
  }

  // ---- lives of the gateway
  template <class Do, class Again>
  void guarded(Do&& what, Again&& again) {
    try {
      what();
    } catch (const Crash&) {
      ++deaths;
      start();
      again();
    }
  }
  void start() {
    disconnect();
    orders = std::make_unique<Orders>(kRequestsMax, 1, 7);
    risk = std::make_unique<risk::Risk>(
        risk::RiskConfig{.accounts = 1, .symbols = static_cast<uint32_t>(names.size()),
                         .orders_max = 4096},
        kill);
    risk->set_limits(0, wide());
    desk = std::make_unique<Desk>(DeskConfig{.orders_per_s = 1'000'000, .burst_orders = 100'000},
                                  symbols, *orders, *risk, *this);
    crash_in = 0;
    replaying = true;
    desk->begin_recovery();
    // By the journal it may be one less, by the client's store it is what was delivered; but a
    // cancel reject's message does not say its number.
    if (stored_reject.empty()) last_report = delivered;
    answers_read = 0;
    for (size_t i = 0; i < journal.size(); ++i) {
      answers_read += journal[i].answer;
      if (journal[i].answer) {
        desk->on_answer(i + 1, journal[i].bytes, now);
        continue;
      }
      OrderRecord r;
      ASSERT_TRUE(read_record(journal[i].bytes, r));
      ASSERT_STREQ(desk->recover(i + 1, r, now), nullptr);
    }
    desk->end_recovery();
    replaying = false;
  }
  static risk::Limits wide() {
    risk::Limits l;
    l.max_order_shares = 1'000'000;
    l.max_order_notional = l.max_gross_open_notional = l.max_daily_traded_notional =
        int64_t{1} << 60;
    l.price_collar_bps = 10'000, l.max_open_orders = 4096;
    l.max_position_shares_per_symbol = 1 << 30;
    l.orders_per_s = 1'000'000, l.burst_orders = 10'000;
    l.max_identical_orders = 1'000;
    l.self_trade_reject = false, l.short_sale_allowed = true;
    return l;
  }

  const std::vector<std::string> names{"AAPL", "MSFT"};
  Rng rng;
  Symbols symbols;
  exchange::Market market_;
  exchange::Accounts accounts;
  exchange::Traders traders;
  risk::KillSwitch kill;
  std::unique_ptr<Orders> orders;
  std::unique_ptr<risk::Risk> risk;
  std::unique_ptr<Desk> desk;
  std::deque<std::vector<std::byte>> wire;  // to the venue
  std::vector<Record> journal;              // record i has number i + 1
  std::map<std::string, Told> told;
  std::string stored_reject;  // the client's last message, if it was a cancel reject
  ReportId delivered = {}, last_report = {};
  uint64_t ids = 0, answers_read = 0, shares_told = 0, statuses = 0, deaths = 0;
  uint64_t day_ns = 1;
  Nanos now = kSecond;
  bool connected = false, replaying = false, crashes = false;
  int crash_in = 0;  // calls; 0: never
};

}  // namespace pinion::gateway::test
