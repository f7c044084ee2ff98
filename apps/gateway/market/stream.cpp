#include "gateway/market/stream.h"

#include <algorithm>

#include "base/check.h"

namespace pinion::market {

using moldudp64::Line;
using moldudp64::ReceiverState;

namespace {
// A stream is behind its snapshot server by less: both tell of the same market, over one network.
constexpr Nanos kComesToSnapshot = kSecond;
}  // namespace

Stream::Stream(const StreamConfig& config)
    : lines_(config.lines),
      line_silence_(config.receiver.line_silence),
      ahead_max_(config.receiver.ahead_max),
      books_(config.books),
      feed_(books_, {config.kept_messages_max, config.kept_messages_max * itch::kMessageBytesMax}),
      receiver_(config.receiver),
      told_of_(config.books.symbols.size()) {
  STACK_CHECK(lines_ == 1 || lines_ == 2);
}

// What is in the books has not changed by time alone, but what it is worth has. Holding alone is
// no reason to be behind, but once behind they are so until nothing is missing.
void Stream::look(Nanos now) {
  bool silent = true;
  for (size_t i = 0; i < lines_; ++i) silent &= receiver_.line_silent(static_cast<Line>(i), now);
  if (silent != silent_) books_.mark(book::kSilent, silent_ = silent);
  look_at_snapshot();
  const ReceiverState state = receiver_.state();
  const bool behind = state == ReceiverState::requesting ||
                      (state == ReceiverState::holding && behind_) ||
                      !feed_.reached(receiver_.expected());
  if (behind != behind_) books_.mark(book::kBehind, behind_ = behind);
}

// A snapshot of later than the stream is at may be of another day, and the stream would come to its
// number at last. Without a missing message, what a line said long enough afterwards shows it.
void Stream::look_at_snapshot() {
  if (!feed_.live() || feed_.reached(receiver_.expected()) || !receiver_.live()) return;
  if (last_heard() < snapshot_ended_ + kComesToSnapshot) return;
  feed_.disown_snapshot();
  ++disowned_;
}

Nanos Stream::last_heard() const {
  Nanos heard = INT64_MIN;
  for (size_t i = 0; i < lines_; ++i) {
    heard = std::max(heard, receiver_.line(static_cast<Line>(i)).last_heard);
  }
  return heard;
}

Nanos Stream::next_deadline() const {
  const Nanos heard = last_heard();
  const Nanos silence = silent_ || heard == INT64_MIN ? kNever : heard + line_silence_;
  return std::min(silence, receiver_.next_deadline());
}

}  // namespace pinion::market
