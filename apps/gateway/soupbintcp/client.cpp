#include "gateway/soupbintcp/client.h"

#include <algorithm>

#include "base/check.h"

namespace pinion::soupbintcp {

namespace {
constexpr Nanos kLasts = kSecond;
}

const char* text_of(ClientFault fault) {
  switch (fault) {
    case ClientFault::none: return "the server closed it";
    case ClientFault::malformed: return "a malformed packet";
    case ClientFault::unexpected: return "a packet that has no place there";
    case ClientFault::silence: return "silence";
    case ClientFault::session_changed: return "another session than the one that goes on";
    case ClientFault::sequence_went_back: return "the server has fewer messages than it had";
  }
  return "";
}

void Client::on_connected(Nanos now) {
  state_ = ClientState::login_sent;
  login_due_ = true;
  wants_close_ = logout_ = false;
  last_heard_ = last_sent_ = now;
}

// The back-off doubles until a session lasts, which sets it back. A login alone does not: a venue
// that breaks what it has accepted, or two gateways of one account, would keep everybody busy.
void Client::on_closed(Nanos now) {
  if (state_ == ClientState::active && now - accepted_at_ >= kLasts)
    backoff_ = config_.reconnect_first;
  wants_close_ = login_due_ = logout_ = false;
  if (state_ == ClientState::ended || state_ == ClientState::rejected ||
      state_ == ClientState::failed) {
    return;
  }
  state_ = ClientState::down;
  retry_at_ = now + backoff_;
  backoff_ = std::min(backoff_ * 2, config_.reconnect_max);
}

bool Client::on_packet(Bytes packet, Bytes& message) {
  bool is_message = false;
  const Read what = read(packet, [&](const auto& p, Bytes rest) {
    using Packet = std::decay_t<decltype(p)>;
    if constexpr (std::is_same_v<Packet, SequencedData>) {
      if (state_ != ClientState::active) return give_up(ClientFault::unexpected);
      message = rest;
      is_message = true;
    } else if constexpr (std::is_same_v<Packet, LoginAccepted>) {
      if (state_ != ClientState::login_sent) return give_up(ClientFault::unexpected);
      on_accepted(p);
    } else if constexpr (std::is_same_v<Packet, LoginRejected>) {
      if (state_ != ClientState::login_sent) return give_up(ClientFault::unexpected);
      reject_reason_ = p.reason.get();
      stop(ClientState::rejected, ClientFault::none);
    } else if constexpr (std::is_same_v<Packet, EndOfSession>) {
      if (state_ != ClientState::active) return give_up(ClientFault::unexpected);
      stop(ClientState::ended, ClientFault::none);
    } else if constexpr (!std::is_same_v<Packet, ServerHeartbeat> &&
                         !std::is_same_v<Packet, Debug>) {
      give_up(ClientFault::unexpected);  // what only a client sends
    }
  });
  if (what == Read::too_short) give_up(ClientFault::malformed);
  if (what == Read::unknown_type) give_up(ClientFault::unexpected);
  return is_message;
}

// "Login Accepted Packet": the sequence number is that of the next message that will be sent. A
// number above the one asked for is a hole that the server cannot fill; one below it comes from a
// server that forgot what it had told us, and no book-keeping of ours can be trusted any more.
void Client::on_accepted(const LoginAccepted& accepted) {
  const uint64_t first = accepted.sequence.get();
  if (first == Digits20::kBad) return give_up(ClientFault::malformed);
  const bool resumed = !session_.get().empty();
  if (resumed && accepted.session.get() != session_.get()) {
    return stop(ClientState::failed, ClientFault::session_changed);
  }
  if (next_ != 0 && first < next_) {
    return stop(ClientState::failed, ClientFault::sequence_went_back);
  }
  if (next_ != 0) missed_ += first - next_;
  next_ = first;
  session_ = Alpha<10>::of(accepted.session.get());
  state_ = ClientState::active;
  fault_ = ClientFault::none;
  accepted_at_ = last_heard_;
}

void Client::poll(Nanos now) {
  if (awaits_peer() && now - last_heard_ >= config_.peer_timeout) give_up(ClientFault::silence);
}

Nanos Client::next_deadline() const {
  if (state_ == ClientState::down) return retry_at_;
  if (!awaits_peer()) return kNever;
  const Nanos silence = last_heard_ + config_.peer_timeout;
  if (login_due_ || logout_) return last_sent_;
  if (state_ != ClientState::active) return silence;
  return std::min(silence, last_sent_ + config_.heartbeat);
}

size_t Client::output(MutableBytes out, Nanos now) {
  if (!takes_input()) return 0;
  size_t written = 0;
  if (login_due_) {
    const LoginRequest login{Char::of(LoginRequest::kType), config_.username, config_.password,
                             Alpha<10>::right_aligned(session_.get()), Digits20::of(next_)};
    written = emit_packet(login, {}, out);
    if (written) login_due_ = false;
  } else if (state_ == ClientState::active && logout_) {
    written = emit_typed<LogoutRequest>({}, out);
    if (written) logout_ = false;
  } else if (state_ == ClientState::active && now - last_sent_ >= config_.heartbeat) {
    written = emit_typed<ClientHeartbeat>({}, out);
  }
  if (written) last_sent_ = now;
  return written;
}

size_t Client::send(Bytes message, MutableBytes out, Nanos now) {
  if (state_ != ClientState::active || wants_close_) return 0;
  const size_t written = emit_typed<UnsequencedData>(message, out);
  if (written) last_sent_ = now;
  return written;
}

}  // namespace pinion::soupbintcp
