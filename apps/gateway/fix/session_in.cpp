// What a session does with a message that comes in. The order of the checks is that of the first
// thing wrong with it: BeginString, number there at all, form (the dictionary), time, CompIDs, the
// number's value, then what the message says.
#include <algorithm>
#include <cstdlib>

#include "gateway/fix/session.h"
#include "gateway/fix/value.h"

namespace pinion::fix {

namespace {

uint64_t number_of(const Message& m, int32_t tag) {  // 0: not there, or no number
  uint64_t value = 0;
  return parse_uint(m.value(tag), value) ? value : 0;
}

// "MsgSeqNum too low, expecting 5 but received 2"
struct TooLowText {
  TooLowText(uint64_t expected, uint64_t received) {
    add("MsgSeqNum too low, expecting ");
    bytes += write_uint(expected, std::span(text).subspan(bytes));
    add(" but received ");
    bytes += write_uint(received, std::span(text).subspan(bytes));
  }
  void add(std::string_view s) { bytes += s.copy(text + bytes, s.size()); }
  std::string_view view() const { return {text, bytes}; }
  char text[96];
  size_t bytes = 0;
};

}  // namespace

bool Session::is_for_us(const Message& logon) const {
  return logon.begin_string() == dictionary_.begin_string &&
         logon.value(kSenderCompID) == config_.target_comp_id &&
         logon.value(kTargetCompID) == config_.sender_comp_id;
}

bool Session::time_ok(const Now& now) const {
  int64_t sent = 0;
  if (!parse_timestamp(in_.value(kSendingTime), sent)) return false;
  return std::abs(now.utc_ns - sent) <= config_.sending_time_tolerance_s * kSecond;
}

bool Session::comp_ids_ok() const {
  return in_.value(kSenderCompID) == config_.target_comp_id &&
         in_.value(kTargetCompID) == config_.sender_comp_id;
}

const char* Session::why_no_logon(std::string_view frame, const Now& now) {
  if (wire_ != nullptr) return "its session is connected already";
  if (!in_.parse(frame) || !in_.is_type('A')) return "its first message is no Logon";
  if (!is_for_us(in_)) return "BeginString or CompIDs are another session's";
  if (validate(dictionary_, in_).refused) return "its Logon has a wrong field";
  if (!time_ok(now)) return "SendingTime is too far from this clock";
  if (!day(now)) return "the session's schedule does not allow it now";
  const uint64_t number = number_of(in_, kMsgSeqNum);
  if (number == 0 || (in_.is_yes(kResetSeqNumFlag) && number != 1)) return "MsgSeqNum is wrong";
  uint64_t heartbeat_s = 0;
  if (!parse_uint(in_.value(kHeartBtInt), heartbeat_s) || heartbeat_s > 86'400)
    return "HeartBtInt is wrong";
  if (number_of(in_, kEncryptMethod) != 0) return "EncryptMethod is not 0";
  return nullptr;
}

bool Session::accept(Wire& wire, std::string_view frame, const Now& now, const char** why) {
  const char* no = why_no_logon(frame, now);
  if (why != nullptr) *why = no;
  if (no != nullptr) return false;
  const uint64_t number = number_of(in_, kMsgSeqNum);
  const bool reset_asked = in_.is_yes(kResetSeqNumFlag);
  uint64_t heartbeat_s = 0;
  (void)parse_uint(in_.value(kHeartBtInt), heartbeat_s);
  frame_ = frame;
  wire_ = &wire;
  state_ = State::active;
  state_since_ = received_at_ = now.monotonic_ns;
  schedule_checked_ = now.monotonic_ns;
  heartbeat_ns_ = static_cast<int64_t>(heartbeat_s) * kSecond;
  ++counters_.logons, ++counters_.received;
  application_.on_frame_in(*this, frame, now);
  if (reset_asked || config_.reset_on_logon || store_.day() != day(now)) reset(now);
  if (number < store_.next_in() && !in_.is_yes(kPossDupFlag)) {
    fail(TooLowText(store_.next_in(), number).view(), now);
    return true;
  }
  send_logon(reset_asked, now);
  if (wire_ == nullptr) return true;
  tell_logon(now);
  if (wire_ == nullptr) return true;
  if (number > store_.next_in()) on_too_high(number, now);
  else consume(number, now);
  return true;
}

void Session::on_frame(std::string_view frame, const Now& now) {
  if (wire_ == nullptr) return;
  frame_ = frame;
  if (!in_.parse(frame) && !in_.overflow()) {
    ++counters_.garbled;
    return;
  }
  ++counters_.received;
  received_at_ = now.monotonic_ns;
  test_request_sent_ = false;
  application_.on_frame_in(*this, frame, now);
  handle(now);
  drain(now);
  resend(now);
}

// What waited behind a gap that has been filled.
void Session::drain(const Now& now) {
  from_pending_ = true;
  while (wire_ != nullptr) {
    const uint64_t number = store_.next_in();
    frame_ = pending_.take(number);
    if (frame_.empty() || !in_.parse(frame_)) break;
    handle(now);
    if (store_.next_in() == number) break;  // nothing got on
  }
  from_pending_ = false;
}

void Session::handle(const Now& now) {
  if (in_.begin_string() != dictionary_.begin_string) return fail("Incorrect BeginString", now);
  uint64_t number = 0;  // 0 itself is what a SequenceReset may carry
  if (!parse_uint(in_.value(kMsgSeqNum), number)) return fail("MsgSeqNum is missing", now);
  if (state_ == State::logon_sent) return on_logon_answer(number, now);
  if (const Refusal r = validate(dictionary_, in_); r.refused) return on_refused(number, r, now);
  if (check_header(number, now)) handle_type(number, now);
}

void Session::handle_type(uint64_t number, const Now& now) {
  if (!is_session_type(in_.type())) return on_application(number, now);
  switch (in_.type()[0]) {
    case 'A': return on_logon(number, now);
    case '2': return on_resend_request(number, now);
    case '4': return on_sequence_reset(number, now);
    case '5': return on_logout(number, now);
    case '1':
      if (!check_number(number, now)) return;
      {
        Encoder e = begin("0", now);
        e.text(kTestReqID, in_.value(kTestReqID));
        send(e, now);
      }
      return consume(number, now);
    case '3':
      if (!check_number(number, now)) return;
      application_.on_reject(*this, in_, now);
      return consume(number, now);
    default:  // Heartbeat
      if (check_number(number, now)) consume(number, now);
  }
}

void Session::on_refused(uint64_t number, const Refusal& refusal, const Now& now) {
  if (in_.is_type('A')) return close(now);
  send_reject(number, refusal, now);
  if (!in_.is_type('4')) consume(number, now);
}

// Volume 2, "Rejecting invalid messages": these two end the session.
bool Session::check_header(uint64_t number, const Now& now) {
  if (!from_pending_ && !time_ok(now)) {
    refuse_and_logout(number, RejectReason::sending_time_accuracy, now);
    return false;
  }
  if (!comp_ids_ok()) {
    refuse_and_logout(number, RejectReason::comp_id_problem, now);
    return false;
  }
  return true;
}

void Session::refuse_and_logout(uint64_t number, RejectReason reason, const Now& now) {
  send_reject(number, {.refused = true, .reason = reason}, now);
  consume(number, now);
  logout({}, now);
}

bool Session::check_number(uint64_t number, const Now& now) {
  if (number == store_.next_in()) return true;
  if (number > store_.next_in()) on_too_high(number, now);
  else on_too_low(number, now);
  return false;
}

void Session::on_too_low(uint64_t number, const Now& now) {
  if (!in_.is_yes(kPossDupFlag)) return fail(TooLowText(store_.next_in(), number).view(), now);
  ++counters_.duplicates;
  if (in_.is_type('4')) return;
  const std::string_view original = in_.value(kOrigSendingTime);
  if (original.empty())
    return send_reject(number,
                       {.refused = true,
                        .reason = RejectReason::required_tag_missing,
                        .tag = kOrigSendingTime,
                        .has_tag = true},
                       now);
  int64_t first = 0, sent = 0;
  if (!parse_timestamp(original, first) || !parse_timestamp(in_.value(kSendingTime), sent) ||
      first > sent)
    refuse_and_logout(number, RejectReason::sending_time_accuracy, now);
}

void Session::on_too_high(uint64_t number, const Now& now) {
  if (!in_.is_type('A') && !pending_.put(number, frame_, store_.next_in()))
    ++counters_.pending_dropped;
  if (hole_end_ != 0) return;  // asked for already; set_next_in() sees what is still missing
  ++counters_.gaps;
  hole_end_ = number - 1;
  ask_again(now);
}

void Session::consume(uint64_t number, const Now& now) {
  if (number == store_.next_in()) set_next_in(number + 1, now);
}

void Session::set_next_in(uint64_t number, const Now& now) {
  if (!store_.set_next_in(number)) {
    ++counters_.store_full;
    return close(now);
  }
  if (number > hole_end_) hole_end_ = 0;
}

// In the middle of a session: with ResetSeqNumFlag both sides begin with 1 again.
void Session::on_logon(uint64_t number, const Now& now) {
  if (!in_.is_yes(kResetSeqNumFlag)) {
    if (check_number(number, now)) consume(number, now);
    return;
  }
  if (number != 1) return fail("MsgSeqNum must be 1 with ResetSeqNumFlag", now);
  reset(now);
  send_logon(true, now);
  consume(number, now);
}

// An initiator's Logon was answered.
void Session::on_logon_answer(uint64_t number, const Now& now) {
  if (!in_.is_type('A') || validate(dictionary_, in_).refused || !time_ok(now) || !comp_ids_ok())
    return close(now);
  state_ = State::active;
  schedule_checked_ = now.monotonic_ns;
  ++counters_.logons;
  if (number < store_.next_in()) return fail(TooLowText(store_.next_in(), number).view(), now);
  tell_logon(now);
  if (wire_ == nullptr) return;
  if (number > store_.next_in()) on_too_high(number, now);
  else consume(number, now);
}

// Answered whatever its number is: the peer waits for it, and a gap of ours does not concern it.
void Session::on_resend_request(uint64_t number, const Now& now) {
  const uint64_t from = number_of(in_, kBeginSeqNo), to = number_of(in_, kEndSeqNo);
  const uint64_t last = store_.next_out() - 1;
  if (from == 0 || (to != 0 && to < from)) {
    send_reject(number,
                {.refused = true,
                 .reason = RejectReason::value_incorrect,
                 .tag = kBeginSeqNo,
                 .has_tag = true},
                now);
  } else {
    resend_next_ = from;
    resend_end_ = to == 0 ? last : std::min(to, last);
    resend(now);
  }
  consume(number, now);
}

void Session::on_sequence_reset(uint64_t number, const Now& now) {
  const uint64_t next = number_of(in_, kNewSeqNo);
  const bool gap_fill = in_.is_yes(kGapFillFlag);
  if (gap_fill && !check_number(number, now)) return;
  if (next < store_.next_in() + (gap_fill ? 1 : 0))
    return send_reject(number, {.refused = true, .reason = RejectReason::value_incorrect}, now);
  if (next > store_.next_in()) set_next_in(next, now);
}

// Obeyed whatever its number is. What was missed is asked for after the next logon.
void Session::on_logout(uint64_t number, const Now& now) {
  consume(number, now);
  if (state_ == State::active) {
    Encoder e = begin("5", now);
    send(e, now);
  }
  close(now);
}

// Counted after the application has it: if this process dies in between, the counterparty sends it
// again, and says so (PossDupFlag).
void Session::on_application(uint64_t number, const Now& now) {
  if (!check_number(number, now)) return;
  if (in_.is_type('j')) {
    application_.on_reject(*this, in_, now);
  } else if (dictionary_.message(in_.type()) == nullptr ||
             application_.on_message(*this, in_, now) == Answer::unsupported) {
    send_unsupported(number, now);
  }
  consume(number, now);
}

}  // namespace pinion::fix
