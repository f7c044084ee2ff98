// See risk.h.
#include "gateway/risk/risk.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace pinion::risk {

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // what scatters the terms of orders

bool known_side_crosses(bool buy, Price price, Price own_opposite) {
  if (own_opposite == 0) return false;
  return buy ? price >= own_opposite : price <= own_opposite;
}

bool is_bounded(const OrderRequest& o) {
  return o.shares >= 1 && o.shares <= kSharesMax && o.price >= 1 && o.price <= kPriceMax;
}

// The worst price for the limits (risk.h). A stale bid says nothing, and refuses the order anyway.
Price worst_price(bool buy, Price price, const Market& m) {
  return buy || !m.live ? price : std::max(price, std::min(m.bid, kPriceMax));
}

// What a replacement could do beyond what its original holds already. One of the two will trade,
// never both, so together they hold the larger of the two.
struct Beyond {
  int64_t shares;
  Amount notional;
};
Beyond beyond(int64_t shares, Price reserved_price, const Order& original) {
  return {std::max<int64_t>(0, shares - original.leaves),
          std::max<Amount>(0, shares * reserved_price - original.reserved_notional)};
}

}  // namespace

const char* text_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::none: return "";
    case Refusal::killed: return "killed";
    case Refusal::unknown_symbol: return "unknown symbol";
    case Refusal::restricted: return "restricted";
    case Refusal::halted: return "halted";
    case Refusal::stale_book: return "stale book";
    case Refusal::bad_size: return "bad size";
    case Refusal::bad_price: return "bad price";
    case Refusal::order_shares: return "order shares";
    case Refusal::order_notional: return "order notional";
    case Refusal::no_reference_price: return "no reference price";
    case Refusal::price_collar: return "price collar";
    case Refusal::open_orders: return "open orders";
    case Refusal::gross_open_notional: return "gross open notional";
    case Refusal::daily_traded_notional: return "daily traded notional";
    case Refusal::position: return "position";
    case Refusal::rate: return "rate";
    case Refusal::duplicate: return "duplicate";
    case Refusal::self_trade: return "self trade";
    case Refusal::short_sale: return "short sale";
    case Refusal::locate: return "locate";
    case Refusal::reg_sho: return "reg sho";
    case Refusal::unknown_order: return "unknown order";
    case Refusal::replace_in_flight: return "replace in flight";
    case Refusal::duplicate_id: return "duplicate id";
  }
  return "";
}

Risk::Risk(const RiskConfig& config, KillSwitch& kill)
    : config_(config),
      kill_(kill),
      orders_(config.orders_max),
      accounts_(config.accounts),
      positions_(size_t{config.accounts} * config.symbols),
      restricted_(config.symbols),
      own_(size_t{config.symbols} * 2) {}

void Risk::set_limits(uint32_t account, const Limits& limits) {
  Account& a = accounts_[account];
  a.limits = limits;
  a.rate = {};
  a.rate.set(limits.orders_per_s, limits.burst_orders);
  a.rejects.set(limits.reject_burst, limits.reject_burst_window_ms * kMillisecond);
  const int64_t within = std::clamp<int64_t>(recent_orders(limits), 1, kRecentOrdersMax);
  a.recent.set(static_cast<size_t>(within));
}

Refusal Risk::check_new(const OrderRequest& o, const Market& market, int64_t now_ns) {
  if (o.account >= accounts_.size()) return Refusal::unknown_symbol;
  Account& a = accounts_[o.account];
  const Price worst = worst_price(is_buy(o.side), o.price, market);
  // Of an order that is refused by its size or price anyway, nothing.
  const Amount notional = is_bounded(o) ? o.shares * worst : 0;
  const Added added{.shares = o.shares, .notional = notional, .order = true};
  Refusal why = check(a, o, market, added, now_ns);
  if (why == Refusal::none && orders_.find(o.id) != nullptr) why = Refusal::duplicate_id;
  if (why == Refusal::none && insert(o, worst) == nullptr) why = Refusal::open_orders;
  if (why != Refusal::none) return refuse(o.account, why, now_ns);
  pass(a, o, now_ns);
  return Refusal::none;
}

