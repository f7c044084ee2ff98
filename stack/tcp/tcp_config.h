// What TCP is told once, at construction: a part of NetConfig. Each limit is a number of things
// that are reserved then; the times are the defaults of what a socket may set (StreamOptions).
#pragma once
#include "base/types.h"
#include "tcp/congestion.h"

namespace pinion {

struct TcpConfig {
  uint32_t connections_max = 4096;  // TCBs: half-open, TIME-WAIT and those without an owner too
  uint32_t listeners_max = 256;
  uint32_t bound_max = 4096;      // sockets with a local endpoint of their own
  uint32_t ooo_chunks_max = 256;  // of one connection: what came out of order, as memory
  uint32_t segments_max = 65536;  // sent and not acknowledged, of all connections

  // RFC 6298. Its least RTO of 1 s (2.4) is for clocks and paths of another kind: on a LAN whose
  // round trip takes microseconds, a second of silence is a lost session.
  Nanos initial_rto = kSecond;
  Nanos min_rto = 5 * kMilli;
  Nanos max_rto = 60 * kSecond;

  bool tail_loss_probe = true;             // RFC 8985 7
  Nanos peer_delayed_ack = 40 * kMilli;    // how long a peer may wait with an ACK (RFC 8985 7.2)
  uint32_t slow_start_limit_segments = 2;  // what one ACK may add (RFC 3465); 0: no limit

  Nanos delayed_ack = 0;  // 0: at once; else how long an ACK waits, below 500 ms (RFC 9293 3.8.6.3)
  bool nagle = false;
  CongestionControl congestion = CongestionControl::cubic;
  uint32_t initial_window_segments = 10;  // RFC 6928
  uint16_t mss_min = 64;                  // what a peer's smaller MSS is taken for
  uint16_t path_mtu_min = 552;            // ICMP lowers a path's MTU to no less (RFC 1191)
  bool window_scaling = true, timestamps = true, sack = true;
  Nanos timestamp_tick = kMilli;        // RFC 7323 5.4: 1 ms to 1 s
  uint32_t receive_bytes = 256 * 1024;  // a socket's receive buffer, if it does not say

  Nanos msl = 60 * kSecond;  // TIME-WAIT lasts two
  Nanos fin_wait_2 = 60 * kSecond;

  uint32_t syn_queue_max = 512;  // connections in SYN-RECEIVED, of all listeners
  uint32_t syn_retries = 5;      // SYN-ACKs beyond the first
  bool syn_cookies = true;

  // RFC 9293 3.8.3: R2. How long a connection lives without an acknowledgment; and a connect.
  Nanos user_timeout = 900 * kSecond;
  Nanos connect_timeout = 180 * kSecond;

  Nanos keepalive_idle = 0;  // 0: off, as RFC 9293 3.8.4 asks; at least 2 h if on
  Nanos keepalive_interval = 75 * kSecond;
  uint32_t keepalive_count = 9;

  uint32_t challenge_acks_per_s = 1000;  // RFC 5961 7, of all connections; drawn anew each second
  uint32_t resets_per_s = 1000;          // to segments without a connection
  Nanos challenge_interval = 500 * kMilli;  // between two of one connection to bad segments

  Nanos output_retry = 200 * kMicro;  // after a frame or a port was not to be had
  Nanos sws_override = 200 * kMilli;  // RFC 9293 3.8.6.2.1: 0.1 to 1 s

  uint32_t timers_per_pass = 256;
  uint32_t output_segments_per_call = 64;  // then the others' turn; the rest leaves next pass
};

}  // namespace pinion
