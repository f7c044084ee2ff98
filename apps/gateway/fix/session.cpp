// The session's own side: logon and logout, timers, and everything that it sends. What comes in is
// in session_in.cpp.
#include "gateway/fix/session.h"

#include <algorithm>
#include <utility>

#include "gateway/fix/value.h"

namespace pinion::fix {

namespace {

// What is added to a message when it is sent again: PossDupFlag and OrigSendingTime.
constexpr size_t kResendRoom = 64;
constexpr std::string_view kTestRequestId = "TEST";

}  // namespace

Routing routing_of(const Message& m) {
  return {m.value(kOnBehalfOfCompID), m.value(kOnBehalfOfSubID), m.value(kOnBehalfOfLocationID),
          m.value(kDeliverToCompID),  m.value(kDeliverToSubID),  m.value(kDeliverToLocationID),
          m.is_yes(kPossResend)};
}

Routing reversed(const Message& m) {
  const Routing r = routing_of(m);
  return {r.deliver_to,   r.deliver_to_sub,   r.deliver_to_location,
          r.on_behalf_of, r.on_behalf_of_sub, r.on_behalf_of_location,
          false};
}

Session::Session(const SessionConfig& config, Store& store, Application& application)
    : config_(config),
      dictionary_(dictionary(config.version)),
      store_(store),
      application_(application),
      pending_(config.pending_max) {}

std::optional<int64_t> Session::day(const Now& now) const {
  return config_.schedule ? config_.schedule->day(now.utc_ns) : 0;
}

// Both sides begin with 1 again.
void Session::reset(const Now& now) {
  store_.reset(day(now).value_or(0));
  pending_.clear();
  hole_end_ = 0;
  resend_end_ = 0;
}

void Session::initiate(Wire& wire, const Now& now) {
  wire_ = &wire;
  state_ = State::logon_sent;
  state_since_ = received_at_ = now.monotonic_ns;
  heartbeat_ns_ = int64_t{config_.heartbeat_s} * kSecond;
  if (config_.reset_on_logon || store_.day() != day(now)) reset(now);
  send_logon(config_.reset_on_logon, now);
}

void Session::on_disconnect(const Now& now) {
  if (wire_ == nullptr) return;
  wire_ = nullptr;
  state_ = State::down;
  test_request_sent_ = false;
  pending_.clear();
  hole_end_ = 0;
  resend_end_ = 0;
  if (std::exchange(told_, false)) application_.on_logout(*this, now);
}

// The application hears of each logon that it was told of, and only of these, that it is over.
void Session::tell_logon(const Now& now) {
  told_ = true;
  application_.on_logon(*this, now);
}

void Session::close(const Now& now) {
  if (wire_ == nullptr) return;
  wire_->close();
  on_disconnect(now);
}

void Session::logout(std::string_view text, const Now& now) {
  if (state_ != State::active) return;
  Encoder e = begin("5", now);
  if (!text.empty()) e.text(kText, text);
  state_ = State::logout_sent;
  state_since_ = now.monotonic_ns;
  send(e, now);
}

void Session::fail(std::string_view text, const Now& now) {
  Encoder e = begin("5", now);
  e.text(kText, text);
  send(e, now);
  close(now);
}

void Session::poll(const Now& now) {
  if (wire_ == nullptr) return poll_down(now);
  const int64_t waited = now.monotonic_ns - state_since_;
  switch (state_) {
    case State::down: return;
    case State::logon_sent:
      if (waited >= config_.logon_timeout_s * kSecond) close(now);
      return;
    case State::logout_sent:
      if (waited >= config_.logout_timeout_s * kSecond) return close(now);
      break;
    case State::active:
      if (now.monotonic_ns - schedule_checked_ < kSecond) break;
      schedule_checked_ = now.monotonic_ns;
      if (day(now) != store_.day()) return logout("The session's time is over", now);
      break;
  }
  resend(now);
  if (wire_ != nullptr) poll_heartbeat(now);
}

void Session::poll_down(const Now& now) {
  if (now.monotonic_ns - schedule_checked_ < kSecond) return;
  schedule_checked_ = now.monotonic_ns;
  begin_day(now);
}

// A new day begins without the counterparty, so that what the application sends has its numbers.
void Session::begin_day(const Now& now) {
  if (const auto today = day(now); today && store_.day() != today) reset(now);
}

void Session::poll_heartbeat(const Now& now) {
  if (heartbeat_ns_ == 0) return;
  const int64_t silence = now.monotonic_ns - received_at_;
  if (silence >= heartbeat_ns_ / 10 * 24) return close(now);
  if (hole_end_ != 0 && now.monotonic_ns - hole_asked_at_ >= heartbeat_ns_) ask_again(now);
  if (test_request_sent_) return;  // nothing more until that is answered, as QuickFIX has it
  if (silence >= heartbeat_ns_ / 10 * 12) {
    Encoder e = begin("1", now);
    e.text(kTestReqID, kTestRequestId);
    send(e, now);
    test_request_sent_ = true;
  } else if (now.monotonic_ns - sent_at_ >= heartbeat_ns_) {
    Encoder e = begin("0", now);
    send(e, now);
  }
}

// Header fields by ascending tag behind MsgType.
Encoder Session::header(std::string_view type, uint64_t number, const Now& now, const Routing& r,
                        std::string_view original_time) {
  const bool again = !original_time.empty();
  std::span<char> memory(out_);
  if (!again) memory = memory.first(memory.size() - kResendRoom);
  Encoder e(memory, dictionary_.begin_string, type);
  const auto optional = [&e](int32_t tag, std::string_view value) {
    if (!value.empty()) e.text(tag, value);
  };
  e.number(kMsgSeqNum, number);
  if (again) e.yes(kPossDupFlag);
  e.text(kSenderCompID, config_.sender_comp_id);
  e.time(kSendingTime, now.utc_ns);
  e.text(kTargetCompID, config_.target_comp_id);
  if (r.poss_resend) e.yes(kPossResend);
  optional(kOnBehalfOfCompID, r.on_behalf_of);
  optional(kOnBehalfOfSubID, r.on_behalf_of_sub);
  optional(kOrigSendingTime, original_time);
  optional(kDeliverToCompID, r.deliver_to);
  optional(kDeliverToSubID, r.deliver_to_sub);
  optional(kOnBehalfOfLocationID, r.on_behalf_of_location);
  optional(kDeliverToLocationID, r.deliver_to_location);
  return e;
}

Encoder Session::begin(std::string_view type, const Now& now, const Routing& routing) {
  if (wire_ == nullptr) begin_day(now);
  begun_ = store_.next_out();
  return header(type, store_.next_out(), now, routing, {});
}

// Stored before it is sent: what the counterparty has seen, we have too.
bool Session::send(Encoder& message, const Now& now) {
  const std::string_view type = message.type();
  const bool again = !is_session_type(type) || type == "3";
  const std::string_view bytes = message.finish();
  if (bytes.empty() || begun_ != store_.next_out()) return false;
  if (!store_.add_sent(again ? bytes : std::string_view())) {
    ++counters_.store_full;
    close(now);  // numbers that do not last must not be used
    return false;
  }
  transmit(bytes, now);
  return true;
}

void Session::transmit(std::string_view bytes, const Now& now) {
  if (wire_ == nullptr) return;
  sent_at_ = now.monotonic_ns;
  ++counters_.sent;
  application_.on_frame_out(*this, bytes, now);
  if (!wire_->send(bytes)) close(now);  // it does not read; it will ask for what it missed
}

void Session::send_logon(bool reset, const Now& now) {
  Encoder e = begin("A", now);
  e.number(kEncryptMethod, 0);
  e.number(kHeartBtInt, static_cast<uint64_t>(heartbeat_ns_ / kSecond));
  if (reset) e.yes(kResetSeqNumFlag);
  send(e, now);
}

void Session::send_reject(uint64_t number, const Refusal& refusal, const Now& now) {
  ++counters_.rejects_sent;
  Encoder e = begin("3", now, reversed(in_));
  e.number(kRefSeqNum, number);
  e.text(kText, text_of(refusal.reason));
  if (refusal.has_tag) e.signed_number(kRefTagID, refusal.tag);
  e.text(kRefMsgType, in_.type());
  if (dictionary_.has_reason(refusal.reason))
    e.number(kSessionRejectReason, static_cast<uint64_t>(refusal.reason));
  send(e, now);
}

void Session::send_unsupported(uint64_t number, const Now& now) {
  ++counters_.rejects_sent;
  Encoder e = begin("j", now, reversed(in_));
  e.number(kRefSeqNum, number);
  e.text(kText, "Unsupported Message Type");
  e.text(kRefMsgType, in_.type());
  e.number(kBusinessRejectReason, 3);
  send(e, now);
}

void Session::ask_again(const Now& now) {
  hole_asked_at_ = now.monotonic_ns;
  Encoder e = begin("2", now);
  e.number(kBeginSeqNo, store_.next_in());
  e.number(kEndSeqNo, 0);
  send(e, now);
}

// In place of the session messages from..next-1. They are not stored: they have no number of their
// own.
void Session::send_gap_fill(uint64_t from, uint64_t next, const Now& now) {
  char time[kTimestampBytes];
  const size_t bytes = write_timestamp(now.utc_ns, time);
  Encoder e = header("4", from, now, {}, {time, bytes});
  e.number(kNewSeqNo, next);
  e.yes(kGapFillFlag);
  transmit(e.finish(), now);
}

bool Session::send_again(const Store::Sent& sent, const Now& now) {
  if (!again_.parse(sent.message)) return false;
  Encoder e =
      header(again_.type(), sent.number, now, routing_of(again_), again_.value(kSendingTime));
  for (const Field& field : again_.fields())
    if (!is_header_tag(field.tag) && !is_trailer_tag(field.tag)) e.text(field.tag, field.value);
  const std::string_view bytes = e.finish();
  if (bytes.empty()) return false;
  ++counters_.resends;
  transmit(bytes, now);
  return true;
}

// Goes on with what the peer asked for while the wire has room for it.
void Session::resend(const Now& now) {
  while (wire_ != nullptr && resend_next_ <= resend_end_ && wire_->room() >= 2 * kMessageMax) {
    const Store::Sent sent = store_.first_sent_from(resend_next_);
    const bool none = sent.number == 0 || sent.number > resend_end_;
    const uint64_t next = none ? resend_end_ + 1 : sent.number;
    if (next > resend_next_) {
      send_gap_fill(resend_next_, next, now);
      resend_next_ = next;
    } else {
      if (!send_again(sent, now)) send_gap_fill(sent.number, sent.number + 1, now);
      resend_next_ = sent.number + 1;
    }
  }
}

}  // namespace pinion::fix
