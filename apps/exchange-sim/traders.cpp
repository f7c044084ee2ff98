#include "exchange-sim/traders.h"

#include <cmath>

namespace pinion::exchange {

namespace {
constexpr uint32_t kCent = 100;  // in 1/10,000 dollars
constexpr int kBurst = 64;
}  // namespace

Traders::Traders(const TradersConfig& config, Market& market, Accounts& accounts)
    : config_(config),
      market_(market),
      accounts_(accounts),
      rng_(config.seed),
      when_(~config.seed) {
  for (size_t i = 0; i < market.symbols(); ++i) {
    value_.push_back(1'000'000 + static_cast<uint32_t>(i) * 100'000);
  }
}

int Traders::due(Nanos now) {
  if (config_.actions_per_s <= 0) {
    next_ = kNever;
    return 0;
  }
  int actions = 0;
  while (actions < kBurst && next_ <= now) {
    actions += next_ != 0;
    const double uniform = (1.0 + when_.below(1'000'000)) / 1'000'001.0;
    const double wait_s = -std::log(uniform) / config_.actions_per_s;
    next_ = (next_ == 0 ? now : next_) + static_cast<Nanos>(wait_s * 1e9) + 1;
  }
  if (next_ <= now) next_ = now + 1;
  return actions;
}

void Traders::act(uint64_t day_ns) {
  ++actions_;
  const auto symbol = static_cast<uint16_t>(rng_.below(static_cast<uint32_t>(market_.symbols())));
  value_[symbol] += (rng_.below(3) - 1) * kCent;
  if (value_[symbol] < 1'000 * kCent) value_[symbol] = 1'000 * kCent;
  const uint32_t what = rng_.below(100);
  const bool trading = market_.state(symbol) == 'T';
  if (!trading || market_.open_orders() >= config_.open_orders_max || (what >= 50 && what < 75)) {
    cancel(day_ns);
  } else if (what < 50) {
    quote(symbol, day_ns);
  } else if (what < 88) {
    replace(day_ns);
  } else {
    take(symbol, day_ns);
  }
}

uint32_t Traders::near_value(uint16_t symbol, char side) {
  const uint32_t away = (1 + rng_.below(20)) * kCent;
  return side == 'B' ? value_[symbol] - away : value_[symbol] + away;
}

void Traders::quote(uint16_t symbol, uint64_t day_ns) {
  Order order{.ref = market_.new_ref(), .symbol = symbol, .side = rng_.chance(0.5) ? 'B' : 'S'};
  order.shares = 100 * (1 + rng_.below(10));
  order.price = near_value(symbol, order.side);
  accounts_.filled(market_.match(order, day_ns), day_ns);
  if (order.shares == 0) return;
  market_.rest(order, day_ns);
  own_.push_back(order.ref);
}

const Order* Traders::own_order() {
  while (!own_.empty()) {
    const size_t i = rng_.below(static_cast<uint32_t>(own_.size()));
    if (const Order* order = market_.find(own_[i])) return order;
    own_[i] = own_.back();
    own_.pop_back();
  }
  return nullptr;
}

void Traders::cancel(uint64_t day_ns) {
  const Order* order = own_order();
  if (!order) return;
  const uint32_t part = rng_.chance(0.7) ? order->shares : 1 + rng_.below(order->shares);
  market_.reduce(order->ref, part, day_ns);
}

void Traders::replace(uint64_t day_ns) {
  const Order* old = own_order();
  if (!old || market_.state(old->symbol) != 'T') return;
  const uint64_t old_ref = old->ref;
  Order fresh = *old;
  fresh.price = near_value(old->symbol, old->side);
  fresh.shares = 100 * (1 + rng_.below(10));
  if (market_.crosses(fresh)) return;
  fresh.ref = market_.new_ref();
  market_.replace(old_ref, fresh, day_ns);
  own_.push_back(fresh.ref);
}

void Traders::take(uint16_t symbol, uint64_t day_ns) {
  const char side = rng_.chance(0.5) ? 'B' : 'S';
  const uint32_t other = market_.best(symbol, side == 'B' ? 'S' : 'B');
  if (other == 0) return;
  Order order{.ref = market_.new_ref(), .symbol = symbol, .side = side};
  order.shares = 100 * (1 + rng_.below(5));
  order.price = other;
  accounts_.filled(market_.match(order, day_ns), day_ns);
}

}  // namespace pinion::exchange
