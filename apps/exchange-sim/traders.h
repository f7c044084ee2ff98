// Background traders, so that the books move: from one seed they quote around a fair value that
// walks, cancel, replace and take. What they do depends on the seed and on the books alone.
#pragma once
#include "base/rng.h"
#include "exchange-sim/accounts.h"
#include "exchange-sim/market.h"

namespace pinion::exchange {

struct TradersConfig {
  uint64_t seed = 1;
  double actions_per_s = 1'000;
  size_t open_orders_max = 10'000;
};

class Traders {
 public:
  Traders(const TradersConfig& config, Market& market, Accounts& accounts);

  // How many actions are due by now; no more than a burst: after a pause they do not catch up.
  int due(Nanos now);
  // The next action. Its outcome depends on the seed, the actions before, and the books.
  void act(uint64_t day_ns);
  Nanos next_deadline() const { return next_; }
  uint64_t actions() const { return actions_; }

 private:
  void quote(uint16_t symbol, uint64_t day_ns);
  void cancel(uint64_t day_ns);
  void replace(uint64_t day_ns);
  void take(uint16_t symbol, uint64_t day_ns);
  // One of their orders that still rests, or null; forgets those that do not.
  const Order* own_order();
  uint32_t near_value(uint16_t symbol, char side);

  TradersConfig config_;
  Market& market_;
  Accounts& accounts_;
  Rng rng_;                      // what they do
  Rng when_;                     // and when: apart, so that the clock does not change what they do
  std::vector<uint32_t> value_;  // of each symbol
  std::vector<uint64_t> own_;
  Nanos next_ = 0;
  uint64_t actions_ = 0;
};

}  // namespace pinion::exchange
