// See acceptor.h.
#include "gateway/fix/acceptor.h"

#include <algorithm>
#include <utility>

namespace pinion::fix {

namespace {
constexpr int64_t kLogonIsSoonNs = 500'000'000;
}  // namespace

Acceptor::Acceptor(const AcceptorConfig& config, gateway::Network& network)
    : config_(config), network_(network), connections_(config.strangers_max) {
  for (Connection& c : connections_) c.acceptor = this;
}

// A session has one connection at most, and that is no stranger's any more.
void Acceptor::add(Session& session) {
  sessions_.push_back(&session);
  connections_.emplace_back().acceptor = this;
}

void Acceptor::Connection::close() {
  if (!open) return;
  open = false;
  session = nullptr;
  acceptor->network_.close(stream);
}

Acceptor::Connection* Acceptor::find(gateway::SocketId stream) {
  for (Connection& c : connections_)
    if (c.open && c.stream == stream) return &c;
  return nullptr;
}

uint32_t Acceptor::strangers_of(const std::string& ip) const {
  return static_cast<uint32_t>(std::ranges::count_if(connections_, [&](const Connection& c) {
    return c.open && c.session == nullptr && c.peer.ip == ip;
  }));
}

// While all places are taken, the address that has the most gives its oldest up: for one that has
// fewer, or when it has had the time in which others log on. So whoever takes all that can be had,
// from one address or many, keeps nobody out for long.
bool Acceptor::make_room(const gateway::Endpoint& peer) {
  uint32_t strangers = 0, most = 0;
  Connection* oldest = nullptr;
  for (Connection& c : connections_) {
    if (!c.open || c.session != nullptr) continue;
    ++strangers;
    const uint32_t of_its_address = strangers_of(c.peer.ip);
    if (of_its_address < most) continue;
    if (oldest == nullptr || of_its_address > most || c.since < oldest->since) oldest = &c;
    most = of_its_address;
  }
  if (strangers < config_.strangers_max) return true;
  if (oldest == nullptr) return false;
  const bool has_fewer = strangers_of(peer.ip) + 1 < most;
  if (!has_fewer && now_.monotonic_ns - oldest->since < kLogonIsSoonNs) return false;
  // Nothing was ever sent to it, so nothing is lost by a reset, and its place is free.
  drop(*oldest, "no Logon yet, and another one wants the place", How::at_once);
  return true;
}

gateway::StreamHandler* Acceptor::on_accepted(gateway::SocketId stream) {
  const gateway::Endpoint peer = network_.peer_address(stream);
  if (!make_room(peer)) {
    ++counters_.refused;
    tell(peer, nullptr, "too many connections are without a Logon");
    return nullptr;
  }
  const auto free = std::ranges::find(connections_, false, &Connection::open);
  free->stream = stream;
  free->session = nullptr;
  free->peer = peer;
  free->since = now_.monotonic_ns;
  free->open = true;
  ++counters_.accepted;
  return this;
}

void Acceptor::drop(Connection& c, const char* why, How how) {
  ++counters_.dropped_before_logon;
  const Session* whose = std::exchange(c.session, nullptr);
  if (!c.open) return;
  c.open = false;
  if (how == How::at_once) network_.abort(c.stream);
  else network_.close(c.stream);
  tell(c.peer, whose, why);
}

void Acceptor::tell(const gateway::Endpoint& peer, const Session* whose, const char* why) {
  if (config_.watcher != nullptr) config_.watcher->on_dropped(peer, whose, why);
}

size_t Acceptor::on_received(gateway::SocketId stream, std::string_view bytes) {
  Connection* connection = find(stream);
  size_t consumed = 0;
  while (connection != nullptr && connection->open) {
    const Frame frame = next_frame(bytes.substr(consumed));
    if (frame.status == FrameStatus::more) break;
    on_frame(*connection, frame, bytes.substr(consumed, frame.bytes));
    consumed += frame.bytes;
  }
  return consumed;
}

void Acceptor::on_frame(Connection& c, const Frame& frame, std::string_view bytes) {
  if (c.session == nullptr) return on_first(c, frame, bytes);
  if (frame.status == FrameStatus::garbled) c.session->on_garbled();
  else c.session->on_frame(bytes, now_);
}

// Without a good Logon there is nobody to answer to (volume 2, "Logon").
void Acceptor::on_first(Connection& c, const Frame& frame, std::string_view bytes) {
  if (frame.status != FrameStatus::message || !first_.parse(bytes))
    return drop(c, "what it sent first is no FIX message");
  const auto whose = std::ranges::find_if(
      sessions_, [&](const Session* session) { return session->is_for_us(first_); });
  if (whose == sessions_.end())
    return drop(c, "no session here has its BeginString, SenderCompID and TargetCompID");
  const char* why = nullptr;
  c.session = *whose;  // the session may close the wire while it accepts
  if (!(*whose)->accept(c, bytes, now_, &why)) drop(c, why);
}

void Acceptor::on_closed(gateway::SocketId stream, int) {
  Connection* connection = find(stream);
  if (connection == nullptr) return;
  connection->open = false;
  Session* session = connection->session;
  connection->session = nullptr;
  if (session != nullptr) session->on_disconnect(now_);
}

void Acceptor::poll(const Now& now) {
  now_ = now;
  for (Session* session : sessions_) session->poll(now);
  for (Connection& c : connections_) {
    if (!c.open || c.session != nullptr) continue;
    if (now.monotonic_ns - c.since < config_.logon_timeout_s * 1'000'000'000) continue;
    drop(c, "no Logon in time");
  }
}

}  // namespace pinion::fix
