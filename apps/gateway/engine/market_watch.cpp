#include "gateway/engine/market_watch.h"

#include <algorithm>

namespace pinion::gateway {

namespace {

constexpr Nanos kLookEvery = 100 * kMilli, kTellEvery = 10 * kSecond;
constexpr Nanos kRepeatEvery = 60 * kSecond;  // of what goes on
// Books are behind for moments all day long; that is no news.
constexpr Nanos kLasting = kSecond;

int length_of(const Alpha<10>& session) { return static_cast<int>(session.get().size()); }

}  // namespace

// The first look is at a state that nobody has doubted yet.
bool MarketWatch::Pace::due(bool changed, Nanos lasting, Nanos now) {
  if (!changed) return since = kNever, false;
  if (since == kNever) since = now;
  if (now - since < lasting || now < next) return false;
  since = kNever, next = now + kTellEvery;
  return true;
}

// Looking at a thousand books takes time that an order would wait: not while all stay fresh.
market::MarketDataStatus MarketWatch::status(const market::MarketData& data, Nanos now) {
  const uint64_t times_stale = data.books().counters().times_stale;
  if (!were_stale_ && times_stale == times_stale_) return data.stream_status(now);
  const market::MarketDataStatus s = data.status(now);
  were_stale_ = s.stale_books != 0, times_stale_ = times_stale;
  return s;
}

// Others have more to say when there is little room left. What is not told now is later.
void MarketWatch::look(const market::MarketData& data, Nanos now, Notices& notices) {
  if (now < next_ || notices.room() < Notices::kKept / 4) return;
  next_ = now + kLookEvery;
  const market::MarketDataStatus s = status(data, now);
  if (ended_.due(s.ended, 0, now)) {
    notices.say("market data: session %.*s has ended; start again for the next one",
                length_of(s.session), s.session.get().data());
  }
  if (s.ended) return;  // silence and old books follow from it
  for (size_t i = 0; i < s.lines; ++i) look_at_line(i, s, now, notices);
  look_at_session(s, now, notices);
  look_at_snapshots(s, now, notices);
  look_at_books(s, now, notices);
}

// A line that was not heard yet is not silent before it could have been heard.
void MarketWatch::look_at_line(size_t line, const market::MarketDataStatus& s, Nanos now,
                               Notices& notices) {
  const bool never = s.line[line].counters.last_heard == INT64_MIN;
  if (!silent_[line].due(s.line[line].silent, never ? config_.line_silence : 0, now)) return;
  const LineConfig& at = config_.lines[line];
  notices.say("market data: line %c, group %s:%u, is %s", line == 0 ? 'A' : 'B', at.group.c_str(),
              unsigned{at.port}, silent_[line].bad ? "silent" : "heard");
}

// A session is never changed silently, nor is another one left alone silently.
void MarketWatch::look_at_session(const market::MarketDataStatus& s, Nanos now, Notices& notices) {
  uint64_t others = s.retransmit.other_session;
  for (size_t i = 0; i < s.lines; ++i) others += s.line[i].counters.other_session;
  if (others == others_ || now < others_next_) return;
  others_ = others, others_next_ = now + kRepeatEvery;
  notices.say(
      "market data: session %.*s is followed, packets of session %.*s are left alone (%llu "
      "so far); a new start follows what it hears first",
      length_of(s.session), s.session.get().data(), length_of(s.other_session),
      s.other_session.get().data(), static_cast<unsigned long long>(others));
}

void MarketWatch::look_at_snapshots(const market::MarketDataStatus& s, Nanos now,
                                    Notices& notices) {
  const Endpoint& server = config_.snapshot.server;
  if (refused_.due(s.snapshot_login_refused, 0, now)) {
    notices.say(
        "market data: the snapshot server %s:%u rejects the login (user or password); it is "
        "not tried again before the next start",
        server.ip.c_str(), unsigned{server.port});
  }
  const uint64_t failed = s.snapshots.broken + s.snapshots.useless;
  if (failed == snapshots_failed_ || refused_.bad || now < snapshots_next_) return;
  snapshots_failed_ = failed, snapshots_next_ = now + kRepeatEvery;
  notices.say(
      "market data: no good snapshot from %s:%u (%llu broken, %llu that did not fit the "
      "stream), trying again",
      server.ip.c_str(), unsigned{server.port}, static_cast<unsigned long long>(s.snapshots.broken),
      static_cast<unsigned long long>(s.snapshots.useless));
}

void MarketWatch::look_at_books(const market::MarketDataStatus& s, Nanos now, Notices& notices) {
  const bool stale = s.stale_books != 0, all = s.stale_books == config_.symbols.size();
  const bool changed = s.stale_why != told_books_.why || all != told_books_.all;
  if (!stale) told_books_.since = kNever;  // what is stale next has not lasted yet
  if (!told_books_.due(changed, stale ? kLasting + config_.line_silence : 0, now)) return;
  told_books_.why = s.stale_why, told_books_.all = all;
  if (!stale) return notices.say("market data: all books are fresh");
  notices.say("market data: %u of %zu books are stale (%s): no orders pass there", s.stale_books,
              config_.symbols.size(), book::StaleText(s.stale_why).text);
}

}  // namespace pinion::gateway
