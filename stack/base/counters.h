// What a core counts: one number per reason to drop, and what went well. Written by the core alone;
// copied out for pinionctl.
#pragma once
#include "base/drop.h"
#include "base/stray.h"

namespace pinion {

struct Counters {
  uint64_t drops[kDropCount] = {};
  uint64_t rx_frames = 0, rx_bytes = 0;
  uint64_t tx_frames = 0, tx_bytes = 0;
  // What became of a received frame that was not dropped: exactly one of these moves, or one drop.
  uint64_t arp_received = 0;
  // Fragments that were taken and completed nothing: the last one counts as the whole datagram.
  uint64_t fragments_received = 0;
  uint64_t udp_received = 0;  // datagrams that a socket took
  uint64_t icmp_echo_replies = 0;
  uint64_t nd_received = 0, mld_received = 0;
  uint64_t icmp_errors_received = 0;  // that belonged to a socket

  uint64_t igmp_received = 0;  // queries taken, and reports of other hosts

  uint64_t reassembled = 0;          // datagrams
  uint64_t reassembly_timeouts = 0;  // given up: the rest never came
  uint64_t reassembly_evicted = 0;   // given up for newer ones

  uint64_t udp_sent = 0;      // datagrams accepted for transmission
  uint64_t udp_path_mtu_lowered = 0;
  uint64_t tcp_received = 0;  // segments that were of use
  uint64_t tcp_sent = 0, tcp_retransmitted = 0;
  uint64_t tcp_tso_frames = 0;  // frames of several segments, for a NIC to cut; tcp_sent has those
  uint64_t tcp_opened = 0, tcp_accepted = 0;  // connections, by connect and by a listener
  uint64_t tcp_resets_sent = 0, tcp_resets_received = 0;
  uint64_t tcp_timeouts = 0;  // connections that ended by time
  uint64_t tcp_cookies_sent = 0, tcp_cookies_accepted = 0;
  uint64_t tcp_challenge_acks = 0, tcp_window_probes = 0, tcp_keepalives = 0;
  uint64_t tcp_time_wait_evicted = 0, tcp_orphans_evicted = 0;  // for a new connection
  uint64_t tcp_output_blocked = 0, tcp_path_mtu_lowered = 0;

  uint64_t arp_requests_sent = 0, arp_replies_sent = 0;
  uint64_t nd_solicitations_sent = 0, nd_advertisements_sent = 0, mld_reports_sent = 0;
  uint64_t nd_duplicate_addresses = 0;  // own addresses given up for another station's
  uint64_t igmp_reports_sent = 0;       // messages of version 3 with records, and of 1 and 2
  uint64_t icmp_errors_sent = 0;
  uint64_t icmp_errors_suppressed = 0;  // forbidden, limited, or no frame to send them in

  // Of several cores, by Stray. Handed over: what became of frames that were another core's.
  // Copied: to other cores, beside what became of the frame here. Taken: from other cores; what
  // became of each stands among the others, as if a port had received it.
  uint64_t handed_over[kStrayCount] = {};
  uint64_t copied[kStrayCount] = {};
  uint64_t taken[kStrayCount] = {};

  void drop(Drop why) { ++drops[static_cast<size_t>(why)]; }
  uint64_t dropped(Drop why) const { return drops[static_cast<size_t>(why)]; }
};

}  // namespace pinion
