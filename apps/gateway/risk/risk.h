// The pre-trade checks (17 CFR 240.15c3-5 (c)): every order passes here before a byte of it leaves,
// and everything that the venue says about it comes back here. One thread; the moment and the
// market are arguments; no file, no clock, no allocation after construction. Cancels do not come
// here: nothing may stop them.
//
// An order counts with all that it could still do: open shares and notional from the moment at
// which it passes, not from when the venue accepts it. A replacement that is on its way counts with
// what it adds to the order that it replaces, whose fills make it smaller too: its size at the
// venue is that of the whole chain, executed shares included (OUCH 5.0, Replace Order).
//
// Notional is reserved at the worst price for the limits: a buy's limit, since it trades there or
// below; for a sale the limit or the bid, whichever is higher, since it trades at the bid when that
// is better. What trades is counted at the price of the fill.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gateway/risk/kill_switch.h"
#include "gateway/risk/limits.h"
#include "gateway/risk/order_table.h"

namespace pinion::risk {

// Why an order was refused. The name without its underscores is the Text (58) of the answer.
enum class Refusal : uint8_t {
  none,
  killed,
  unknown_symbol,
  restricted,
  halted,
  stale_book,
  bad_size,
  bad_price,
  order_shares,
  order_notional,
  no_reference_price,
  price_collar,
  open_orders,
  gross_open_notional,
  daily_traded_notional,
  position,
  rate,
  duplicate,
  self_trade,
  short_sale,
  locate,
  reg_sho,
  unknown_order,
  replace_in_flight,
  duplicate_id,
};
const char* text_of(Refusal refusal);

struct OrderRequest {
  OrderId id = 0;
  uint32_t account = 0, symbol = 0;
  Side side = Side::buy;
  int64_t shares = 0;
  Price price = 0;
  bool located = false;  // shares were located for this short sale (Reg SHO, rule 203(b))
};

// What the order book of the symbol says at this moment.
struct Market {
  bool live = false;                   // false: stale, so nothing in it is to be believed
  Price bid = 0, ask = 0;              // 0: that side is empty
  bool trading = true;                 // false: halted, paused
  bool short_sale_restricted = false;  // Reg SHO rule 201 in effect
};

struct AccountState {
  uint32_t open_orders = 0;
  Amount open_notional = 0, traded_notional = 0;
  uint64_t passed = 0, refused = 0;
};
struct SymbolState {
  int64_t position = 0;                   // long above 0
  int64_t open_buys = 0, open_sells = 0;  // shares
};

struct RiskConfig {
  uint32_t accounts = 1, symbols = 1;
  uint32_t orders_max = 4096;  // of all accounts, with replacements on their way
};

class Risk {
 public:
  Risk(const RiskConfig& config, KillSwitch& kill);
  Risk(const Risk&) = delete;
  Risk& operator=(const Risk&) = delete;

  // All of an account's limits at once. Its state stays; only the counters of rate, duplicates and
  // rejects begin anew. Allocates: not while orders are on their way through (a reload is a moment
  // between two polls).
  void set_limits(uint32_t account, const Limits& limits);
  void set_restricted(uint32_t symbol, bool restricted) { restricted_[symbol] = restricted; }

  // `none`: it has passed and counts. Otherwise nothing has changed but the count of rejects.
  Refusal check_new(const OrderRequest& order, const Market& market, int64_t now_ns);
  // `order.shares` and `order.price` are the replacement's, of shares that may still trade (what
  // has been executed is taken off); `order.id` is new. Side, symbol and account are the
  // original's, which the venue must not be replacing already, nor be a replacement itself that is
  // on its way.
  Refusal check_replace(OrderId original, const OrderRequest& order, const Market& market,
                        int64_t now_ns);

