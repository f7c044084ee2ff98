// Receives one MoldUDP64 stream from two lines and a re-request server, without a socket: every
// message is delivered once, in order, or the hole is reported. Bounded: what comes early waits in
// a window of slots that exist from the start; what is beyond it is asked for again later.
//
//     waiting --> live --hole--> holding (gap_wait: the other line may have it)
//                  ^                |
//                  +-- filled ------+--> requesting (attempts x request_timeout), then given up
#pragma once
#include <vector>

#include "gateway/moldudp64/moldudp64.h"

namespace pinion::moldudp64 {

struct ReceiverConfig {
  Alpha<10> session = Alpha<10>::of("");  // blank: the first one that is seen
  uint64_t first = 0;                     // the number to begin with; 0: what comes first
  uint32_t window_messages = 32'768;      // a power of two
  uint32_t message_bytes_max = 64;        // longer ones are delivered, but do not wait
  Nanos gap_wait = 200 * kMicro;
  Nanos request_timeout = 50 * kMilli;
  uint32_t attempts = 3;  // without any progress, before a hole is given up; 0: never ask
  uint16_t request_messages_max = 1'000;
  uint64_t ahead_max = 100'000;  // one packet alone is not believed that the stream leapt further
  Nanos line_silence = 3 * kSecond;
};

enum class Line : uint8_t { a, b, retransmit };
inline constexpr size_t kLines = 3;

enum class ReceiverState : uint8_t { waiting, live, holding, requesting, ended };

struct LineCounters {
  uint64_t packets = 0;
  uint64_t won = 0;      // brought something new
  uint64_t lost = 0;     // brought nothing new
  uint64_t gaps = 0;     // leaps within the line itself
  uint64_t late_ns = 0;  // sum over the lost ones of how much later than the first copy
  uint64_t late_count = 0;
  uint64_t malformed = 0;
  uint64_t other_session = 0;
  uint64_t too_far = 0;          // leaps that nothing else has told of
  Nanos last_heard = INT64_MIN;  // a packet that may be true
};

struct ReceiverCounters {
  uint64_t delivered = 0;
  uint64_t held = 0;           // messages that waited for an earlier one
  uint64_t beyond_window = 0;  // messages that came too early to be kept
  uint64_t too_long = 0;       // and those too long
  uint64_t holes = 0, healed = 0, given_up = 0;
  uint64_t missed = 0;  // messages in the holes given up
  uint64_t requests = 0;
};

class Receiver {
 public:
  explicit Receiver(const ReceiverConfig& config);

  ReceiverState state() const { return state_; }
  bool live() const { return state_ == ReceiverState::live; }
  uint64_t expected() const { return expected_; }
  const Alpha<10>& session() const { return session_; }
  const Alpha<10>& other_session() const { return other_session_; }  // the last one left alone
  const LineCounters& line(Line which) const { return lines_[static_cast<size_t>(which)]; }
  const ReceiverCounters& counters() const { return counters_; }
  bool line_silent(Line which, Nanos now) const {
    const Nanos heard = line(which).last_heard;
    return heard == INT64_MIN || now - heard >= config_.line_silence;
  }

  // sink.message(number, bytes), sink.hole(first, end), sink.end_of_session().
  template <class Sink>
  void input(Line which, Bytes datagram, Nanos now, Sink& sink) {
    Packet packet;
    if (!admit(which, datagram, now, packet)) return;
    const uint64_t before = expected_;
    bool fresh = false;
    uint64_t sequence = packet.sequence;
    for (uint16_t i = 0; i < packet.count; ++i, ++sequence) {
      const Bytes message = take_message(packet.blocks);
      if (sequence == expected_) {
        deliver(message, sink);
        fresh = true;
      } else if (sequence > expected_) {
        fresh |= hold(sequence, message);
      }
    }
    drain(sink);
    account(which, packet, fresh, now);
    settle(which, expected_ != before, now);
    finish(sink);
  }

  // Time passes: a hole becomes a request, or is given up.
  template <class Sink>
  void poll(Nanos now, Sink& sink) {
    while (expire(now)) {
      const uint64_t end = hole_end();
      sink.hole(expected_, end);
      ++counters_.given_up;
      counters_.missed += end - expected_;
      expected_ = end;
      drain(sink);
      state_ = ReceiverState::live;  // what is left is another hole
      settle(Line::a, true, now);
      finish(sink);
    }
  }
  // Writes the request that is due, to be sent to re-request server number `server` modulo how
  // many there are. 0: none is.
  size_t request(MutableBytes out, uint32_t& server, Nanos now);
  Nanos next_deadline() const { return request_due_ ? INT64_MIN : deadline_; }

 private:
  struct Slot {
    static constexpr uint32_t kEmpty = UINT32_MAX;
    uint64_t sequence = 0;
    uint32_t length = kEmpty;  // until something was here
  };
  struct Seen {
    uint64_t sequence = 0;
    Nanos at = 0;
  };

  template <class Sink>
  void deliver(Bytes message, Sink& sink) {
    sink.message(expected_, message);
    ++expected_;
    ++counters_.delivered;
  }
  template <class Sink>
  void drain(Sink& sink) {
    while (holds(expected_)) deliver(held(expected_), sink);
  }
  template <class Sink>
  void finish(Sink& sink) {
    if (state_ == ReceiverState::ended && !end_told_) {
      end_told_ = true;
      sink.end_of_session();
    }
  }
  size_t index(uint64_t sequence) const { return sequence & (config_.window_messages - 1); }
  bool holds(uint64_t sequence) const {
    const Slot& slot = slots_[index(sequence)];
    return slot.sequence == sequence && slot.length != Slot::kEmpty;
  }
  Bytes held(uint64_t sequence) const {
    const size_t i = index(sequence);
    return Bytes{bytes_}.subspan(i * config_.message_bytes_max, slots_[i].length);
  }
  bool admit(Line which, Bytes datagram, Nanos now, Packet& packet);
  bool plausible(Line which, const Packet& packet);
  bool hold(uint64_t sequence, Bytes message);
  void account(Line which, const Packet& packet, bool fresh, Nanos now);
  void settle(Line which, bool progress, Nanos now);
  bool expire(Nanos now);
  uint64_t hole_end() const;

  ReceiverConfig config_;
  ReceiverState state_ = ReceiverState::waiting;
  Alpha<10> session_, other_session_ = Alpha<10>::of("");
  uint64_t expected_;            // the next number to deliver
  uint64_t known_end_ = 0;       // the number behind everything that is known to exist
  uint64_t end_of_session_ = 0;  // true only as long as it is known_end_
  struct Leap {
    Line line = Line::a;
    Alpha<10> session = Alpha<10>::of("");
    uint64_t sequence = 0, end = 0;
  } leap_;  // the last packet that was too far ahead
  bool end_told_ = false;
  bool request_due_ = false;
  uint32_t attempt_ = 0, server_ = 0;
  Nanos deadline_ = kNever;  // of holding, or of the request on its way
  uint64_t line_next_[kLines] = {};
  LineCounters lines_[kLines];
  ReceiverCounters counters_;
  std::vector<Slot> slots_;
  std::vector<std::byte> bytes_;
  std::vector<Seen> seen_;  // when first copies came, for lateness
};

}  // namespace pinion::moldudp64
