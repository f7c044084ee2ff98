// The limits of a risk profile, and the pieces that count against time. All amounts are integers:
// prices in ten-thousandths of a dollar, as on the wire of the venue, and amounts of money in the
// same unit, so shares times price needs no scaling.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pinion::risk {

using Price = int64_t;   // 1/10,000 dollar
using Amount = int64_t;  // 1/10,000 dollar
inline constexpr int64_t kUnit = 10'000;
inline constexpr int kPriceDecimals = 4;

// What an order may be at all at a venue of OUCH 5.0: 999,999 shares, and no price above.
inline constexpr int64_t kSharesMax = 999'999;
inline constexpr Price kPriceMax = 199'999'9900;

// Limits of money up to this: what has traded, is open and is asked for add up within 64 bits.
inline constexpr Amount kAmountMax = 10'000'000'000'000 * kUnit;
// Orders that the search for duplicates remembers: recent_orders() must not be more.
inline constexpr int64_t kRecentOrdersMax = 1 << 16;

struct Limits {
  int64_t max_order_shares = 0;
  Amount max_order_notional = 0;
  int64_t price_collar_bps = 0;
  uint32_t max_open_orders = 0;
  Amount max_gross_open_notional = 0;
  Amount max_daily_traded_notional = 0;
  int64_t max_position_shares_per_symbol = 0;
  int64_t orders_per_s = 1, burst_orders = 1;
  int64_t duplicate_window_ms = 0;
  uint32_t max_identical_orders = 1;
  bool self_trade_reject = true;
  bool short_sale_allowed = false, short_sale_require_locate = true;
  uint32_t reject_burst = 0;  // this many are borne; 0: any number
  int64_t reject_burst_window_ms = 0;
};

// How many orders the rate lets pass within the window for duplicates.
constexpr int64_t recent_orders(const Limits& l) {
  return l.orders_per_s * l.duplicate_window_ms / 1000 + l.burst_orders + 1;
}

// At most `burst` at once and `per_s` a second in the long run, exactly: the moment from which one
// more is due moves on by an interval with each that passes (the generic cell rate algorithm).
class RateLimit {
 public:
  void set(int64_t per_s, int64_t burst);
  bool would_pass(int64_t now_ns) const { return due_ <= now_ns + slack_; }
  void pass(int64_t now_ns);

 private:
  int64_t interval_ = 0, slack_ = 0;
  int64_t due_ = INT64_MIN / 2;
};

// How many events of the last `window` there were, as far as `most` matters.
class EventWindow {
 public:
  void set(uint32_t most, int64_t window_ns);
  // True: this one is the `most + 1`st within the window.
  bool add(int64_t now_ns);

 private:
  std::vector<int64_t> times_;  // of the last `most`, as a ring
  size_t next_ = 0;
  int64_t window_ = 0;
};

}  // namespace pinion::risk
