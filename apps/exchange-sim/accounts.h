// OUCH 5.0 accounts on the market: each has a stream of answers, numbered for the day, and its
// orders. Knows no session layer and no socket; time is an argument.
#pragma once
#include <set>
#include <string>

#include "exchange-sim/market.h"
#include "gateway/ouch/appendage.h"
#include "gateway/ouch/ouch.h"

namespace pinion::exchange {

struct AccountCounters {
  uint64_t requests = 0;
  uint64_t entered = 0, replaced = 0, cancels = 0;
  uint64_t repeats = 0;  // ignored: their number was not above the last one
  uint64_t ignored = 0;  // about orders that are not alive
  uint64_t rejected = 0;
  uint64_t malformed = 0;  // no such request, or too short
  uint64_t fills = 0, shares = 0;
};

struct Credentials {
  std::string username, password;
};

class Accounts {
 public:
  Accounts(Market& market, const std::vector<Credentials>& who, MessageStore::Limits answers);

  size_t size() const { return accounts_.size(); }
  // -1: nobody with this name and password, neither of which is case-sensitive.
  int find(std::string_view username, std::string_view password) const;
  const MessageStore& answers(size_t account) const { return accounts_[account].answers; }
  const AccountCounters& counters(size_t account) const { return accounts_[account].counters; }
  int64_t position(size_t account, uint16_t symbol) const {
    return accounts_[account].positions[symbol];
  }
  int64_t position(size_t account) const;  // in all symbols together
  bool full() const { return full_; }

  void system_event(char event, uint64_t day_ns);
  void request(size_t account, Bytes message, uint64_t day_ns);
  // A background trader has traded with these orders.
  void filled(const std::vector<Fill>& fills, uint64_t day_ns);
  // Orders good till a time end; whether there are such.
  bool expires(uint64_t day_ns) const;
  void expire(uint64_t day_ns);

 private:
  // What an account knows its order by, as long as it lives.
  struct Live {
    uint64_t ref = 0;
    uint32_t executed = 0;  // of the whole chain of replaces
    char side = 'B', time_in_force = '0', display = 'Y', capacity = 'A', sweep = 'N';
    Alpha<14> cl_ord_id{};
    Alpha<4> firm{};
    uint64_t expires_ns = UINT64_MAX;
  };
  struct Account {
    Account(const Credentials& who, MessageStore::Limits limits, size_t symbols)
        : credentials(who), answers(limits), positions(symbols) {}
    Credentials credentials;
    MessageStore answers;
    uint32_t last_user_ref = 0;
    std::map<uint32_t, Live> live;
    std::set<std::string> disabled_firms;
    std::vector<int64_t> positions;  // by symbol
    AccountCounters counters;
  };
  struct Wish {  // an order to be, of an enter or a replace
    Order order;
    Live live;
    bool post_only = false;
  };

  template <class Message>
  void answer(Account& account, const Message& message, Bytes rest = {});
  void reject(Account& account, uint32_t user_ref, const Alpha<14>& cl_ord_id, ouch::Reject why,
              uint64_t day_ns);
  // False: a repeat, to be ignored.
  bool take_number(Account& account, uint32_t user_ref);
  template <class Message>
  bool read_options(const Message& m, Bytes rest, Wish& wish, uint64_t day_ns) const;
  void work(Account& account, Wish& wish, uint64_t day_ns);
  void executed(Account& account, uint32_t user_ref, const Fill& fill, bool maker, uint64_t day_ns);
  void cancelled(Account& account, uint32_t user_ref, uint32_t shares, char reason,
                 uint64_t day_ns);
  void cut(Account& account, uint32_t user_ref, uint32_t intended, char reason, uint64_t day_ns);

  using Request = Account&;
  void on(Request account, const ouch::request::EnterOrder& m, Bytes rest, uint64_t day_ns);
  void on(Request account, const ouch::request::ReplaceOrder& m, Bytes rest, uint64_t day_ns);
  void on(Request account, const ouch::request::CancelOrder& m, Bytes rest, uint64_t day_ns);
  void on(Request account, const ouch::request::ModifyOrder& m, Bytes rest, uint64_t day_ns);
  void on(Request account, const ouch::request::MassCancel& m, Bytes rest, uint64_t day_ns);
  void on(Request account, const ouch::request::DisableEntry& m, Bytes rest, uint64_t day_ns);
  void on(Request account, const ouch::request::EnableEntry& m, Bytes rest, uint64_t day_ns);
  void on(Request account, const ouch::request::AccountQuery& m, Bytes rest, uint64_t day_ns);

  Market& market_;
  std::vector<Account> accounts_;
  bool full_ = false;
};

}  // namespace pinion::exchange