  // What the venue says. False: that order is not known here, or the event cannot be true.
  bool filled(OrderId id, int64_t shares, Price price);
  bool cancelled(OrderId id, int64_t shares);  // of so many shares
  bool rejected(OrderId id, int64_t now_ns);   // an order, or a replacement
  // It never reached the venue.
  bool withdrawn(OrderId id);
  bool replaced(OrderId original, OrderId replacement, int64_t leaves, Price price);
  // An execution is undone: the order may be gone long since.
  void broken(uint32_t account, uint32_t symbol, Side side, int64_t shares, Price price);
  // Known from the journal or the venue: it counts, and is not checked. A sale is reserved at its
  // limit: the bid of that moment is not known any more. False: no room, or no such original.
  bool adopt(const OrderRequest& order);
  bool adopt_replacement(OrderId original, const OrderRequest& order);  // that is on its way
  // Also refusals that are made elsewhere count towards the kill switch.
  void count_reject(uint32_t account, int64_t now_ns);

  const AccountState& account(uint32_t account) const { return accounts_[account].state; }
  const SymbolState& symbol(uint32_t account, uint32_t symbol) const {
    return positions_[size_t{account} * config_.symbols + symbol];
  }
  const Order* find(OrderId id) const { return orders_.find(id); }
  const OrderTable& orders() const { return orders_; }

 private:
  struct Recent {
    int64_t at = INT64_MIN / 2;
    uint32_t symbol = 0;
    Side side = Side::buy;
    int64_t shares = 0;
    Price price = 0;
    uint64_t before = 0;  // the last one in front of it whose terms have the same hash; 0: none
  };
  // A ring of all orders that the rate lets pass within the window for duplicates, numbered from 1,
  // and by the hash of its terms the last one: an order is compared with those that are like it,
  // however many there are.
  struct RecentOrders {
    std::vector<Recent> ring;
    std::vector<uint64_t> last;  // as many as a power of two
    uint64_t next = 1;
    void set(size_t orders);
    size_t slot_of(const OrderRequest& o) const;
    const Recent& at(uint64_t number) const { return ring[number & (ring.size() - 1)]; }
    // Still in the ring.
    bool has(uint64_t number) const { return number != 0 && number + ring.size() >= next; }
    uint32_t count_same(const OrderRequest& o, int64_t since, uint32_t most) const;
    void add(const OrderRequest& o, int64_t now_ns);
  };
  struct Account {
    Limits limits;
    AccountState state;
    RateLimit rate;
    EventWindow rejects;
    RecentOrders recent;
  };
  // What an order would add to what counts already.
  struct Added {
    int64_t shares = 0;
    Amount notional = 0;
    bool order = false;
  };
  // Our own orders on one side of a symbol, of all accounts: whom an order might trade with.
  struct Own {
    OrderId first = 0;
    Price best = 0;  // 0: there are none
  };

  Refusal check(const Account& a, const OrderRequest& o, const Market& m, const Added& added,
                int64_t now_ns) const;
  Refusal check_form(const Account& a, const OrderRequest& o, const Market& m) const;
  Refusal check_price(const Account& a, const OrderRequest& o, const Market& m) const;
  Refusal check_short_sale(const Account& a, const OrderRequest& o, const Market& m) const;
  Refusal check_totals(const Account& a, const OrderRequest& o, const Added& added) const;
  Refusal check_repetition(const Account& a, const OrderRequest& o, int64_t now_ns) const;
  bool would_self_trade(const OrderRequest& o) const;
  Order* insert(const OrderRequest& o, Price reserved_price);
  Order* insert_replacement(OrderId original, const OrderRequest& o, Price reserved_price);
  void reserve_beside(const Order& original);
  Refusal refuse(uint32_t account, Refusal why, int64_t now_ns);
  void pass(Account& a, const OrderRequest& o, int64_t now_ns);
  void reserve(Order& order, int64_t shares, Amount notional);
  void release(Order& order, int64_t shares, Amount notional);
  void remove(OrderId id);
  void settle(const Order& order);
  Own& own_of(uint32_t symbol, Side side) { return own_[size_t{symbol} * 2 + is_buy(side)]; }
  void find_best(Own& own, bool buys);
  SymbolState& symbol_of(const Order& order) {
    return positions_[size_t{order.account} * config_.symbols + order.symbol];
  }

  RiskConfig config_;
  KillSwitch& kill_;
  OrderTable orders_;
  std::vector<Account> accounts_;
  std::vector<SymbolState> positions_;  // of each account and symbol
  std::vector<char> restricted_;
  std::vector<Own> own_;  // sells and buys of each symbol
};

}  // namespace pinion::risk
