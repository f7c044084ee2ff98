#include "exchange-sim/market.h"

#include <algorithm>

#include "base/check.h"

namespace pinion::exchange {

namespace {

template <class Message>
Message add_message(const Order& order, const Alpha<8>& name, uint16_t locate, uint64_t day_ns) {
  auto m = itch::make<Message>(locate, day_ns);
  m.reference = be64::of(order.ref);
  m.side = Char::of(order.side);
  m.shares = be32::of(order.shares);
  m.stock = name;
  m.price = be32::of(order.price);
  return m;
}

}  // namespace

Market::Market(const std::vector<std::string>& symbols, MessageStore::Limits limits)
    : stream_(limits) {
  for (const std::string& name : symbols) symbols_.emplace_back().name = Alpha<8>::of(name);
}

int Market::find_symbol(std::string_view name) const {
  for (size_t i = 0; i < symbols_.size(); ++i) {
    if (symbols_[i].name.get() == name) return static_cast<int>(i);
  }
  return -1;
}

itch::StockDirectory Market::directory(uint16_t symbol, uint64_t day_ns) const {
  auto m = itch::make<itch::StockDirectory>(locate(symbol), day_ns);
  m.stock = symbols_[symbol].name;
  m.market_category = Char::of('Q');
  m.financial_status = Char::of('N');
  m.round_lot = be32::of(100);
  m.round_lots_only = Char::of('N');
  m.issue_class = Char::of('C');
  m.issue_subtype = Alpha<2>::of("Z");
  m.authenticity = Char::of('T');  // test: nobody shall take this for a real day
  m.short_sale_threshold = Char::of('N');
  m.ipo = Char::of('N');
  m.luld_tier = Char::of('1');
  m.etp = Char::of('N');
  m.inverse = Char::of('N');
  return m;
}

itch::TradingAction Market::action(uint16_t symbol, uint64_t day_ns) const {
  auto m = itch::make<itch::TradingAction>(locate(symbol), day_ns);
  m.stock = symbols_[symbol].name;
  m.state = Char::of(symbols_[symbol].state);
  m.reserved = Char::of(' ');
  m.reason = Alpha<4>::of("");
  return m;
}

itch::RegSho Market::reg_sho(uint16_t symbol, uint64_t day_ns) const {
  auto m = itch::make<itch::RegSho>(locate(symbol), day_ns);
  m.stock = symbols_[symbol].name;
  m.action = Char::of(symbols_[symbol].reg_sho);
  return m;
}

void Market::event(char code, uint64_t day_ns) {
  auto m = itch::make<itch::SystemEvent>(0, day_ns);
  m.event = Char::of(code);
  publish(m);
}

void Market::open(uint64_t day_ns) {
  event('O', day_ns);
  const auto symbols = static_cast<uint16_t>(symbols_.size());
  for (uint16_t i = 0; i < symbols; ++i) {
    publish(directory(i, day_ns));
    publish(action(i, day_ns));
    publish(reg_sho(i, day_ns));
  }
  event('S', day_ns);
  event('Q', day_ns);
}

void Market::close(uint64_t day_ns) {
  for (const char code : {'M', 'E', 'C'}) event(code, day_ns);
}

void Market::set_state(uint16_t symbol, char state, uint64_t day_ns) {
  symbols_[symbol].state = state;
  publish(action(symbol, day_ns));
}

void Market::set_reg_sho(uint16_t symbol, char action, uint64_t day_ns) {
  symbols_[symbol].reg_sho = action;
  publish(reg_sho(symbol, day_ns));
}

const Order* Market::find(uint64_t ref) const {
  const auto found = orders_.find(ref);
  return found == orders_.end() ? nullptr : &found->second;
}

uint32_t Market::best(uint16_t symbol, char side) const {
  const Symbol& s = symbols_[symbol];
  if (side == 'B') return s.bids.empty() ? 0 : s.bids.rbegin()->first;
  return s.asks.empty() ? 0 : s.asks.begin()->first;
}

std::vector<Level> Market::levels(uint16_t symbol, char side, size_t most) const {
  std::vector<Level> out;
  const auto add = [&](const auto& level) {
    if (out.size() == most) return;
    Level seen{level.first, 0, 0};
    for (const uint64_t ref : level.second) {
      const Order& order = orders_.at(ref);
      if (!order.hidden) ++seen.orders, seen.shares += order.shares;
    }
    if (seen.orders > 0) out.push_back(seen);
  };
  const Symbol& s = symbols_[symbol];
  if (side == 'B') std::for_each(s.bids.rbegin(), s.bids.rend(), add);
  else std::for_each(s.asks.begin(), s.asks.end(), add);
  return out;
}

bool Market::crosses(const Order& order) const {
  const uint32_t other = best(order.symbol, order.side == 'B' ? 'S' : 'B');
  if (other == 0) return false;
  return order.side == 'B' ? order.price >= other : order.price <= other;
}

std::vector<Fill> Market::match(Order& taker, uint64_t day_ns) {
  std::vector<Fill> fills;
  const char other = taker.side == 'B' ? 'S' : 'B';
  while (taker.shares > 0 && crosses(taker)) {
    Queue& queue = symbols_[taker.symbol].side(other)[best(taker.symbol, other)];
    Order& maker = orders_.at(queue.front());
    const uint32_t shares = std::min(taker.shares, maker.shares);
    const uint64_t match = next_match_++;
    publish_fill(maker, shares, match, day_ns);
    taker.shares -= shares;
    maker.shares -= shares;
    fills.push_back({maker, shares, match});
    if (maker.shares == 0) unlink(Order{maker});
  }
  return fills;
}

// A hidden order that trades becomes known by a Trade message, without a reference.
void Market::publish_fill(const Order& maker, uint32_t shares, uint64_t match, uint64_t day_ns) {
  if (maker.hidden) {
    auto m = itch::make<itch::Trade>(locate(maker.symbol), day_ns);
    m.side = Char::of(maker.side);
    m.shares = be32::of(shares);
    m.stock = name(maker.symbol);
    m.price = be32::of(maker.price);
    m.match = be64::of(match);
    return publish(m);
  }
  auto m = itch::make<itch::OrderExecuted>(locate(maker.symbol), day_ns);
  m.reference = be64::of(maker.ref);
  m.shares = be32::of(shares);
  m.match = be64::of(match);
  publish(m);
}

void Market::publish_add(const Order& order, uint64_t day_ns) {
  if (order.hidden) return;
  if (order.attribution.get().empty()) {
    return publish(
        add_message<itch::AddOrder>(order, name(order.symbol), locate(order.symbol), day_ns));
  }
  auto m = add_message<itch::AddOrderMpid>(order, name(order.symbol), locate(order.symbol), day_ns);
  m.attribution = order.attribution;
  publish(m);
}

void Market::rest(const Order& order, uint64_t day_ns) {
  STACK_CHECK(order.shares > 0 && !crosses(order));
  symbols_[order.symbol].side(order.side)[order.price].push_back(order.ref);
  orders_[order.ref] = order;
  publish_add(order, day_ns);
}

void Market::unlink(const Order& order) {
  auto& side = symbols_[order.symbol].side(order.side);
  const auto level = side.find(order.price);
  std::erase(level->second, order.ref);
  if (level->second.empty()) side.erase(level);
  orders_.erase(order.ref);
}

void Market::reduce(uint64_t ref, uint32_t shares, uint64_t day_ns) {
  Order& order = orders_.at(ref);
  STACK_CHECK(shares > 0 && shares <= order.shares);
  order.shares -= shares;
  const bool gone = order.shares == 0;
  if (!order.hidden && gone) {
    auto m = itch::make<itch::OrderDelete>(locate(order.symbol), day_ns);
    m.reference = be64::of(ref);
    publish(m);
  } else if (!order.hidden) {
    auto m = itch::make<itch::OrderCancel>(locate(order.symbol), day_ns);
    m.reference = be64::of(ref);
    m.shares = be32::of(shares);
    publish(m);
  }
  if (gone) unlink(Order{order});
}

// One Replace message if both are visible and nothing but price and shares changes.
void Market::replace(uint64_t old_ref, const Order& fresh, uint64_t day_ns) {
  const Order old = orders_.at(old_ref);
  const bool one_message = !old.hidden && !fresh.hidden && old.attribution == fresh.attribution;
  if (!one_message) {
    reduce(old_ref, old.shares, day_ns);
    return rest(fresh, day_ns);
  }
  unlink(old);
  STACK_CHECK(!crosses(fresh));
  symbols_[fresh.symbol].side(fresh.side)[fresh.price].push_back(fresh.ref);
  orders_[fresh.ref] = fresh;
  auto m = itch::make<itch::OrderReplace>(locate(fresh.symbol), day_ns);
  m.reference = be64::of(old_ref);
  m.new_reference = be64::of(fresh.ref);
  m.shares = be32::of(fresh.shares);
  m.price = be32::of(fresh.price);
  publish(m);
}

MessageStore Market::snapshot(uint64_t day_ns) const {
  const size_t messages = symbols_.size() * 3 + orders_.size() + 1;
  MessageStore out({messages, messages * itch::kMessageBytesMax});
  const auto put = [&](const auto& m) { STACK_CHECK(out.append(bytes_of_message(m))); };
  const auto put_side = [&](const std::map<uint32_t, Queue>& side) {
    for (const auto& [price, queue] : side) {
      for (const uint64_t ref : queue) {
        const Order& order = orders_.at(ref);
        if (order.hidden) continue;
        put(add_message<itch::AddOrder>(order, name(order.symbol), locate(order.symbol), day_ns));
      }
    }
  };
  const auto symbols = static_cast<uint16_t>(symbols_.size());
  for (uint16_t i = 0; i < symbols; ++i) {
    put(directory(i, day_ns));
    put(action(i, day_ns));
    put(reg_sho(i, day_ns));
    put_side(symbols_[i].bids);
    put_side(symbols_[i].asks);
  }
  put(itch::Snapshot{Char::of(itch::Snapshot::kType), Digits20::of(stream_.next())});
  return out;
}

}  // namespace pinion::exchange
