// What a core counts: one number per reason to drop, and what went well. Written by the core alone;
// copied out for pinionctl.
#pragma once
#include "base/drop.h"

namespace pinion {

struct Counters {
  uint64_t drops[kDropCount] = {};
  uint64_t rx_frames = 0, rx_bytes = 0;
  uint64_t tx_frames = 0, tx_bytes = 0;
  // What became of a received frame that was not dropped: exactly one of these moves, or one drop.
  uint64_t arp_received = 0;
  uint64_t udp_received = 0;  // datagrams that a socket took
  uint64_t icmp_echo_replies = 0;
  uint64_t icmp_errors_received = 0;  // that belonged to a socket

  uint64_t udp_sent = 0;  // datagrams accepted for transmission
  uint64_t arp_requests_sent = 0, arp_replies_sent = 0;
  uint64_t icmp_errors_sent = 0;
  uint64_t icmp_errors_suppressed = 0;  // forbidden, limited, or no frame to send them in

  void drop(Drop why) { ++drops[static_cast<size_t>(why)]; }
  uint64_t dropped(Drop why) const { return drops[static_cast<size_t>(why)]; }
};

}  // namespace pinion
