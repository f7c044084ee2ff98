// What gatewayctl asks the trading thread. A long answer goes in pieces (control/answer.h).
#include <algorithm>

#include "gateway/control/requests.h"
#include "gateway/engine/engine.h"
#include "gateway/risk/limits.h"

namespace pinion::gateway {

namespace {

constexpr size_t kLevelsShown = 10;

const char* text_of(OrderState state) {
  switch (state) {
    case OrderState::pending: return "pending";
    case OrderState::live: return "live";
    case OrderState::filled: return "filled";
    case OrderState::cancelled: return "cancelled";
    case OrderState::expired: return "expired";
    case OrderState::rejected: return "rejected";
  }
  return "";
}

const char* text_of(risk::Side side) {
  switch (side) {
    case risk::Side::buy: return "buy";
    case risk::Side::sell: return "sell";
    case risk::Side::sell_short: return "short";
    case risk::Side::sell_short_exempt: return "exempt";
  }
  return "";
}

const char* text_of(journal::DiskState disk) {
  switch (disk) {
    case journal::DiskState::good: return "good";
    case journal::DiskState::full: return "full";
    case journal::DiskState::failed: return "failed";
  }
  return "";
}

const char* text_of(soupbintcp::ClientState state) {
  using soupbintcp::ClientState;
  switch (state) {
    case ClientState::down: return "down";
    case ClientState::connecting: return "connecting";
    case ClientState::login_sent: return "logging in";
    case ClientState::active: return "active";
    case ClientState::ended: return "ended";
    case ClientState::rejected: return "login rejected";
    case ClientState::failed: return "failed";
  }
  return "";
}

}  // namespace

const char* Engine::state_text() const {
  if (stopping_since_ != kNever) return "stopping";
  if (kill_.thrown()) return "killed";
  if (journal_.stopped()) return "journal stopped";
  if (!venue_.active()) return "venue not connected";
  return desk_.caught_up() ? "trading" : "catching up";
}

void Engine::command(std::string_view line, control::Answer& out) {
  std::string_view rest = line;
  const std::string_view word = control::take_word(rest);
  if (word == "status") return answer_status(out);
  if (word == "sessions") return answer_sessions(out);
  if (word == "orders") return answer_orders(rest, out);
  if (word == "positions") return answer_positions(out);
  if (word == "book") return answer_book(rest, out);
  if (word == "lines") return answer_lines(out);
  if (word == "reload") return reload(out);
  if (word == "kill") {
    kill_.trip(rest.empty() ? "gatewayctl kill" : rest);
    look_at_kill();
    return void(out.facts("gateway").text("state", state_text()));
  }
  if (word == "unkill") {
    look_at_kill();
    return void(out.facts("gateway").text("state", state_text()));
  }
  out.fail(
      "no command '%.*s': status, sessions, positions, orders, book, lines, kill, unkill, "
      "reload",
      static_cast<int>(std::min<size_t>(word.size(), 40)), word.data());
}

void Engine::reload(control::Answer& out) {
  if (offered_ == nullptr) return out.fail("there are no new limits to take");
  config_.risk = *offered_;
  offered_.reset();
  set_limits(config_.risk);
  const auto revision = static_cast<unsigned long long>(config_.risk.revision);
  record_event("risk revision %llu", revision);
  notices_.say("risk revision %llu", revision);
  out.facts("risk").number("revision", config_.risk.revision);
}

void Engine::answer_status(control::Answer& out) const {
  const DeskCounters& d = desk_.counters();
  uint32_t open = 0;
  for (const auto& client : clients_) open += orders_.open_orders(client->index());
  out.facts("gateway")
      .text("instance", config_.instance)
      .text("state", state_text())
      .number("risk_revision", config_.risk.revision)
      .number("orders", orders_.order_count())
      .number("open", open)
      .number("orders_per_day_max", config_.orders_per_day_max);
  out.facts("desk")
      .number("entered", d.entered)
      .number("accepted", d.accepted)
      .number("fills", d.fills)
      .number("shares", d.shares)
      .number("cancelled", d.cancelled)
      .number("replaced", d.replaced)
      .number("refused", d.refused)
      .number("rejected", d.rejected)
      .number("lost", d.lost)
      .number("repeated", d.repeated)
      .number("answers_unknown", d.answers_unknown);
  const fix::AcceptorCounters connections = this->connections();
  out.facts("clients")
      .number("connections", connections.accepted)
      .number("refused", connections.refused)
      .number("dropped_before_logon", connections.dropped_before_logon);
  out.facts("venue")
      .text("name", config_.venue.name)
      .text("state", text_of(venue_.client().state()))
      .text("session", venue_.client().session().get())
      .number("next_message", venue_.client().next_sequence())
      .number("connections", venue_.connections());
  out.facts("journal")
      .text("disk", text_of(journal_.disk()))
      .number("durable", journal_.durable())
      .number("waiting_bytes", journal_.depth())
      .number("refused", journal_.refused())
      .number("lost", journal_.lost());
  answer_lines(out);
}

void Engine::answer_lines(control::Answer& out) const {
  const market::MarketDataStatus s = market_.status(now_.monotonic_ns);
  for (size_t i = 0; i < s.lines; ++i) {
    const auto& line = s.line[i];
    out.row("lines")
        .text("line", i == 0 ? "A" : "B")
        .text("state", line.silent ? "silent" : "live")
        .number("packets", line.counters.packets)
        .number("won", line.counters.won)
        .number("lost", line.counters.lost)
        .number("gaps", line.counters.gaps)
        .number("malformed", line.counters.malformed)
        .number("other_session", line.counters.other_session)
        .number("too_far", line.counters.too_far);
  }
  out.facts("market_data")
      .text("session", s.session.get())
      .number("messages", s.books.messages)
      .number("holes", s.stream.holes)
      .number("healed", s.stream.healed)
      .number("given_up", s.stream.given_up)
      .number("requests", s.stream.requests)
      .number("missed", s.stream.missed)
      .number("snapshots", s.snapshots_merged)
      .number("snapshots_broken", s.snapshots.broken)
      .number("snapshots_useless", s.snapshots.useless)
      .text("snapshot_login", s.snapshot_login_refused ? "refused" : "good")
      .number("stale_books", s.stale_books)
      .text("books", book::StaleText(s.stale_why).text)
      .number("full_books", s.full_books);
}

void Engine::answer_sessions(control::Answer& out) const {
  for (uint64_t i = out.cursor(); i < clients_.size(); ++i) {
    if (!out.may_go_on()) return out.more(i);
    const Client& client = *clients_[i];
    const fix::Session& session = client.session();
    const risk::AccountState& account = risk_.account(client.index());
    out.row("sessions")
        .text("session", client.config().name)
        .text("state", session.state() == fix::Session::State::active ? "logged on" : "away")
        .number("next_in", session.store().next_in())
        .number("next_out", session.store().next_out())
        .number("passed", account.passed)
        .number("refused", account.refused)
        .number("open", orders_.open_orders(client.index()))
        .decimal("open_notional", account.open_notional, risk::kPriceDecimals)
        .decimal("traded_notional", account.traded_notional, risk::kPriceDecimals)
        .number("gaps", session.counters().gaps)
        .number("resends", session.counters().resends);
  }
}

// Of each session with risk limits: drop copies have none.
void Engine::answer_positions(control::Answer& out) const {
  const uint64_t end = uint64_t{clients_.size()} * symbols_.size();
  for (uint64_t i = out.cursor(); i < end; ++i) {
    if (!out.may_go_on()) return out.more(i);
    const Client& client = *clients_[i / symbols_.size()];
    if (client.config().drop_copy) continue;
    const auto symbol = static_cast<uint32_t>(i % symbols_.size());
    const risk::SymbolState& state = risk_.symbol(client.index(), symbol);
    out.row("positions")
        .text("session", client.config().name)
        .text("symbol", symbols_.name(symbol).get())
        .number("position", state.position);
  }
}

void Engine::answer_orders(std::string_view rest, control::Answer& out) const {
  bool open = false;
  std::string_view session;
  for (std::string_view word; !(word = control::take_word(rest)).empty();) {
    if (word == "open") open = true;
    else if (word.starts_with("session=")) session = word.substr(8);
    else return out.fail("orders [session=NAME] [open]");
  }
  // Looking at one costs something as well, whether it is shown or not.
  constexpr uint64_t kLooksPerTurn = 256;
  const uint64_t end = std::min<uint64_t>(orders_.order_count(), out.cursor() + kLooksPerTurn);
  for (uint64_t i = out.cursor(); i < end; ++i) {
    if (!out.may_go_on()) return out.more(i);
    const Order& order = orders_.order(static_cast<uint32_t>(i));
    const std::string& name = clients_[order.session]->config().name;
    if ((open && !order.open()) || (!session.empty() && session != name)) continue;
    out.row("orders")
        .number("order", i + 1)
        .text("session", name)
        .text("cl_ord_id", orders_.request(order.named).cl_ord_id())
        .text("symbol", symbols_.name(order.symbol).get())
        .text("side", text_of(order.side))
        .number("quantity", order.quantity)
        .decimal("price", order.price, risk::kPriceDecimals)
        .number("executed", order.executed)
        .number("leaves", order.open() ? order.leaves : 0)
        .text("state", text_of(order.state))
        .number("user_ref", order.ref);
  }
  if (end < orders_.order_count()) out.more(end);
}

void Engine::answer_book(std::string_view symbol, control::Answer& out) const {
  const book::Book* book = market_.books().find(symbol);
  if (book == nullptr) {
    return out.fail("no symbol '%.*s' is configured",
                    static_cast<int>(std::min<size_t>(symbol.size(), 16)), symbol.data());
  }
  out.facts("book")
      .text("symbol", book->symbol.get())
      .text("state", book->fresh() ? "fresh" : "stale")
      .text("why", book::StaleText(book->stale).text)
      .format("trading", "%c", book->trading_state == 0 ? '?' : book->trading_state)
      .format("reg_sho", "%c", book->reg_sho == 0 ? '?' : book->reg_sho)
      .number("volume", book->volume)
      .decimal("last", book->last_price, risk::kPriceDecimals);
  const size_t levels = std::min(kLevelsShown, std::max(book->bids.size(), book->asks.size()));
  for (size_t i = 0; i < levels; ++i) {
    auto row = out.row("levels");
    const book::Level bid = i < book->bids.size() ? book->bids.at(i) : book::Level{};
    const book::Level ask = i < book->asks.size() ? book->asks.at(i) : book::Level{};
    row.number("bid_orders", bid.orders).number("bid_shares", bid.shares);
    row.decimal("bid", bid.price, risk::kPriceDecimals)
        .decimal("ask", ask.price, risk::kPriceDecimals);
    row.number("ask_shares", ask.shares).number("ask_orders", ask.orders);
  }
}

}  // namespace pinion::gateway
