// The gateway: clients' FIX sessions in front, the venue behind, the desk with its risk checks and
// the market data in between, the journal beside them. One thread calls turn(); what it needs from
// outside (network, clock, journal's thread, people) comes as arguments or through control/.
//
//   FIX bytes -> Acceptor -> Session -> Client -> Engine::on_client_message -> Desk -> to_venue
//   OUCH bytes -> VenueLink -> Engine::on_venue_message -> Desk -> report -> Session -> FIX bytes
#pragma once
#include <memory>

#include "gateway/control/answer.h"
#include "gateway/control/counter.h"
#include "gateway/control/histogram.h"
#include "gateway/engine/client.h"
#include "gateway/engine/market_watch.h"
#include "gateway/engine/notices.h"
#include "gateway/engine/recovery.h"
#include "gateway/market/market_data.h"
#include "gateway/orders/desk.h"
#include "gateway/venue/venue_link.h"

namespace pinion::gateway {

struct Secrets {
  std::string username, password;  // of the order port
  std::string snapshot_user, snapshot_password;
};

struct EngineParts {
  Network& network;
  journal::Journal& journal;
  risk::KillSwitch& kill;
  Nanos (*clock)();  // CLOCK_MONOTONIC, for the stages' latencies
  uint64_t key;      // chance
};

// From the moment at which the turn began that brought it.
struct Stages {
  control::Histogram parsed;         // an order is the desk's
  control::Histogram decided;        // it has passed all checks, is in the journal and encoded
  control::Histogram sent;           // it is the network's: order to wire, but for the NIC
  control::Histogram tick_to_trade;  // and since the last market data that came
  control::Histogram answered;       // from the turn of the venue's answer to its report's sending
};

class Engine final : ClientSink, VenueSink, Outlet, fix::AcceptorWatcher {
 public:
  Engine(const Config& config, const Secrets& secrets, const EngineParts& parts);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Recovers the day from the journal (which is open, and has nothing appended yet) and opens every
  // socket. False, and why.
  bool start(const fix::Now& now, std::string& why);
  // One turn. How many events there were; a negative errno: there is no network any more.
  int turn(const fix::Now& now);
  // No new orders; clients are logged out, their orders cancelled if they are configured so, then
  // the venue. stopped() after that, or after a few seconds.
  void begin_stop(const fix::Now& now);
  bool stopped(const fix::Now& now) const;
  void end();  // the last word to the venue

  // A command of gatewayctl (commands.cpp).
  void command(std::string_view line, control::Answer& out);
  // The next command "reload" takes these limits. Housekeeping hands them over before it asks.
  void offer_risk(std::unique_ptr<RiskFileConfig> risk) { offered_ = std::move(risk); }

  Notices& notices() { return notices_; }
  const Stages& stages() const { return stages_; }
  const Desk& desk() const { return desk_; }
  const Orders& orders() const { return orders_; }
  const risk::Risk& risk() const { return risk_; }
  const market::MarketData& market_data() const { return market_; }
  const VenueLink& venue() const { return venue_; }
  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }
  fix::AcceptorCounters connections() const;  // of all acceptors
  bool venue_ready() const override;

 private:
  bool recover(std::string& why);
  int64_t venue_date(int64_t utc_ns) const;
  void resume_reports(const RecoveredDay& day);
  bool listen(std::string& why);
  void record_event(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void set_limits(const RiskFileConfig& risk);
  void reload(control::Answer& out);
  void look_at_kill();
  void look_at_journal();
  void tell_untold();
  void tell_venue_is_over();
  void look_at_books();
  void look_at_date();
  void cancel_for_those_away();
  void cancel_everything(const char* why);

  fix::Answer on_client_message(Client& client, const fix::Message& message,
                                const fix::Now& now) override;
  void on_client_frame(const Client& client, journal::Kind direction, std::string_view frame,
                       const fix::Now& now) override;
  void on_client_logon(Client& client) override;
  void on_client_logout(Client& client, const fix::Now& now) override;

  void on_dropped(const Endpoint& peer, const fix::Session* whose, const char* why) override;
  bool may_tell(Dropped& dropped, size_t left_to_others);

  void on_venue_login() override;
  void on_venue_message(uint64_t number, Bytes message) override;
  void on_venue_lost() override;
  void on_venue_unreached(int status) override;
  bool takes_venue_messages() const override;

  bool to_venue(Bytes message) override;
  uint64_t record(const OrderRecord& record, bool must) override;
  void report(const Report& report) override;
  void report_to(Client& client, const Report& report);
  void record_report(const Client& client, uint64_t number);
  risk::Market market(uint32_t symbol) const override;
  void alarm(const char* what) override;

  void answer_status(control::Answer& out) const;
  void answer_sessions(control::Answer& out) const;
  void answer_positions(control::Answer& out) const;
  void answer_orders(std::string_view arguments, control::Answer& out) const;
  void answer_book(std::string_view symbol, control::Answer& out) const;
  void answer_lines(control::Answer& out) const;
  const char* state_text() const;

  Config config_;
  Network& network_;
  journal::Journal& journal_;
  risk::KillSwitch& kill_;
  Nanos (*clock_)();
  Symbols symbols_;
  Orders orders_;
  risk::Risk risk_;
  market::MarketData market_;
  VenueLink venue_;
  Desk desk_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<fix::Acceptor>> acceptors_;
  std::unique_ptr<RiskFileConfig> offered_;
  Notices notices_;
  MarketWatch market_watch_;
  Stages stages_;

  fix::Now now_;             // of this turn
  std::string day_session_;  // the venue's session that the day's numbers are of; empty: none yet
  int64_t venue_seen_date_ = 0;  // of the last record that the venue lives
  Nanos date_next_ = 0;          // when the date is looked at again
  fix::TimeZone venue_zone_;
  bool replaying_ = false;
  bool killed_ = false;  // as far as what follows from it was done
  Nanos last_tick_ = 0;
  uint64_t ticks_ = 0;
  uint64_t unrecorded_ = 0;  // reports of what the journal did not take
  Nanos stopping_since_ = kNever;
  journal::DiskState disk_ = journal::DiskState::good;  // as far as it was told
  bool journal_stopped_ = false;                        // as well
  struct {  // what is said once, and has found no room for it
    const char* alarm = nullptr;
    bool kill = false, venue_is_over = false, full_stores = false;
  } untold_;
  Nanos unreached_next_ = 0;  // when the next such connection is worth a notice
  Dropped strangers_;
};

}  // namespace pinion::gateway