Refusal Risk::check_replace(OrderId original_id, const OrderRequest& request, const Market& market,
                            int64_t now_ns) {
  if (request.account >= accounts_.size()) return Refusal::unknown_symbol;
  const Order* original = orders_.find(original_id);
  if (original == nullptr || original->account != request.account)
    return refuse(request.account, Refusal::unknown_order, now_ns);
  OrderRequest o = request;
  o.symbol = original->symbol;
  o.side = original->side;
  Account& a = accounts_[o.account];
  const Price worst = worst_price(is_buy(o.side), o.price, market);
  const Beyond more = is_bounded(o) ? beyond(o.shares, worst, *original) : Beyond{0, 0};
  Refusal why = check(a, o, market, {.shares = more.shares, .notional = more.notional}, now_ns);
  if (!original->live || original->replaced_by != 0) why = Refusal::replace_in_flight;
  if (why == Refusal::none && orders_.find(o.id) != nullptr) why = Refusal::duplicate_id;
  if (why == Refusal::none && insert_replacement(original_id, o, worst) == nullptr)
    why = Refusal::open_orders;
  if (why != Refusal::none) return refuse(o.account, why, now_ns);
  pass(a, o, now_ns);
  return Refusal::none;
}

// The cheapest and most final first; what counts against time last, so that an order that is
// refused for what it is does not use up rate.
Refusal Risk::check(const Account& a, const OrderRequest& o, const Market& m, const Added& added,
                    int64_t now_ns) const {
  if (kill_.thrown()) return Refusal::killed;
  if (o.symbol >= config_.symbols) return Refusal::unknown_symbol;
  if (const Refusal r = check_form(a, o, m); r != Refusal::none) return r;
  if (const Refusal r = check_price(a, o, m); r != Refusal::none) return r;
  if (const Refusal r = check_short_sale(a, o, m); r != Refusal::none) return r;
  if (const Refusal r = check_totals(a, o, added); r != Refusal::none) return r;
  if (a.limits.self_trade_reject && would_self_trade(o)) return Refusal::self_trade;
  return check_repetition(a, o, now_ns);
}

Refusal Risk::check_form(const Account& a, const OrderRequest& o, const Market& m) const {
  if (restricted_[o.symbol] != 0) return Refusal::restricted;
  if (!m.trading) return Refusal::halted;
  if (o.shares < 1 || o.shares > kSharesMax) return Refusal::bad_size;
  if (o.price < 1 || o.price > kPriceMax) return Refusal::bad_price;
  if (o.shares > a.limits.max_order_shares) return Refusal::order_shares;
  if (o.shares * worst_price(is_buy(o.side), o.price, m) > a.limits.max_order_notional)
    return Refusal::order_notional;
  return Refusal::none;
}

// Either way from the touch that it would trade with; from the other one if that side is empty.
Refusal Risk::check_price(const Account& a, const OrderRequest& o, const Market& m) const {
  if (!m.live) return Refusal::stale_book;
  Price reference = is_buy(o.side) ? m.ask : m.bid;
  if (reference == 0) reference = is_buy(o.side) ? m.bid : m.ask;
  if (reference == 0) return Refusal::no_reference_price;
  const int64_t away = std::abs(o.price - reference);
  return away * 10'000 > reference * a.limits.price_collar_bps ? Refusal::price_collar
                                                               : Refusal::none;
}

// Regulation SHO: rule 203(b) wants a located borrow, and rule 201, while it is in effect, a price
// above the national best bid. An exempt sale is neither's.
Refusal Risk::check_short_sale(const Account& a, const OrderRequest& o, const Market& m) const {
  if (o.side != Side::sell_short && o.side != Side::sell_short_exempt) return Refusal::none;
  if (!a.limits.short_sale_allowed) return Refusal::short_sale;
  if (o.side == Side::sell_short_exempt) return Refusal::none;
  if (a.limits.short_sale_require_locate && !o.located) return Refusal::locate;
  if (m.short_sale_restricted && (m.bid == 0 || o.price <= m.bid)) return Refusal::reg_sho;
  return Refusal::none;
}

// What is not added is not checked: after limits were lowered, an order may still get smaller.
Refusal Risk::check_totals(const Account& a, const OrderRequest& o, const Added& added) const {
  const AccountState& s = a.state;
  const SymbolState& p = symbol(o.account, o.symbol);
  if (added.order && s.open_orders >= a.limits.max_open_orders) return Refusal::open_orders;
  if (added.notional > 0) {
    const Amount open = s.open_notional + added.notional;
    if (open > a.limits.max_gross_open_notional) return Refusal::gross_open_notional;
    // All that is open could trade today.
    if (s.traded_notional + open > a.limits.max_daily_traded_notional)
      return Refusal::daily_traded_notional;
  }
  if (added.shares > 0) {
    const int64_t most = a.limits.max_position_shares_per_symbol;
    const int64_t reached = is_buy(o.side) ? p.position + p.open_buys + added.shares
                                           : -p.position + p.open_sells + added.shares;
    if (reached > most) return Refusal::position;
  }
  return Refusal::none;
}

