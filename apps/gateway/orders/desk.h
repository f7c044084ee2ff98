// The rules between clients and the venue: what a client asks becomes an order at the venue or a
// refusal, what the venue says becomes a report. A state machine and nothing else: the moment is an
// argument, everything that leaves goes through an Outlet, and no order passes without Risk.
//
// Every decision is a record of the journal before anything follows from it, and every answer of
// the venue is one before it comes here. So the desk is a function of the journal: recover() and
// on_answer() with the same records, in their order, make the same desk again (recovery.h).
#pragma once
#include "gateway/orders/orders.h"
#include "gateway/orders/record.h"
#include "gateway/orders/report.h"
#include "gateway/orders/request.h"
#include "gateway/ouch/ouch.h"
#include "gateway/risk/risk.h"

namespace pinion::gateway {

class Outlet {
 public:
  virtual ~Outlet() = default;
  // Logged in, and with room for another message.
  virtual bool venue_ready() const = 0;
  virtual bool to_venue(Bytes message) = 0;
  // The record's number; 0: the journal does not take it. `must`: an order that lives needs it.
  virtual uint64_t record(const OrderRecord& record, bool must) = 0;
  virtual void report(const Report& report) = 0;
  virtual risk::Market market(uint32_t symbol) const = 0;
  // Something that cannot be, if venue and gateway are right: no new orders until a person looked.
  virtual void alarm(const char* what) = 0;
};

struct DeskConfig {
  std::string_view firm = {};  // of every order; empty: the account's own
  int64_t orders_per_s = 5'000, burst_orders = 200;  // that the venue takes
  Nanos cancel_timeout = 2 * kSecond;  // then it is sent again
  uint32_t cancel_tries = 3;           // then its client is told that there is no answer
};

struct DeskCounters {
  uint64_t entered = 0, replaced = 0, cancels = 0, refused = 0, repeated = 0;
  uint64_t accepted = 0, fills = 0, shares = 0, cancelled = 0, rejected = 0, broken = 0, lost = 0;
  uint64_t answers = 0, answers_unknown = 0, answers_ignored = 0;
};

class Desk {
 public:
  Desk(const DeskConfig& config, const Symbols& symbols, Orders& orders, risk::Risk& risk,
       Outlet& outlet);
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  const DeskCounters& counters() const { return counters_; }
  const Orders& orders() const { return orders_; }

  // From a client.
  void on_request(uint16_t session, const ClientRequest& request, Nanos now);
  // Logged in to the venue, which first says what was missed. No order passes before it has.
  void on_venue_login();
  void on_venue_lost() { caught_up_ = false; }
  bool caught_up() const { return caught_up_; }
  // From the venue: record number `cause` of the journal.
  void on_answer(uint64_t cause, Bytes answer, Nanos now);
  // A decision that an earlier process has made. Between begin_ and end_recovery nothing is decided
  // and nothing sent; reports are made as they were.
  void begin_recovery() { recovering_ = true; }
  void end_recovery() {
    recovering_ = false;
    on_venue_lost();
  }
  // Null; or why it cannot be made again, and then nothing that follows can.
  const char* recover(uint64_t cause, const OrderRecord& record, Nanos now);
  // All open orders of a session shall go: it has disconnected, or the kill switch is thrown.
  void cancel_all(uint16_t session, Nanos now);
  // No new orders from now on, and why. Cancels go on.
  void close(std::string_view why) { closed_ = why; }
  // Time passes: cancels that have no answer.
  void poll(Nanos now);

 private:
  void enter(uint16_t session, const ClientRequest& r, Nanos now);
  void cancel(uint16_t session, const ClientRequest& r, Nanos now);
  void replace(uint16_t session, const ClientRequest& r, Nanos now);
  void status(uint16_t session, const ClientRequest& r);
  bool answer_repeat(uint16_t session, const ClientRequest& r);
  void refuse(Decision what, uint16_t session, const ClientRequest& r, int reason,
              std::string_view text);
  std::string_view refuse_enter(const ClientRequest& r, Nanos now, int& reason) const;
  std::string_view refuse_cancel(uint16_t session, const ClientRequest& r, uint32_t& order,
                                 int& reason) const;
  std::string_view refuse_replace(const Order& order, const ClientRequest& r, int& reason) const;
  void want_cancel(uint32_t order, uint16_t session, std::string_view id, std::string_view orig,
                   Nanos now);

  void begin(uint64_t cause) { cause_ = cause, part_ = 0; }
  uint32_t apply_enter(const OrderRecord& r);
  void apply_replace(const OrderRecord& r);
  void apply_cancel(const OrderRecord& r, Nanos now);
  void apply_refusal(const OrderRecord& r);
  void apply_give_up(const OrderRecord& r);
  void apply_query(bool login);
  void query(bool login);
  const char* misfit(const OrderRecord& r) const;
  void adopt(const OrderRecord& r);
  void send_enter(const Order& order, const Request& request);
  void send_replace(const Order& order, const Request& request);
  void send_cancel(uint32_t order, Nanos now);

  // desk_venue.cpp
  template <class Answer>
  Order* order_of(const Answer& answer);
  void on(const ouch::answer::Accepted& m, Nanos now);
  void on(const ouch::answer::Replaced& m, Nanos now);
  void on(const ouch::answer::Executed& m, Nanos now);
  void on(const ouch::answer::Cancelled& m, Nanos now);
  void on(const ouch::answer::AiqCancelled& m, Nanos now);
  void on(const ouch::answer::Rejected& m, Nanos now);
  void on(const ouch::answer::CancelReject& m, Nanos now);
  void on(const ouch::answer::Broken& m, Nanos now);
  void on(const ouch::answer::AccountResponse& m, Nanos now);
  template <class Answer>
  void on(const Answer&, Nanos) {
    ++counters_.answers_ignored;
  }
  void caught_up(uint32_t next_ref, Nanos now);
  void lose_unanswered(uint32_t order, uint32_t next_ref);
  void on_replace_rejected(Order& order, uint16_t why, Nanos now);
  void take_away(Order& order, uint32_t shares, char reason);
  void unknown(const char* what);

  uint32_t index_of(const Order& order) const;
  void close(Order& order, OrderState state);
  void tell(ReportKind kind, const Order& order, std::string_view id, std::string_view orig,
            Report more = {});
  void end_change(ReportKind kind, const Order& order, uint32_t& request, int reason,
                  std::string_view text);
  void end_replace(Order& order, int reason, std::string_view text);
  void end_cancel(Order& order, int reason, std::string_view text);
  std::string_view named(const Order& order) const;

  DeskConfig config_;
  const Symbols& symbols_;
  Orders& orders_;
  risk::Risk& risk_;
  Outlet& outlet_;
  risk::RateLimit venue_rate_;
  DeskCounters counters_;
  std::string_view closed_ = {};
  // Account queries: sent and not answered yet, as far as we know; answers until the one that is
  // surely of a query of this login.
  uint32_t queries_unanswered_ = 0, responses_wanted_ = 0;
  bool caught_up_ = false, recovering_ = false;
  // Of each session: the ClOrdID of the last request that was refused. It may leave nothing else
  // behind, and yet come again if we die before its number is counted.
  std::vector<Request> last_refused_;
  uint64_t cause_ = 0;  // of the reports that follow
  uint32_t part_ = 0;
};

const char* text_of_reject(uint16_t ouch_reason);
char status_of(const Order& order);

}  // namespace pinion::gateway
