#include "gateway/market/market_data.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace pinion::market {

using moldudp64::Line;

namespace {

// Without a snapshot server the day is had from its first message: the missing part is asked for.
StreamConfig stream_config(const gateway::MarketDataConfig& config, const Limits& limits) {
  const bool snapshots = config.snapshot.server.port != 0;
  const bool servers = !config.retransmit_servers.empty();
  return {.lines = config.lines.size(),
          .receiver = {.first = snapshots ? 0u : 1u,
                       .window_messages = std::bit_ceil(config.reorder_window_messages),
                       .gap_wait = config.gap_wait,
                       .request_timeout = config.retransmit_timeout,
                       .attempts = servers ? config.retransmit_attempts : 0,
                       .line_silence = config.line_silence},
          .books = {config.symbols, limits.orders_max, limits.levels_max},
          .kept_messages_max = limits.kept_messages_max};
}

std::string text_of(const gateway::Endpoint& at) { return at.ip + ":" + std::to_string(at.port); }

std::string_view chars_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

MarketData::MarketData(const gateway::MarketDataConfig& config, const SnapshotLogin& login,
                       gateway::Network& network, const Limits& limits)
    : config_(config),
      network_(network),
      stream_(stream_config(config, limits)),
      snapshot_({.username = Alpha<6>::of(login.user), .password = Alpha<10>::of(login.password)},
                limits.pace, stream_) {}

// The network must not call what is gone.
MarketData::~MarketData() {
  for (const gateway::SocketId line : lines_) network_.close(line);
  network_.close(retransmit_);
  network_.close(connection_);
}

int MarketData::fail(int status, const std::string& what) {
  error_ = "market_data: " + what + ": " + network_.error();
  return status;
}

int MarketData::open_line(size_t index) {
  const gateway::LineConfig& line = config_.lines[index];
  const gateway::Endpoint at{line.group, line.port};
  const std::string where = "lines[" + std::to_string(index) + "], group " + text_of(at);
  gateway::SocketId socket;
  if (const int s = network_.open_datagram(at, *this, socket); s != 0) {
    return fail(s, where + ", cannot be bound (another program without SO_REUSEADDR, or no right)");
  }
  lines_.push_back(socket);
  const gateway::Group group{line.group, line.source, line.nic, line.address};
  if (const int s = network_.join_group(socket, group); s != 0) {
    return fail(s, where + ", cannot be joined at nic " + line.nic + " (" + line.address +
                       "); look at group, source and nic, and at what the daemon grants");
  }
  return 0;
}

int MarketData::open() {
  for (size_t i = 0; i < config_.lines.size(); ++i) {
    if (const int s = open_line(i); s != 0) return s;
  }
  if (config_.retransmit_servers.empty()) return 0;
  const int s = network_.open_datagram({}, *this, retransmit_);
  return s == 0 ? 0 : fail(s, "no socket for re-requests");
}

void MarketData::poll(Nanos now) {
  now_ = now;
  stream_.poll(now);
  send_request();
  if (config_.snapshot.server.port != 0) poll_snapshot();
}

// One that the network does not take is one that was lost: it is sent again after its timeout.
void MarketData::send_request() {
  std::byte room[sizeof(moldudp64::Request)];
  uint32_t server = 0;
  const size_t bytes = stream_.request(room, server, now_);
  if (bytes == 0) return;
  const auto& servers = config_.retransmit_servers;
  const gateway::Endpoint& to = servers[server % servers.size()];
  if (!network_.send_to(retransmit_, to, chars_of({room, bytes}))) ++requests_unsent_;
}

void MarketData::poll_snapshot() {
  snapshot_.poll(now_);
  if (snapshot_.wants_close()) {
    network_.close(connection_);
    snapshot_.on_closed();
  }
  if (snapshot_.wants_connection(now_)) {
    snapshot_.on_connecting(now_);
    if (network_.connect(config_.snapshot.server, *this, connection_) != 0) snapshot_.on_closed();
  }
  std::byte room[128];
  while (const size_t bytes = snapshot_.output(room, now_)) {
    if (!network_.send(connection_, chars_of({room, bytes}))) return;  // silence ends the session
  }
}

Nanos MarketData::next_deadline() const {
  const bool snapshots = config_.snapshot.server.port != 0;
  return std::min(stream_.next_deadline(), snapshots ? snapshot_.next_deadline() : kNever);
}

void MarketData::on_datagram(gateway::SocketId id, std::string_view bytes, uint64_t) {
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i] == id) return stream_.input(static_cast<Line>(i), bytes_of_text(bytes), now_);
  }
  stream_.input(Line::retransmit, bytes_of_text(bytes), now_);
}

void MarketData::on_connected(gateway::SocketId) { snapshot_.on_connected(now_); }

size_t MarketData::on_received(gateway::SocketId, std::string_view bytes) {
  return snapshot_.input(bytes_of_text(bytes), now_);
}

void MarketData::on_closed(gateway::SocketId, int) { snapshot_.on_closed(); }

MarketDataStatus MarketData::stream_status(Nanos now) const {
  const moldudp64::Receiver& receiver = stream_.receiver();
  MarketDataStatus out;
  out.lines = stream_.lines();
  for (size_t i = 0; i < out.lines; ++i) {
    const auto which = static_cast<Line>(i);
    out.line[i] = {receiver.line_silent(which, now), receiver.line(which)};
  }
  out.retransmit = receiver.line(Line::retransmit);
  out.state = receiver.state();
  out.stream = receiver.counters();
  out.requests_unsent = requests_unsent_;
  out.snapshots = snapshot_.counters();
  out.snapshots_merged = stream_.feed().snapshots_merged();
  out.snapshot_login_refused = snapshot_.refused();
  out.session = receiver.session(), out.other_session = receiver.other_session();
  out.ended = stream_.feed().ended();
  out.books = books().counters();
  return out;
}

MarketDataStatus MarketData::status(Nanos now) const {
  MarketDataStatus out = stream_status(now);
  for (size_t i = 0; i < books().size(); ++i) {
    out.stale_books += !books().at(i).fresh();
    out.stale_why |= books().at(i).stale;
    out.full_books += (books().at(i).stale & book::kFull) != 0;
  }
  return out;
}

}  // namespace pinion::market
