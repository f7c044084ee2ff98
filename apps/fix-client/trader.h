// What a client of the gateway trades, from a seed: orders around the touch, cancels, replacements,
// and now and then what the risk checks must refuse. Keeps account of every order and every answer,
// so that at the end it can say whether anything is missing or came twice.
#pragma once
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/rng.h"
#include "gateway/fix/session.h"
#include "gateway/market/market_data.h"

namespace pinion::fix_client {

struct TraderConfig {
  std::vector<std::string> symbols;
  uint64_t seed = 1;
  bool bad_orders = true;  // some that must be refused
  bool watch = false;      // a drop copy: others trade, we only count
};

struct Totals {
  uint64_t orders = 0, cancels = 0, replaces = 0;
  uint64_t accepted = 0, fills = 0, shares = 0, cancelled = 0, replaced = 0;
  uint64_t refused = 0, cancel_rejects = 0;
  uint64_t twice = 0;    // an ExecID that came before
  uint64_t strange = 0;  // a report that does not fit what we know of the order
  std::map<std::string, uint64_t> reasons;  // of refusals and cancel rejects, by Text
};

class Trader : public fix::Application {
 public:
  Trader(const TraderConfig& config, const market::MarketData& market);

  // One action. False: there is no price to trade at, or the session is away.
  bool act(fix::Session& session, const fix::Now& now);
  // Cancels everything that is open and has no cancel on its way.
  void cancel_all(fix::Session& session, const fix::Now& now);

  const Totals& totals() const { return totals_; }
  size_t open() const { return open_.size(); }
  size_t unanswered() const { return waiting_.size(); }
  size_t reports() const { return exec_ids_.size(); }
  int64_t position(const std::string& symbol) const;
  bool logged_on() const { return logged_on_; }

  fix::Answer on_message(fix::Session&, const fix::Message& m, const fix::Now& now) override;
  void on_logon(fix::Session&, const fix::Now&) override { logged_on_ = true; }
  void on_logout(fix::Session&, const fix::Now&) override { logged_on_ = false; }

 private:
  struct Order {
    size_t symbol = 0;
    bool buy = true;
    uint64_t quantity = 0, executed = 0;
    bool busy = false;  // a cancel or a replacement is on its way
  };

  std::string next_id(const fix::Now& now);
  bool send_new(fix::Session& session, const fix::Now& now);
  void send_change(fix::Session& session, char type, const std::string& orig, const fix::Now& now);
  void strange(const fix::Message& m);
  void on_report(const fix::Message& m);
  void on_end(const fix::Message& m);
  void on_fill(const fix::Message& m, Order& order);
  void on_copy(const fix::Message& m);
  void on_cancel_reject(const fix::Message& m);
  void answered(std::string_view id) { waiting_.erase(std::string(id)); }
  std::string any_open();
  void book(size_t symbol, bool buy, uint64_t shares);
  size_t symbol_index(std::string_view symbol) const;

  TraderConfig config_;
  const market::MarketData& market_;
  Rng rng_;
  Totals totals_;
  std::unordered_map<std::string, Order> open_;  // by the ClOrdID that names it now
  std::vector<std::string> ids_;                 // of the open ones, and some that were
  std::unordered_set<std::string> waiting_;      // requests without an answer
  std::unordered_set<std::string> exec_ids_;
  std::vector<int64_t> positions_;
  int64_t last_stamp_ = 0;
  bool logged_on_ = false;
};

}  // namespace pinion::fix_client
