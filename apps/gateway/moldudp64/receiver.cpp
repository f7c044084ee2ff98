#include "gateway/moldudp64/receiver.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace pinion::moldudp64 {

namespace {
constexpr size_t kSeen = 4096;  // packets whose first copy's time is remembered
}

Receiver::Receiver(const ReceiverConfig& config)
    : config_(config),
      session_(config.session),
      expected_(config.first),
      slots_(config.window_messages),
      bytes_(size_t{config.window_messages} * config.message_bytes_max),
      seen_(kSeen) {
  STACK_CHECK(std::has_single_bit(config.window_messages));
  STACK_CHECK(config.request_messages_max > 0);
}

// Whether the packet belongs to this stream and may be used. A session is never changed silently:
// what carries another name is counted and left alone, answers to requests too.
bool Receiver::admit(Line which, Bytes datagram, Nanos now, Packet& packet) {
  LineCounters& line = lines_[static_cast<size_t>(which)];
  ++line.packets;
  // Numbers begin with 1.
  if (parse(datagram, packet) != Parse::ok || packet.sequence == 0) return ++line.malformed, false;
  if (!session_.get().empty() && packet.session.get() != session_.get()) {
    other_session_ = packet.session;
    return ++line.other_session, false;
  }
  if (!plausible(which, packet)) return ++line.too_far, false;
  if (state_ == ReceiverState::waiting) {
    if (config_.first == 0) expected_ = packet.sequence;
    session_ = packet.session;
    state_ = ReceiverState::live;
  }
  line.last_heard = now;
  if (state_ == ReceiverState::ended) return false;
  known_end_ = std::max(known_end_, packet.end());
  // An end before messages that are known to exist is none.
  if (packet.kind == Kind::end_of_session && packet.sequence == known_end_) {
    end_of_session_ = packet.sequence;
  }
  return true;
}

// A packet far ahead is a lie, or there was a long outage, or we begin in the middle of a day: then
// another packet soon tells of the same place, the next one of its line or any of the other line.
// (An answer to a request is of what was asked for, and no witness.)
bool Receiver::plausible(Line which, const Packet& packet) {
  const uint64_t known = std::max(expected_, known_end_);
  if (packet.end() <= known || packet.end() - known <= config_.ahead_max) return true;
  if (which == Line::retransmit) return false;
  const Leap before = leap_;
  leap_ = {which, packet.session, packet.sequence, packet.end()};
  if (before.end == 0 || before.session != packet.session) return false;
  const bool repeats = which == before.line && packet.sequence < before.end;
  const uint64_t apart = packet.sequence > before.sequence ? packet.sequence - before.sequence
                                                           : before.sequence - packet.sequence;
  return !repeats && apart <= config_.window_messages;
}

// True if the message was not there before.
bool Receiver::hold(uint64_t sequence, Bytes message) {
  if (sequence - expected_ >= config_.window_messages) return ++counters_.beyond_window, false;
  if (message.size() > config_.message_bytes_max) return ++counters_.too_long, false;
  if (holds(sequence)) return false;
  const size_t i = index(sequence);
  slots_[i] = {sequence, static_cast<uint32_t>(message.size())};
  if (!message.empty()) {
    std::memcpy(bytes_.data() + i * config_.message_bytes_max, message.data(), message.size());
  }
  ++counters_.held;
  return true;
}

void Receiver::account(Line which, const Packet& packet, bool fresh, Nanos now) {
  const auto i = static_cast<size_t>(which);
  LineCounters& line = lines_[i];
  if (which != Line::retransmit) {
    if (line_next_[i] != 0 && packet.sequence > line_next_[i]) ++line.gaps;
    line_next_[i] = std::max(line_next_[i], packet.end());
  }
  if (packet.count == 0) return;
  Seen& seen = seen_[packet.sequence % kSeen];
  if (fresh) {
    ++line.won;
    seen = {packet.sequence, now};
    return;
  }
  ++line.lost;
  if (seen.sequence == packet.sequence) {
    line.late_ns += static_cast<uint64_t>(now - seen.at);
    ++line.late_count;
  }
}

// What state the stream is in now. An answer that brought us on but left a hole asks again at once
// from the next missing number: an answer holds as many messages as fit one packet. Progress by
// the lines starts a new wait for them.
void Receiver::settle(Line which, bool progress, Nanos now) {
  if (expected_ >= known_end_) {
    if (state_ == ReceiverState::holding || state_ == ReceiverState::requesting) {
      ++counters_.healed;
    }
    const bool over = end_of_session_ != 0 && end_of_session_ == known_end_;
    state_ = over ? ReceiverState::ended : ReceiverState::live;
    deadline_ = kNever;
    request_due_ = false;
    return;
  }
  if (state_ == ReceiverState::live) {
    ++counters_.holes;
  } else if (!progress) {
    return;
  } else if (state_ == ReceiverState::requesting && which == Line::retransmit) {
    attempt_ = 0;
    request_due_ = true;
    return;
  }
  state_ = ReceiverState::holding;
  request_due_ = false;
  deadline_ = now + config_.gap_wait;
}

// True if the hole at the front is to be given up.
bool Receiver::expire(Nanos now) {
  if (now < deadline_ || request_due_) return false;
  if (state_ == ReceiverState::holding) {
    state_ = ReceiverState::requesting;
    attempt_ = 0;
  }
  if (state_ != ReceiverState::requesting) return false;
  if (attempt_ >= config_.attempts) return true;
  request_due_ = true;
  return false;
}

uint64_t Receiver::hole_end() const {
  const uint64_t window_end = expected_ + config_.window_messages;
  const uint64_t limit = std::min(known_end_, window_end);
  for (uint64_t sequence = expected_ + 1; sequence < limit; ++sequence) {
    if (holds(sequence)) return sequence;
  }
  return known_end_;
}

size_t Receiver::request(MutableBytes out, uint32_t& server, Nanos now) {
  if (!request_due_ || out.size() < sizeof(Request)) return 0;
  const uint64_t wanted = std::min<uint64_t>(hole_end() - expected_, config_.request_messages_max);
  const Request request{session_, be64::of(expected_), be16::of(static_cast<uint16_t>(wanted))};
  std::memcpy(out.data(), &request, sizeof request);
  server = server_++;
  request_due_ = false;
  ++attempt_;
  ++counters_.requests;
  deadline_ = now + config_.request_timeout;
  return sizeof request;
}

}  // namespace pinion::moldudp64
