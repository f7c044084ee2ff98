// What the gateway counts, where metrics can read it: the trading thread copies its numbers here
// every now and then, so that nothing on the order path is written for people.
#pragma once
#include <deque>

#include "gateway/control/metrics.h"
#include "gateway/engine/engine.h"

namespace pinion::gateway {

class Numbers {
 public:
  // Names everything. The engine lives as long as this.
  Numbers(const Engine& engine, control::Metrics& metrics);
  // The trading thread.
  void copy(Nanos now);

 private:
  struct Session {
    control::Counter passed, refused;
    control::Gauge open, logged_on;
  };
  struct Line {
    control::Counter packets, won, gaps;
  };

  const Engine& engine_;
  Nanos next_ = 0;
  control::Counter connections_accepted_, connections_refused_, connections_dropped_;
  control::Counter entered_, accepted_, fills_, shares_, cancelled_, refused_, rejected_, lost_;
  control::Counter messages_, holes_, healed_, given_up_, snapshots_;
  control::Gauge venue_ready_, stale_books_;
  std::deque<Session> sessions_;
  std::deque<Line> lines_;
};

}  // namespace pinion::gateway
