// What people must hear of market data, since without books no order passes: lines that are silent,
// a session that is not followed, a snapshot's login that is refused, books that stay stale.
#pragma once
#include "gateway/engine/notices.h"
#include "gateway/market/market_data.h"

namespace pinion::gateway {

class MarketWatch {
 public:
  explicit MarketWatch(const MarketDataConfig& config) : config_(config) {}

  // In each turn; looks a few times a second. The stream and who sends into it decide how often
  // something changes: a change of one thing is told every ten seconds at most.
  void look(const market::MarketData& data, Nanos now, Notices& notices);

 private:
  // When a change may be told.
  struct Pace {
    Nanos since = kNever;  // that there is one
    Nanos next = INT64_MIN;
    bool due(bool changed, Nanos lasting, Nanos now);
  };
  // A state that is good or bad, as far as it was told.
  struct Told : Pace {
    bool bad = false;
    bool due(bool is_bad, Nanos lasting, Nanos now) {
      return Pace::due(is_bad != bad, lasting, now) && (bad = is_bad, true);
    }
  };
  // Of the books; a lasting small reason must not hide a large one.
  struct ToldOfBooks : Pace {
    uint8_t why = book::kFresh;
    bool all = false;
  };

  market::MarketDataStatus status(const market::MarketData& data, Nanos now);
  void look_at_line(size_t line, const market::MarketDataStatus& s, Nanos now, Notices& notices);
  void look_at_session(const market::MarketDataStatus& s, Nanos now, Notices& notices);
  void look_at_snapshots(const market::MarketDataStatus& s, Nanos now, Notices& notices);
  void look_at_books(const market::MarketDataStatus& s, Nanos now, Notices& notices);

  MarketDataConfig config_;
  Nanos next_ = INT64_MIN;
  Told silent_[2], refused_, ended_;
  ToldOfBooks told_books_;
  bool were_stale_ = true;  // some books, when they were looked at last
  uint64_t times_stale_ = 0;
  uint64_t others_ = 0, snapshots_failed_ = 0;  // as far as they were told
  Nanos others_next_ = INT64_MIN, snapshots_next_ = INT64_MIN;
};

}  // namespace pinion::gateway
