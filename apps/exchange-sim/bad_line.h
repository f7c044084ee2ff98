// One multicast (or unicast) line that loses, repeats, delays and reorders what is sent on it, as
// its seed has it. The socket is the caller's.
#pragma once
#include <netinet/in.h>

#include <queue>
#include <vector>

#include "base/rng.h"
#include "base/types.h"

namespace pinion::exchange {

struct BadLineConfig {
  double loss = 0;       // probability that a packet is never sent
  double duplicate = 0;  // that it is sent twice
  double reorder = 0;    // that it is held back while others pass
  Nanos delay = 0;       // of every packet
  Nanos reorder_by = 2 * kMilli;
};

struct BadLineCounters {
  uint64_t packets = 0, sent = 0, lost = 0, duplicated = 0, held_back = 0, send_errors = 0;
};

class BadLine {
 public:
  BadLine(int fd, const sockaddr_in& to, const BadLineConfig& config, uint64_t seed)
      : fd_(fd), to_(to), config_(config), rng_(seed) {}

  void send(Bytes packet, Nanos now);
  // What was delayed and is due.
  void poll(Nanos now);
  Nanos next_deadline() const { return held_.empty() ? kNever : held_.top().at; }
  // The next n packets are lost, whatever the configuration says.
  void lose_next(uint64_t n) { lose_ += n; }
  const BadLineCounters& counters() const { return counters_; }

 private:
  struct Held {
    Nanos at;
    uint64_t number;  // what is due at one time leaves in order
    std::vector<std::byte> bytes;
    bool operator<(const Held& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  void put(Bytes packet);

  int fd_;
  sockaddr_in to_;
  BadLineConfig config_;
  Rng rng_;
  uint64_t lose_ = 0, number_ = 0;
  std::priority_queue<Held> held_;
  BadLineCounters counters_;
};

}  // namespace pinion::exchange
