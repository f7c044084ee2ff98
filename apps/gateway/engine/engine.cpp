#include "gateway/engine/engine.h"

#include <algorithm>
#include <cstdarg>
#include <cstring>
#include <utility>

#include "gateway/engine/doors.h"

namespace pinion::gateway {

namespace {

const char* notice_of(journal::DiskState disk) {
  switch (disk) {
    case journal::DiskState::good: return "written to disk again";
    case journal::DiskState::full: return "its disk is full, records wait in memory";
    case journal::DiskState::failed: return "its disk has failed, nothing more is written";
  }
  return "";
}

constexpr const char* kVenueZone = "America/New_York";
constexpr uint16_t kVenueSource = 0xffff, kOwnSource = 0xfffe;  // of records that no client's are
constexpr Nanos kStopWithin = 3 * kSecond;
constexpr Nanos kTellUnreachedEvery = 60 * kSecond;
constexpr Nanos kLookAtDateEvery = kSecond;
// Of the room for notices.
constexpr size_t kLeftByStrangers = Notices::kKept / 4, kLeftByClients = Notices::kKept / 8;
constexpr size_t kOuchMax = 96;  // of what the desk sends
// Above all numbers of records: ExecIDs of what the journal did not take.
constexpr uint64_t kUnrecorded = uint64_t{1} << 62;

VenueLinkConfig link_config(const OrderEntryConfig& c, const Secrets& s) {
  VenueLinkConfig out{.server = c.server, .client = {}};
  out.client.username = Alpha<6>::of(s.username);
  out.client.password = Alpha<10>::of(s.password);
  out.client.heartbeat = c.heartbeat, out.client.peer_timeout = c.peer_timeout;
  out.client.reconnect_first = c.reconnect_first, out.client.reconnect_max = c.reconnect_max;
  return out;
}

DeskConfig desk_config(const OrderEntryConfig& c) {
  return {.firm = c.firm, .orders_per_s = c.orders_per_s, .burst_orders = c.burst_orders};
}

const std::vector<std::string>& symbols_of(const Config& config) {
  return config.venue.market_data.symbols;
}

}  // namespace

Engine::Engine(const Config& config, const Secrets& secrets, const EngineParts& parts)
    : config_(config),
      network_(parts.network),
      journal_(parts.journal),
      kill_(parts.kill),
      clock_(parts.clock),
      symbols_(symbols_of(config_)),
      orders_(config_.orders_per_day_max, static_cast<uint32_t>(config_.clients.size()), parts.key),
      risk_({.accounts = static_cast<uint32_t>(config_.clients.size()),
             .symbols = static_cast<uint32_t>(symbols_.size()),
             .orders_max = config_.open_orders_max},
            kill_),
      market_(config_.venue.market_data, {secrets.snapshot_user, secrets.snapshot_password},
              network_),
      venue_(link_config(config_.venue.order_entry, secrets), network_, *this),
      desk_(desk_config(config_.venue.order_entry), symbols_, orders_, risk_, *this),
      market_watch_(config_.venue.market_data) {
  ClientSink& sink = *this;
  for (const ClientConfig& client : config_.clients) {
    const auto index = static_cast<uint16_t>(clients_.size());
    clients_.push_back(std::make_unique<Client>(client, index, sink));
  }
}

bool Engine::start(const fix::Now& now, std::string& why) {
  now_ = now;
  // Above those of an earlier process: an ExecID is not given out twice.
  unrecorded_ = static_cast<uint64_t>(now.utc_ns / kMicro);
  if (venue_zone_.load(kVenueZone) != 0) {
    why = std::string("time zone ") + kVenueZone + ": not found (package tzdata)";
    return false;
  }
  for (const auto& client : clients_)
    if (!client->open(config_.state_dir, why)) return false;
  set_limits(config_.risk);
  if (!recover(why)) return false;
  record_event("%s%s risk revision %llu", kStartEvent.data(), config_.instance.c_str(),
               static_cast<unsigned long long>(config_.risk.revision));
  for (const auto& client : clients_) {
    record_event("%s%u %s", kClientEvent.data(), unsigned{client->index()},
                 client->config().name.c_str());
    if (client->config().cancel_on_disconnect) client->away_since = now.monotonic_ns;
  }
  if (market_.open() != 0) {
    why = market_.error();
    return false;
  }
  return listen(why);
}

// One acceptor for each address and port; sessions that share one are told apart by their Logon.
bool Engine::listen(std::string& why) {
  std::vector<const ClientConfig*> places;
  for (const auto& client : clients_) {
    const ClientConfig& c = client->config();
    const auto same = std::ranges::find_if(places, [&](const ClientConfig* other) {
      return other->address == c.address && other->port == c.port;
    });
    const auto index = static_cast<size_t>(same - places.begin());
    if (same == places.end()) {
      places.push_back(&c);
      acceptors_.push_back(std::make_unique<fix::Acceptor>(
          fix::AcceptorConfig{.listen = {c.address, c.port},
                              .strangers_max = strangers_at(config_, c),
                              .watcher = this},
          network_));
    }
    acceptors_[index]->add(client->session());
  }
  for (size_t i = 0; i < acceptors_.size(); ++i) {
    if (acceptors_[i]->listen() == 0) continue;
    why = "session " + places[i]->name + ": cannot listen on " + places[i]->address + ":" +
          std::to_string(places[i]->port) + ": " + network_.error();
    return false;
  }
  return true;
}

void Engine::set_limits(const RiskFileConfig& risk) {
  for (const auto& client : clients_) {
    for (const RiskProfile& profile : risk.profiles) {
      if (profile.name != client->config().risk) continue;
      risk_.set_limits(client->index(), profile.limits);
    }
  }
  // Restricted is restricted for everybody: the law knows no profiles.
  for (uint32_t i = 0; i < symbols_.size(); ++i) {
    const bool restricted = std::ranges::any_of(risk.profiles, [&](const RiskProfile& profile) {
      return std::ranges::find(profile.restricted_symbols, symbols_.name(i).get()) !=
             profile.restricted_symbols.end();
    });
    risk_.set_restricted(i, restricted);
  }
}

bool Engine::recover(std::string& why) {
  RecoveredDay day;
  if (!read_day(config_.journal.directory, day, why)) return false;
  const int64_t today = venue_date(now_.utc_ns);
  const int64_t ahead = day.any ? venue_date(day.last_utc_ns) - today : 0;
  if (ahead > 0) {
    // By a clock that was set back a day would begin anew whose orders live.
    why = config_.journal.directory + ": its last record is " + std::to_string(ahead) +
          (ahead == 1 ? " day" : " days") +
          " ahead of the clock: set the clock right, or move the journal away";
    return false;
  }
  const int64_t last = day.any ? day.venue_utc_ns : day.last_utc_ns;
  const int64_t ago = last != 0 ? today - venue_date(last) : 0;
  resume_reports(day);
  if (ago > 0) {
    notices_.say("a new day: the journal's last one ended %lld day%s ago",
                 static_cast<long long>(ago), ago == 1 ? "" : "s");
    record_event("%s", kNewDayEvent.data());
  }
  if (!day.any || ago > 0) return true;
  std::vector<std::string> names;
  for (const auto& client : clients_) names.push_back(client->config().name);
  replaying_ = true;
  desk_.begin_recovery();
  const bool good = replay_day(
      config_.journal.directory, day, names,
      {.decision =
           [&](uint64_t number, const OrderRecord& r) {
             return desk_.recover(number, r, now_.monotonic_ns);
           },
       .answer = [&](uint64_t number,
                     Bytes answer) { desk_.on_answer(number, answer, now_.monotonic_ns); }},
      why);
  desk_.end_recovery();
  replaying_ = false;
  day_session_ = day.venue_session;
  venue_.resume(Alpha<10>::of(day_session_), day.answers + 1);
  notices_.say("recovered: %u orders, %llu answers of venue session %s", orders_.order_count(),
               static_cast<unsigned long long>(day.answers), day_session_.c_str());
  return good;
}

// Of the venue's clock, in days. A day of the venue is one session of its order port.
int64_t Engine::venue_date(int64_t utc_ns) const {
  const int64_t utc_s = utc_ns / kSecond;
  return (utc_s + venue_zone_.offset_seconds(utc_s)) / 86'400;
}

// What each client has got: by the journal, and the one report that may be in the client's store
// and not in the journal yet. A number that the journal has not reached is of another journal,
// which was moved away: it says nothing of what is reported from now on.
void Engine::resume_reports(const RecoveredDay& day) {
  for (const auto& client : clients_) {
    const auto known = day.last_report.find(client->config().name);
    const LastReport by_journal = known == day.last_report.end() ? LastReport{} : known->second;
    client->last_report = by_journal.id;
    const fix::Store& store = client->session().store();
    const fix::Store::Sent last = store.last_sent_before(store.next_out());
    SentReport sent;
    if (!read_sent_report(last.message, sent)) continue;
    if (sent.id > by_journal.id && sent.id.cause < journal_.next_number()) {
      client->last_report = sent.id;
      record_report(*client, last.number);
    }
    // A cancel reject does not say which report it is: by its number it is the journal's last one.
    if (static_cast<uint32_t>(last.number) != by_journal.number)
      client->last_cancel_reject = sent.cl_ord_id;
  }
}

int Engine::turn(const fix::Now& now) {
  now_ = now;
  venue_.poll(now.monotonic_ns);
  market_.poll(now.monotonic_ns);
  for (const auto& acceptor : acceptors_) acceptor->poll(now);
  const int events = network_.poll();
  if (events < 0) return events;
  look_at_books();
  market_watch_.look(market_, now.monotonic_ns, notices_);
  if (kill_.thrown() != killed_) look_at_kill();
  look_at_journal();
  look_at_date();
  tell_untold();
  cancel_for_those_away();
  desk_.poll(now.monotonic_ns);
  return events;
}

void Engine::look_at_books() {
  const uint64_t messages = market_.books().counters().messages;
  if (messages != ticks_) ticks_ = messages, last_tick_ = now_.monotonic_ns;
  if (config_.venue.market_data.on_stale_book != OnStaleBook::cancel_all) return;
  // In each turn: silence is no event.
  bool stale = false;
  market_.take_stale([&](size_t) { stale = true; });
  if (stale) cancel_everything("a book is stale");
}

void Engine::look_at_kill() {
  killed_ = kill_.thrown();
  record_event("kill switch %s", killed_ ? "thrown" : "back");
  untold_.kill = true;
  if (killed_ && config_.risk.kill_cancels_open_orders) cancel_everything("kill switch");
}

// What it does not take must not happen, so this is the reason for which trading stops. Told as
// soon as there is room for it.
void Engine::look_at_journal() {
  if (notices_.room() < 2) return;
  const journal::DiskState disk = journal_.disk();
  if (disk != disk_) disk_ = disk, notices_.say("journal: %s", notice_of(disk));
  if (journal_.stopped() == journal_stopped_) return;
  journal_stopped_ = journal_.stopped();
  notices_.say("ALARM: the journal %s: no new orders until the next start",
               disk == journal::DiskState::failed ? "has lost its disk" : "has no room");
}

// The journal's day lasts while the venue's session does, over midnight too. Of what else is
// recorded then, heartbeats of clients for instance, nothing tells that.
void Engine::look_at_date() {
  if (now_.monotonic_ns < date_next_ || !venue_.active()) return;
  date_next_ = now_.monotonic_ns + kLookAtDateEvery;
  const int64_t date = venue_date(now_.utc_ns);
  if (date == venue_seen_date_) return;
  venue_seen_date_ = date;
  record_event("%s%s", kVenueEvent.data(), day_session_.c_str());
}

// Whose state is known from then on, and would not be told again.
void Engine::tell_untold() {
  const auto due = [&](bool untold) { return untold && notices_.room() > 0; };
  if (due(untold_.alarm != nullptr))
    notices_.say("ALARM: %s", std::exchange(untold_.alarm, nullptr));
  if (due(untold_.kill)) {
    untold_.kill = false;
    notices_.say("kill switch %s", killed_ ? "thrown: no new orders" : "back: orders are taken");
  }
  if (due(untold_.venue_is_over)) {
    untold_.venue_is_over = false;
    tell_venue_is_over();
  }
  if (!due(untold_.full_stores)) return;
  untold_.full_stores = false;
  for (const auto& client : clients_) {
    if (due(client->full_store_untold)) {
      client->full_store_untold = false;
      notices_.say("session %s: its store is full, no more reports: start with more store_mb",
                   client->config().name.c_str());
    }
    untold_.full_stores |= client->full_store_untold;
  }
}

void Engine::cancel_everything(const char* why) {
  record_event("cancel everything: %s", why);
  for (const auto& client : clients_) desk_.cancel_all(client->index(), now_.monotonic_ns);
}

// A grace is time to come back; once the gateway stops nobody can.
void Engine::cancel_for_those_away() {
  for (const auto& client : clients_) {
    if (client->away_since == kNever) continue;
    const Nanos grace = stopping_since_ == kNever ? client->config().cancel_grace : 0;
    if (now_.monotonic_ns - client->away_since < grace) continue;
    client->away_since = kNever;
    desk_.cancel_all(client->index(), now_.monotonic_ns);
  }
}

void Engine::begin_stop(const fix::Now& now) {
  now_ = now;
  if (stopping_since_ != kNever) return;
  stopping_since_ = now.monotonic_ns;
  desk_.close("the gateway stops");
  for (const auto& client : clients_) client->session().logout("The gateway stops", now);
}

bool Engine::stopped(const fix::Now& now) const {
  if (stopping_since_ == kNever) return false;
  if (now.monotonic_ns - stopping_since_ >= kStopWithin) return true;
  const bool away = std::ranges::none_of(
      clients_, [](const auto& client) { return client->session().connected(); });
  return away && (orders_.first_cancel() == kNone || !venue_ready());
}

void Engine::end() {
  venue_.logout();
  (void)network_.poll();
}

fix::Answer Engine::on_client_message(Client& client, const fix::Message& message,
                                      const fix::Now& now) {
  ClientRequest request;
  if (client.config().drop_copy || !read_request(message, symbols_, request))
    return fix::Answer::unsupported;
  stages_.parsed.record(clock_() - now_.monotonic_ns);
  desk_.on_request(client.index(), request, now.monotonic_ns);
  return fix::Answer::done;
}

// Everything is recorded while there is room; but what clients send at will must leave some to the
// venue's answers (takes_venue_messages), as these do to what follows from orders that live.
void Engine::on_client_frame(const Client& client, journal::Kind direction, std::string_view frame,
                             const fix::Now& now) {
  const Bytes bytes = bytes_of_text(frame);
  if (journal_.depth() < config_.journal.ring_bytes / 8 * 5) {
    (void)journal_.append_living(direction, client.index(), bytes, now.utc_ns);
  } else {
    (void)journal_.append(direction, client.index(), bytes, now.utc_ns);
  }
}

void Engine::on_client_logon(Client& client) {
  client.away_since = kNever;
  notices_.say("session %s: logged on", client.config().name.c_str());
}

void Engine::on_client_logout(Client& client, const fix::Now& now) {
  if (client.config().cancel_on_disconnect) client.away_since = now.monotonic_ns;
  notices_.say("session %s: gone, %u orders open", client.config().name.c_str(),
               orders_.open_orders(client.index()));
}

fix::AcceptorCounters Engine::connections() const {
  fix::AcceptorCounters all;
  for (const auto& acceptor : acceptors_) {
    all.accepted += acceptor->counters().accepted;
    all.refused += acceptor->counters().refused;
    all.dropped_before_logon += acceptor->counters().dropped_before_logon;
  }
  return all;
}

// Whoever reaches the port decides how often: one a second is told, the others counted. Those that
// know a session's CompIDs count apart, so that who knows none does not hide why a client is
// refused.
void Engine::on_dropped(const Endpoint& peer, const fix::Session* whose, const char* why) {
  const auto port = unsigned{peer.port};
  for (const auto& client : clients_) {
    if (&client->session() != whose) continue;
    if (!may_tell(client->dropped, kLeftByClients)) return;
    const char* name = client->config().name.c_str();
    const uint64_t untold = std::exchange(client->dropped.untold, 0);
    notices_.say("session %s: connection from %s:%u dropped: %s (%llu untold before it)", name,
                 peer.ip.c_str(), port, why, static_cast<unsigned long long>(untold));
    return;
  }
  if (!may_tell(strangers_, kLeftByStrangers)) return;
  notices_.say("connection from %s:%u dropped: %s", peer.ip.c_str(), port, why);
  if (strangers_.untold == 0) return;
  notices_.say("and %llu before it", static_cast<unsigned long long>(strangers_.untold));
  strangers_.untold = 0;
}

bool Engine::may_tell(Dropped& dropped, size_t left_to_others) {
  const bool crowded = notices_.room() < left_to_others;  // who have more to say
  if (crowded || now_.monotonic_ns < dropped.next) return ++dropped.untold, false;
  dropped.next = now_.monotonic_ns + kSecond;
  return true;
}

// The day is the venue's session.
void Engine::on_venue_login() {
  const std::string session(venue_.client().session().get());
  if (session != day_session_) {
    day_session_ = session;
    venue_seen_date_ = venue_date(now_.utc_ns);
    record_event("%s%s", kVenueEvent.data(), session.c_str());
  }
  notices_.say("venue: logged in, session %s, from message %llu", session.c_str(),
               static_cast<unsigned long long>(venue_.client().next_sequence()));
  unreached_next_ = 0;
  if (venue_.client().missed() != 0) alarm("the venue does not have all answers any more");
  desk_.on_venue_login();
}

void Engine::on_venue_message(uint64_t, Bytes message) {
  const uint64_t number =
      journal_.append_living(journal::Kind::ouch_answer, kVenueSource, message, now_.utc_ns);
  if (number == 0) alarm("the journal does not take the venue's answers");
  desk_.on_answer(number, message, now_.monotonic_ns);
}

void Engine::on_venue_lost() {
  desk_.on_venue_lost();
  const soupbintcp::Client& client = venue_.client();
  if (client.state() < soupbintcp::ClientState::ended) {
    notices_.say("venue: connection lost (%s), connecting again",
                 soupbintcp::text_of(client.fault()));
  } else {
    untold_.venue_is_over = true;
  }
}

// It is not connected again.
void Engine::tell_venue_is_over() {
  const soupbintcp::Client& client = venue_.client();
  switch (client.state()) {
    case soupbintcp::ClientState::ended:
      return notices_.say("venue: its session has ended; start again for the next one");
    case soupbintcp::ClientState::rejected:
      return notices_.say("venue: the login is rejected (%c): user, password or session",
                          client.reject_reason());
    case soupbintcp::ClientState::failed:
      return notices_.say("venue: not connected any more, a person must look: %s",
                          soupbintcp::text_of(client.fault()));
    case soupbintcp::ClientState::down:
    case soupbintcp::ClientState::connecting:
    case soupbintcp::ClientState::login_sent:
    case soupbintcp::ClientState::active: return;
  }
}

// Tried again every few seconds; told at once, and then each minute.
void Engine::on_venue_unreached(int status) {
  if (now_.monotonic_ns < unreached_next_ || notices_.room() == 0) return;
  unreached_next_ = now_.monotonic_ns + kTellUnreachedEvery;
  const char* why = status != 0 ? std::strerror(-status) : text_of(venue_.client().fault());
  const Endpoint& server = config_.venue.order_entry.server;
  notices_.say("venue: no login at %s:%u (%s), trying again", server.ip.c_str(),
               unsigned{server.port}, why);
}

// The ring must hold what follows from an answer as well: the venue waits until there is room.
bool Engine::takes_venue_messages() const {
  return journal_.depth() < config_.journal.ring_bytes / 4 * 3;
}

bool Engine::venue_ready() const { return !replaying_ && venue_.has_room(kOuchMax); }

bool Engine::to_venue(Bytes message) {
  const Nanos decided = clock_();
  (void)journal_.append_living(journal::Kind::ouch_request, kVenueSource, message, now_.utc_ns);
  const bool sent = venue_.send(message);
  if (static_cast<char>(message[0]) != ouch::request::EnterOrder::kType) return sent;
  const Nanos done = clock_();
  stages_.decided.record(decided - now_.monotonic_ns);
  stages_.sent.record(done - now_.monotonic_ns);
  if (last_tick_ != 0) stages_.tick_to_trade.record(done - last_tick_);
  return sent;
}

uint64_t Engine::record(const OrderRecord& record, bool must) {
  std::byte room[kOrderRecordMax];
  const Bytes bytes(room, write_record(record, room));
  return must ? journal_.append_living(journal::Kind::order, record.session, bytes, now_.utc_ns)
              : journal_.append(journal::Kind::order, record.session, bytes, now_.utc_ns);
}

// To its client, and to everybody who gets copies. While the journal is replayed: to those who have
// not got it.
void Engine::report(const Report& report) {
  Report r = report;
  if (r.kind == ReportKind::status) return report_to(*clients_[r.session], r);
  if (r.id.cause == 0) r.id = {kUnrecorded + ++unrecorded_, 0};
  report_to(*clients_[r.session], r);
  for (const auto& client : clients_)
    if (client->config().drop_copy) report_to(*client, r);
  if (!replaying_) stages_.answered.record(clock_() - now_.monotonic_ns);
}

void Engine::report_to(Client& client, const Report& r) {
  const bool counts = r.kind != ReportKind::status;
  if (client.store_is_full() || (counts && r.id <= client.last_report)) return;
  if (replaying_ && r.is_cancel_reject() && r.cl_ord_id == client.last_cancel_reject) {
    client.last_report = r.id;
    client.last_cancel_reject.clear();
    return record_report(client, client.session().store().next_out() - 1);
  }
  fix::Routing routing;
  if (client.config().drop_copy)
    routing.on_behalf_of = clients_[r.session]->config().target_comp_id;
  if (!send_report(client.session(), r, now_, routing)) {
    client.note_full_store();
    untold_.full_stores = true;
    return;
  }
  if (!counts || r.id.cause >= kUnrecorded) return;
  client.last_report = r.id;
  record_report(client, client.session().store().next_out() - 1);
}

// That the client was sent its last report, in the message of this number. Also of one that an
// earlier process has sent and not recorded: the next message would hide it from the next start.
void Engine::record_report(const Client& client, uint64_t number) {
  const ReportRecord sent{client.last_report.cause, client.last_report.part,
                          static_cast<uint32_t>(number)};
  (void)journal_.append_living(journal::Kind::report, client.index(),
                               std::as_bytes(std::span{&sent, 1}), now_.utc_ns);
}

risk::Market Engine::market(uint32_t symbol) const { return market_.market(symbol); }

// Venue and gateway do not agree: a person must look before anything else is sent.
void Engine::alarm(const char* what) {
  if (untold_.alarm == nullptr) untold_.alarm = what;  // the first is the cause of what follows
  record_event("alarm: %s", what);
  kill_.trip(what);
}

void Engine::record_event(const char* format, ...) {
  char text[Notices::kTextMax];
  va_list arguments;
  va_start(arguments, format);
  (void)std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  (void)journal_.append_living(journal::Kind::event, kOwnSource, bytes_of_text(text), now_.utc_ns);
}

}  // namespace pinion::gateway