Refusal Risk::check_repetition(const Account& a, const OrderRequest& o, int64_t now_ns) const {
  if (!a.rate.would_pass(now_ns)) return Refusal::rate;
  const int64_t since = now_ns - a.limits.duplicate_window_ms * kMillisecond;
  const uint32_t same = a.recent.count_same(o, since, a.limits.max_identical_orders);
  return same >= a.limits.max_identical_orders ? Refusal::duplicate : Refusal::none;
}

void Risk::RecentOrders::set(size_t orders) {
  const size_t size = std::bit_ceil(orders);
  ring.assign(size, Recent{});
  last.assign(size, 0);
  next = 1;
}

size_t Risk::RecentOrders::slot_of(const OrderRequest& o) const {
  uint64_t hash = static_cast<uint64_t>(o.price) * kOdd + static_cast<uint64_t>(o.shares);
  hash = (hash ^ hash >> 32) * kOdd + (uint64_t{o.symbol} << 2 | static_cast<uint64_t>(o.side));
  return (hash ^ hash >> 32) & (last.size() - 1);
}

// From the newest. Not further than the answer needs.
uint32_t Risk::RecentOrders::count_same(const OrderRequest& o, int64_t since,
                                        uint32_t most) const {
  uint32_t same = 0;
  uint64_t number = last[slot_of(o)];
  while (has(number) && same < most) {
    const Recent& r = at(number);
    if (r.at <= since) break;
    if (r.symbol == o.symbol && r.side == o.side && r.shares == o.shares && r.price == o.price)
      ++same;
    number = r.before;
  }
  return same;
}

void Risk::RecentOrders::add(const OrderRequest& o, int64_t now_ns) {
  uint64_t& like = last[slot_of(o)];
  ring[next & (ring.size() - 1)] = {now_ns, o.symbol, o.side, o.shares, o.price, like};
  like = next++;
}

bool Risk::would_self_trade(const OrderRequest& o) const {
  const Own& opposite = own_[size_t{o.symbol} * 2 + !is_buy(o.side)];
  return known_side_crosses(is_buy(o.side), o.price, opposite.best);
}

Refusal Risk::refuse(uint32_t account, Refusal why, int64_t now_ns) {
  ++accounts_[account].state.refused;
  count_reject(account, now_ns);
  return why;
}

void Risk::count_reject(uint32_t account, int64_t now_ns) {
  if (accounts_[account].rejects.add(now_ns) && !kill_.thrown())
    kill_.trip("too many rejects in a short time");
}

void Risk::pass(Account& a, const OrderRequest& o, int64_t now_ns) {
  a.rate.pass(now_ns);
  a.recent.add(o, now_ns);
  ++a.state.passed;
}

// Into the table, with all that it could do, and among our own of its side.
Order* Risk::insert(const OrderRequest& o, Price reserved_price) {
  Order* order = orders_.add(o.id);
  if (order == nullptr) return nullptr;
  order->account = o.account, order->symbol = o.symbol, order->side = o.side;
  order->live = true;
  order->leaves = o.shares, order->price = o.price, order->reserved_price = reserved_price;
  Own& own = own_of(o.symbol, o.side);
  order->next = own.first;
  if (Order* second = orders_.find(own.first)) second->previous = o.id;
  own.first = o.id;
  const bool better = is_buy(o.side) ? o.price > own.best : o.price < own.best;
  if (own.best == 0 || better) own.best = o.price;
  ++accounts_[o.account].state.open_orders;
  reserve(*order, o.shares, o.shares * reserved_price);
  return order;
}

// As insert(), beside its original: not an order of its own yet.
Order* Risk::insert_replacement(OrderId original_id, const OrderRequest& o, Price reserved_price) {
  Order* replacement = insert(o, reserved_price);
  if (replacement == nullptr) return nullptr;
  replacement->live = false;
  replacement->replaces = original_id;
  --accounts_[o.account].state.open_orders;
  Order* original = orders_.find(original_id);
  original->replaced_by = o.id;
  reserve_beside(*original);
  return replacement;
}

// What the replacement adds depends on what is left of its original: after each change of that.
void Risk::reserve_beside(const Order& original) {
  Order* replacement = orders_.find(original.replaced_by);
  if (replacement == nullptr) return;
  const Beyond more = beyond(replacement->leaves, replacement->reserved_price, original);
  release(*replacement, replacement->reserved_shares, replacement->reserved_notional);
  reserve(*replacement, more.shares, more.notional);
}

void Risk::reserve(Order& order, int64_t shares, Amount notional) {
  order.reserved_shares += shares;
  order.reserved_notional += notional;
  accounts_[order.account].state.open_notional += notional;
  SymbolState& s = symbol_of(order);
  (is_buy(order.side) ? s.open_buys : s.open_sells) += shares;
}

void Risk::release(Order& order, int64_t shares, Amount notional) {
  reserve(order, -shares, -notional);
}

