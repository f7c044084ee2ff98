#include "gateway/soupbintcp/server.h"

#include <algorithm>

namespace pinion::soupbintcp {

// Asked for: 0, what is new; a number, from there on; one beyond the end, from the end.
void ServerConnection::on_login(const LoginRequest& login, char refusal) {
  if (state_ != State::login) return void(state_ = State::closed);
  const uint64_t wanted = login.sequence.get();
  const auto session = login.session.get();
  refusal_ = refusal;
  if (refusal_ == kAuthorised && !session.empty() && session != config_.session.get()) {
    refusal_ = kSessionNotAvailable;
  }
  if (wanted == Digits20::kBad) return void(state_ = State::closed);
  next_ = wanted == 0 ? store_->next() : std::min(wanted, store_->next());
  state_ = refusal_ == kAuthorised ? State::accepting : State::rejecting;
}

void ServerConnection::on_other(char type) {
  const bool welcome = type == Debug::kType || (active() && type == ClientHeartbeat::kType);
  if (!welcome) state_ = State::closed;  // a logout too
}

void ServerConnection::poll(Nanos now) {
  const bool no_login = state_ == State::login && now - opened_ >= config_.login_timeout;
  if (no_login || now - last_heard_ >= config_.peer_timeout) state_ = State::closed;
}

size_t ServerConnection::output_answer(MutableBytes out) {
  if (state_ == State::rejecting) {
    const LoginRejected no{Char::of(LoginRejected::kType), Char::of(refusal_)};
    const size_t written = emit_packet(no, {}, out);
    if (written) state_ = State::closed;
    return written;
  }
  const LoginAccepted yes{Char::of(LoginAccepted::kType),
                          Alpha<10>::right_aligned(config_.session.get()), Digits20::of(next_)};
  const size_t written = emit_packet(yes, {}, out);
  if (written) state_ = State::active;
  return written;
}

size_t ServerConnection::output(MutableBytes out, Nanos now) {
  size_t total = 0;
  if (state_ == State::accepting || state_ == State::rejecting) total += output_answer(out);
  while (behind()) {
    const size_t written = emit_typed<SequencedData>(store_->get(next_), out.subspan(total));
    if (written == 0) break;
    total += written;
    ++next_;
  }
  if (active() && ending_ && !behind()) {
    const size_t written = emit_typed<EndOfSession>({}, out.subspan(total));
    if (written) state_ = State::closed;
    total += written;
  }
  if (active() && total == 0 && now - last_sent_ >= config_.heartbeat) {
    total = emit_typed<ServerHeartbeat>({}, out);
  }
  if (total) last_sent_ = now;
  return total;
}

}  // namespace pinion::soupbintcp
