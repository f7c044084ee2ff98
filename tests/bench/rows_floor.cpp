// Rows that check the benchmark itself: floors against floors.
#include "bench/floors.h"
#include "bench/rows.h"

namespace pinion::bench {

void add_floor_rows(Registry& rows) {
  rows.push_back({"floor_self", "the same ping-pong", 1.10, [] {
                    return Contest{line_ping_pong(), line_ping_pong()};
                  }});
  rows.push_back({"floor_slot_rtt", "cache-line ping-pong", 0, [] {
                    return Contest{slot_rings_round_trip(), line_ping_pong()};
                  }});
  rows.push_back({"floor_slot_depth64", "cache-line ping-pong", 0, [] {
                    return Contest{slot_rings_pipelined(), line_ping_pong()};
                  }});
  rows.push_back({"floor_wake", "cache-line ping-pong", 0, [] {
                    return Contest{socketpair_wake(), line_ping_pong()};
                  }});
}

}  // namespace pinion::bench