// With the replacements on their way, which can come to nothing any more.
void Risk::remove(OrderId id) {
  while (Order* order = orders_.find(id)) {
    release(*order, order->reserved_shares, order->reserved_notional);
    if (order->live) --accounts_[order->account].state.open_orders;
    Own& own = own_of(order->symbol, order->side);
    if (Order* previous = orders_.find(order->previous)) previous->next = order->next;
    else own.first = order->next;
    if (Order* next = orders_.find(order->next)) next->previous = order->previous;
    const bool was_best = order->price == own.best, buys = is_buy(order->side);
    const OrderId replacement = order->replaced_by;
    orders_.remove(id);
    if (was_best) find_best(own, buys);
    id = replacement;
  }
}

void Risk::find_best(Own& own, bool buys) {
  own.best = 0;
  for (const Order* o = orders_.find(own.first); o != nullptr; o = orders_.find(o->next)) {
    const bool better = buys ? o->price > own.best : o->price < own.best;
    if (own.best == 0 || better) own.best = o->price;
  }
}

// What it held is released at the price at which it was reserved, whatever it traded at.
bool Risk::filled(OrderId id, int64_t shares, Price price) {
  Order* order = orders_.find(id);
  if (order == nullptr || !order->live || shares < 1 || shares > order->leaves) return false;
  release(*order, shares, shares * order->reserved_price);
  order->leaves -= shares;
  symbol_of(*order).position += is_buy(order->side) ? shares : -shares;
  accounts_[order->account].state.traded_notional += shares * price;
  // Executed shares are part of the chain that the replacement's size speaks of.
  if (Order* replacement = orders_.find(order->replaced_by))
    replacement->leaves = std::max<int64_t>(0, replacement->leaves - shares);
  settle(*order);
  return true;
}

bool Risk::cancelled(OrderId id, int64_t shares) {
  Order* order = orders_.find(id);
  if (order == nullptr || !order->live || shares < 0 || shares > order->leaves) return false;
  release(*order, shares, shares * order->reserved_price);
  order->leaves -= shares;
  settle(*order);
  return true;
}

void Risk::settle(const Order& order) {
  if (order.leaves == 0) return remove(order.id);
  reserve_beside(order);
}

bool Risk::withdrawn(OrderId id) {
  const Order* order = orders_.find(id);
  if (order == nullptr) return false;
  const OrderId original_id = order->replaces;
  remove(id);
  if (Order* original = orders_.find(original_id)) original->replaced_by = 0;  // it goes on
  return true;
}

bool Risk::rejected(OrderId id, int64_t now_ns) {
  const Order* order = orders_.find(id);
  if (order == nullptr) return false;
  const uint32_t account = order->account;
  (void)withdrawn(id);
  count_reject(account, now_ns);
  return true;
}

bool Risk::replaced(OrderId original_id, OrderId replacement_id, int64_t leaves, Price price) {
  Order* replacement = orders_.find(replacement_id);
  Order* original = orders_.find(original_id);
  if (replacement == nullptr || original == nullptr || leaves < 0) return false;
  if (original->replaced_by != replacement_id) return false;
  original->replaced_by = 0;
  remove(original_id);
  replacement = orders_.find(replacement_id);  // the table may have moved it
  release(*replacement, replacement->reserved_shares, replacement->reserved_notional);
  replacement->live = true;
  replacement->replaces = 0;
  replacement->leaves = leaves;
  replacement->price = price;
  replacement->reserved_price =
      is_buy(replacement->side) ? price : std::max(price, replacement->reserved_price);
  ++accounts_[replacement->account].state.open_orders;
  reserve(*replacement, leaves, leaves * replacement->reserved_price);
  find_best(own_of(replacement->symbol, replacement->side), is_buy(replacement->side));
  if (leaves == 0) remove(replacement_id);
  return true;
}

void Risk::broken(uint32_t account, uint32_t symbol, Side side, int64_t shares, Price price) {
  positions_[size_t{account} * config_.symbols + symbol].position -=
      is_buy(side) ? shares : -shares;
  accounts_[account].state.traded_notional -= shares * price;
}

bool Risk::adopt(const OrderRequest& o) {
  if (o.account >= accounts_.size() || o.symbol >= config_.symbols || !is_bounded(o)) return false;
  return insert(o, o.price) != nullptr;
}

bool Risk::adopt_replacement(OrderId original_id, const OrderRequest& request) {
  const Order* original = orders_.find(original_id);
  if (original == nullptr || !original->live || original->replaced_by != 0) return false;
  if (original->account != request.account || !is_bounded(request)) return false;
  OrderRequest o = request;
  o.symbol = original->symbol;
  o.side = original->side;
  return insert_replacement(original_id, o, o.price) != nullptr;
}

}  // namespace pinion::risk
