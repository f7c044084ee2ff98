#include "gateway/daemon/numbers.h"

namespace pinion::gateway {

namespace {

constexpr Nanos kEvery = 50 * kMilli;

}  // namespace

Numbers::Numbers(const Engine& engine, control::Metrics& metrics) : engine_(engine) {
  const std::string orders = "pinion_gateway_orders";
  const std::string help = "Orders by what became of them";
  const auto order = [&](const char* what, const control::Counter& counter) {
    metrics.add(orders, help, counter, {{"what", what}});
  };
  order("entered", entered_);
  order("accepted", accepted_);
  order("cancelled", cancelled_);
  order("refused", refused_);
  order("rejected", rejected_);
  order("lost", lost_);
  const std::string connections = "pinion_gateway_connections";
  metrics.add(connections, "Connections of clients, and those that came to nothing",
              connections_accepted_, {{"what", "accepted"}});
  metrics.add(connections, "", connections_refused_, {{"what", "refused"}});
  metrics.add(connections, "", connections_dropped_, {{"what", "dropped_before_logon"}});
  metrics.add("pinion_gateway_fills", "Executions", fills_);
  metrics.add("pinion_gateway_shares", "Shares traded", shares_);
  metrics.add("pinion_gateway_venue_ready", "1: orders pass to the venue", venue_ready_);
  metrics.add("pinion_gateway_market_messages", "ITCH messages applied", messages_);
  const std::string holes = "pinion_gateway_market_holes";
  metrics.add(holes, "Holes in the market data stream", holes_, {{"what", "found"}});
  metrics.add(holes, "", healed_, {{"what", "healed"}});
  metrics.add(holes, "", given_up_, {{"what", "given_up"}});
  metrics.add("pinion_gateway_snapshots", "Snapshots merged", snapshots_);
  metrics.add("pinion_gateway_stale_books", "Books that must not be used", stale_books_);
  for (const auto& client : engine.clients()) {
    Session& s = sessions_.emplace_back();
    const control::Metrics::Labels labels{{"session", client->config().name}};
    metrics.add("pinion_gateway_session_passed", "Orders that passed the checks", s.passed, labels);
    metrics.add("pinion_gateway_session_refused", "Orders refused by risk", s.refused, labels);
    metrics.add("pinion_gateway_session_open", "Open orders", s.open, labels);
    metrics.add("pinion_gateway_session_logged_on", "1: logged on", s.logged_on, labels);
  }
  for (size_t i = 0; i < engine.market_data().stream().lines(); ++i) {
    Line& line = lines_.emplace_back();
    const control::Metrics::Labels labels{{"line", i == 0 ? "A" : "B"}};
    metrics.add("pinion_gateway_line_packets", "Packets of a line", line.packets, labels);
    metrics.add("pinion_gateway_line_won", "Packets that came first", line.won, labels);
    metrics.add("pinion_gateway_line_gaps", "Gaps within a line", line.gaps, labels);
  }
  const auto stage = [&](const char* name, const control::Histogram& histogram) {
    metrics.add("pinion_gateway_stage_seconds",
                "From the beginning of the turn that brought it", histogram, {{"stage", name}});
  };
  stage("parsed", engine.stages().parsed);
  stage("decided", engine.stages().decided);
  stage("sent", engine.stages().sent);
  stage("tick_to_trade", engine.stages().tick_to_trade);
  stage("answered", engine.stages().answered);
}

void Numbers::copy(Nanos now) {
  if (now < next_) return;
  next_ = now + kEvery;
  const DeskCounters& d = engine_.desk().counters();
  entered_.set(d.entered), accepted_.set(d.accepted), fills_.set(d.fills), shares_.set(d.shares);
  cancelled_.set(d.cancelled), refused_.set(d.refused), rejected_.set(d.rejected);
  lost_.set(d.lost);
  const fix::AcceptorCounters connections = engine_.connections();
  connections_accepted_.set(connections.accepted), connections_refused_.set(connections.refused);
  connections_dropped_.set(connections.dropped_before_logon);
  const market::MarketDataStatus s = engine_.market_data().status(now);
  messages_.set(s.books.messages), holes_.set(s.stream.holes), healed_.set(s.stream.healed);
  given_up_.set(s.stream.given_up), snapshots_.set(s.snapshots_merged);
  stale_books_.set(s.stale_books);
  venue_ready_.set(engine_.desk().caught_up() && engine_.venue_ready() ? 1 : 0);
  for (size_t i = 0; i < sessions_.size(); ++i) {
    const Client& client = *engine_.clients()[i];
    const risk::AccountState& account = engine_.risk().account(client.index());
    sessions_[i].passed.set(account.passed), sessions_[i].refused.set(account.refused);
    sessions_[i].open.set(engine_.orders().open_orders(client.index()));
    const bool on = client.session().state() == fix::Session::State::active;
    sessions_[i].logged_on.set(on ? 1 : 0);
  }
  for (size_t i = 0; i < lines_.size(); ++i) {
    const moldudp64::LineCounters& c = s.line[i].counters;
    lines_[i].packets.set(c.packets), lines_[i].won.set(c.won), lines_[i].gaps.set(c.gaps);
  }
}

}  // namespace pinion::gateway
