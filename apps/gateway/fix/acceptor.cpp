// See acceptor.h.
#include "gateway/fix/acceptor.h"

namespace pinion::fix {

Acceptor::Acceptor(const AcceptorConfig& config, gateway::Network& network)
    : config_(config), network_(network), connections_(config.connections_max) {
  for (Connection& c : connections_) c.acceptor = this;
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

gateway::StreamHandler* Acceptor::on_accepted(gateway::SocketId stream) {
  for (Connection& c : connections_) {
    if (c.open) continue;
    c.stream = stream;
    c.session = nullptr;
    c.since = now_.monotonic_ns;
    c.open = true;
    ++counters_.accepted;
    return this;
  }
  ++counters_.refused;
  return nullptr;
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
  if (frame.status == FrameStatus::message && first_.parse(bytes)) {
    for (Session* session : sessions_) {
      if (!session->is_for_us(first_)) continue;
      c.session = session;  // the session may close the wire while it accepts
      if (session->accept(c, bytes, now_)) return;
    }
  }
  ++counters_.dropped_before_logon;
  c.close();
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
    ++counters_.dropped_before_logon;
    c.close();
  }
}

}  // namespace pinion::fix
