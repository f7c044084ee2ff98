// A day of the venue: market, accounts and traders as a function of their inputs, one after the
// other, and a log of these inputs. The same inputs make the same day, so a simulator that was
// killed reads its log and goes on as if nothing had happened.
#pragma once
#include <string>

#include "exchange-sim/accounts.h"
#include "exchange-sim/market.h"
#include "exchange-sim/sockets.h"
#include "exchange-sim/traders.h"

namespace pinion::exchange {

// What can happen. `who` is an account (request) or a symbol (state, reg_sho).
enum class Input : uint32_t {
  configuration = 1,  // the first one: a log belongs to its configuration
  open = 2,
  request = 3,  // an OUCH message
  trader = 4,   // the next action of the background traders
  expire = 5,   // orders good till a time
  state = 6,    // one byte: H or T
  reg_sho = 7,  // one byte: 0 to 2
  close = 8,
};

struct DayConfig {
  std::vector<std::string> symbols;
  std::vector<Credentials> users;
  TradersConfig traders;
  MessageStore::Limits market_limits, answer_limits;
  std::string log;   // a file; empty: none is kept
  std::string name;  // of the session
};

class Day {
 public:
  // Throws std::runtime_error if the log cannot be used, or is of another configuration.
  explicit Day(const DayConfig& config);

  // Happens now, and is in the log with the next flush.
  void input(Input what, uint32_t who, uint64_t day_ns, Bytes payload = {});
  // Nothing that follows from an input may be told to anybody before this.
  void flush();

  const Market& market() const { return market_; }
  const Accounts& accounts() const { return accounts_; }
  Traders& traders() { return traders_; }
  const Traders& traders() const { return traders_; }
  uint64_t replayed() const { return replayed_; }  // inputs that came from the log
  uint64_t last_ns() const { return last_ns_; }    // when the last one happened
  bool closed() const { return closed_; }

 private:
  struct Record {
    uint32_t bytes, who;
    Input what;
    uint32_t reserved;
    uint64_t day_ns;
  };
  void apply(Input what, uint32_t who, uint64_t day_ns, Bytes payload);
  void replay(const std::string& path, const std::string& configuration);

  Market market_;
  Accounts accounts_;
  Traders traders_;
  Fd log_;
  std::vector<std::byte> pending_;
  uint64_t replayed_ = 0, last_ns_ = 0;
  bool closed_ = false;
};

}  // namespace pinion::exchange
