// One question at a time, from the housekeeping thread to the trading thread, and its answer back.
// The trading thread looks once a turn, which is one load of a line that it owns until somebody
// asks; it never waits and never allocates.
//
//            ask (housekeeping)        take (trading)            publish (trading)
//   idle ------------------------> asked --------> serving --+--------------------> answered
//     ^                             |                ^  turn |                        |
//     +---- withdraw (housekeeping)-+                +-------+                        |
//     +------------------------------- finish (housekeeping) -------------------------+
//
// Whoever's arrow leaves a state owns line and answer in it.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <string_view>

#include "gateway/control/answer.h"

namespace pinion::control {

class Mailbox {
 public:
  static constexpr size_t kLineMax = 256, kAnswerBytes = 64u << 10;

  Mailbox() : memory_(new char[kAnswerBytes]), answer_({memory_.get(), kAnswerBytes}) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // --- The housekeeping thread ---
  // A command (at most kLineMax bytes), and where a long answer goes on (else 0). False: what was
  // asked before is not finished; ask again later.
  bool ask(std::string_view line, uint64_t cursor);
  // The answer, whole or up to its next(), valid until finish(); null: not yet.
  const Answer* answer() const {
    // Pairs with the release in serve: the answer is complete.
    return state_.load(std::memory_order_acquire) == kAnswered ? &answer_ : nullptr;
  }
  void finish() { state_.store(kIdle, std::memory_order_relaxed); }
  // True: it was not begun and never will be. False: it has been begun, and there will be an answer
  // some time.
  bool withdraw() {
    uint32_t asked = kAsked;
    return state_.compare_exchange_strong(asked, kIdle, std::memory_order_relaxed);
  }

  // --- The trading thread ---
  // handle(std::string_view line, Answer& out), at most once.
  template <class Handle>
  void serve(Handle&& handle) {
    const uint32_t state = state_.load(std::memory_order_relaxed);
    if (state != kAsked && state != kServing) [[likely]]
      return;
    if (state == kAsked && !take()) return;
    answer_.begin_turn(answer_.next());
    handle(std::string_view{line_.data(), line_bytes_}, answer_);
    if (answer_.wants_more() && answer_.has_room()) return;  // the next turn goes on
    state_.store(kAnswered, std::memory_order_release);
  }

 private:
  enum State : uint32_t { kIdle, kAsked, kServing, kAnswered };

  // Pairs with the release in ask: the line is complete. False: it was withdrawn.
  bool take() {
    uint32_t asked = kAsked;
    return state_.compare_exchange_strong(asked, kServing, std::memory_order_acquire);
  }

  alignas(64) std::atomic<uint32_t> state_ = kIdle;
  alignas(64) size_t line_bytes_ = 0;
  std::array<char, kLineMax> line_{};
  std::unique_ptr<char[]> memory_;
  Answer answer_;
};

}  // namespace pinion::control
