#include "fix-client/trader.h"

#include <algorithm>
#include <cstdio>

#include "exchange-sim/latency.h"
#include "gateway/fix/value.h"

namespace pinion::fix_client {

namespace {

using namespace fix;

constexpr int kPriceDecimals = 4;
constexpr int64_t kCent = 100;
constexpr size_t kOpenMax = 500;

uint64_t number_of(const Message& m, int32_t tag) {
  uint64_t out = 0;
  (void)parse_uint(m.value(tag), out);
  return out;
}

}  // namespace

Trader::Trader(const TraderConfig& config, const market::MarketData& market)
    : config_(config), market_(market), rng_(config.seed), positions_(config.symbols.size()) {}

size_t Trader::symbol_index(std::string_view symbol) const {
  const auto found = std::ranges::find(config_.symbols, symbol);
  return static_cast<size_t>(found - config_.symbols.begin());
}

int64_t Trader::position(const std::string& symbol) const {
  return positions_[symbol_index(symbol)];
}

// The moment of sending, by which the simulator measures; never the same twice.
std::string Trader::next_id(const Now& now) {
  last_stamp_ = std::max(now.monotonic_ns, last_stamp_ + 1);
  return exchange::stamp_text(last_stamp_);
}

std::string Trader::any_open() {
  while (!ids_.empty()) {
    const size_t i = rng_.below(static_cast<uint32_t>(ids_.size()));
    const auto found = open_.find(ids_[i]);
    if (found != open_.end() && !found->second.busy) return ids_[i];
    std::swap(ids_[i], ids_.back());
    ids_.pop_back();
  }
  return {};
}

bool Trader::act(Session& session, const Now& now) {
  if (!logged_on_) return false;
  const uint32_t what = rng_.below(100);
  const bool full = open_.size() >= kOpenMax;
  const std::string orig = what >= 60 || full ? any_open() : "";
  if (!orig.empty()) {
    send_change(session, what < 80 || full ? 'F' : 'G', orig, now);
    return true;
  }
  return send_new(session, now);
}

bool Trader::send_new(Session& session, const Now& now) {
  const size_t symbol = rng_.below(static_cast<uint32_t>(config_.symbols.size()));
  const risk::Market m = market_.market(symbol);
  // Mostly one way for a while, or it would meet its own orders all the time.
  const bool buy = ((totals_.orders / 4096 + symbol) % 2 == 0) != (rng_.below(50) == 0);
  int64_t price = buy ? m.bid : m.ask;
  if (!m.live || price == 0) return false;
  price += (static_cast<int64_t>(rng_.below(8)) - (buy ? 4 : 3)) * kCent;
  uint64_t quantity = 1 + rng_.below(200);
  const uint32_t bad = config_.bad_orders ? rng_.below(100) : 100;
  if (bad == 0) quantity = 900'000;
  if (bad == 1) price += price / 5;
  const std::string id = next_id(now);
  Encoder e = session.begin("D", now);
  e.text(kClOrdID, id);
  e.character(kHandlInst, '1');
  e.text(kSymbol, bad == 2 ? "NOSUCH" : config_.symbols[symbol]);
  e.character(kSide, buy ? '1' : '2');
  e.time(kTransactTime, now.utc_ns);
  e.number(kOrderQty, quantity);
  e.character(kOrdType, '2');
  e.decimal(kPrice, price, kPriceDecimals);
  e.character(kTimeInForce, rng_.below(10) == 0 ? '3' : '0');
  ++totals_.orders;
  waiting_.insert(id);
  open_[id] = {symbol, buy, quantity, 0, false};
  ids_.push_back(id);
  return session.send(e, now);
}

void Trader::send_change(Session& session, char type, const std::string& orig, const Now& now) {
  Order& order = open_[orig];
  order.busy = true;
  const std::string id = next_id(now);
  Encoder e = session.begin({&type, 1}, now);
  e.text(kOrigClOrdID, orig);
  e.text(kClOrdID, id);
  e.text(kSymbol, config_.symbols[order.symbol]);
  e.character(kSide, order.buy ? '1' : '2');
  e.time(kTransactTime, now.utc_ns);
  waiting_.insert(id);
  if (type == 'F') {
    e.number(kOrderQty, order.quantity);
    ++totals_.cancels;
  } else {
    const risk::Market m = market_.market(order.symbol);
    const int64_t touch = order.buy ? m.bid : m.ask;
    e.character(kHandlInst, '1');
    e.number(kOrderQty, order.quantity + rng_.below(50));
    e.character(kOrdType, '2');
    e.decimal(kPrice, std::max(touch, kCent), kPriceDecimals);
    ++totals_.replaces;
  }
  (void)session.send(e, now);
}

void Trader::cancel_all(Session& session, const Now& now) {
  std::vector<std::string> all;
  for (const auto& [id, order] : open_)
    if (!order.busy) all.push_back(id);
  for (const std::string& id : all) send_change(session, 'F', id, now);
}

Answer Trader::on_message(Session&, const Message& m, const Now&) {
  if (m.is_type('8')) return on_report(m), Answer::done;
  if (m.is_type('9')) return on_cancel_reject(m), Answer::done;
  return Answer::unsupported;
}

void Trader::strange(const Message& m) {
  constexpr uint64_t kShown = 10;
  if (++totals_.strange > kShown) return;
  std::fprintf(stderr, "fix-client: strange:");
  for (const Field& f : m.fields())
    std::fprintf(stderr, " %d=%.*s", f.tag, static_cast<int>(f.value.size()), f.value.data());
  std::fprintf(stderr, "\n");
}

void Trader::on_report(const Message& m) {
  // How things stand, because a request came again. What has happened is told by other reports.
  if (m.value(kExecTransType) == "3" || m.value(kExecType) == "I") return;
  if (!exec_ids_.emplace(m.value(kExecID)).second) ++totals_.twice;
  if (config_.watch) return on_copy(m);
  const std::string id(m.value(kClOrdID)), orig(m.value(kOrigClOrdID));
  answered(id);
  const std::string_view type = m.value(kExecType);
  if (type == "8") {
    ++totals_.refused;
    ++totals_.reasons[std::string(m.value(kText))];
    open_.erase(id);
    return;
  }
  if (type == "5") {
    ++totals_.replaced;
    const auto old = open_.find(orig);
    if (old == open_.end()) return strange(m);
    Order order = old->second;
    open_.erase(old);
    order.busy = false;
    order.quantity = number_of(m, kOrderQty);
    open_[id] = order;
    ids_.push_back(id);
    return;
  }
  if (type == "4" || type == "C") return on_end(m);
  const auto order = open_.find(id);
  if (order == open_.end()) return strange(m);
  if (type == "0") ++totals_.accepted;
  if (type == "1" || type == "2" || type == "F") on_fill(m, order->second);
  if (number_of(m, kLeavesQty) == 0) open_.erase(order);
}

void Trader::book(size_t symbol, bool buy, uint64_t shares) {
  ++totals_.fills;
  totals_.shares += shares;
  const auto signed_shares = static_cast<int64_t>(shares);
  positions_[symbol] += buy ? signed_shares : -signed_shares;
}

void Trader::on_fill(const Message& m, Order& order) {
  const uint64_t shares = number_of(m, kLastShares);
  order.executed += shares;
  book(order.symbol, order.buy, shares);
  if (order.executed != number_of(m, kCumQty)) strange(m);
}

// Of a client's report the drop copy keeps what moves a position.
void Trader::on_copy(const Message& m) {
  const std::string_view type = m.value(kExecType);
  if (type != "1" && type != "2" && type != "F") return;
  const size_t symbol = symbol_index(m.value(kSymbol));
  if (symbol == positions_.size()) return strange(m);
  book(symbol, m.value(kSide) == "1", number_of(m, kLastShares));
}

void Trader::on_end(const Message& m) {
  ++totals_.cancelled;
  const std::string orig(m.value(kOrigClOrdID));
  if (open_.erase(orig.empty() ? std::string(m.value(kClOrdID)) : orig) == 0) strange(m);
}

void Trader::on_cancel_reject(const Message& m) {
  answered(m.value(kClOrdID));
  ++totals_.cancel_rejects;
  ++totals_.reasons[std::string(m.value(kText))];
  const auto order = open_.find(std::string(m.value(kOrigClOrdID)));
  if (order != open_.end()) order->second.busy = false, ids_.push_back(order->first);
}

}  // namespace pinion::fix_client
