// The states of a connection (RFC 9293 3.3.2), with the numbers that RIO_SO_STATE shows, and what a
// connection tells about itself.
#pragma once
#include "base/types.h"
#include "socket/endpoint.h"

namespace pinion {

enum class TcpState : uint8_t {
  closed = 0,
  listen = 1,
  syn_sent = 2,
  syn_received = 3,
  established = 4,
  fin_wait_1 = 5,
  fin_wait_2 = 6,
  close_wait = 7,
  closing = 8,
  last_ack = 9,
  time_wait = 10
};
const char* tcp_state_name(TcpState state);  // as the RFC writes it: "SYN-RECEIVED"

struct StreamInfo {
  TcpState state = TcpState::closed;
  Endpoint local, remote;
  uint16_t mss = 0;  // of what is sent, without options
  uint8_t snd_wscale = 0, rcv_wscale = 0;
  bool timestamps = false, sack = false;
  Nanos srtt = 0, rttvar = 0, rto = 0;
  uint32_t cwnd = 0, ssthresh = 0;
  uint32_t snd_wnd = 0, rcv_wnd = 0;
  uint32_t unacked = 0;  // bytes sent and not acknowledged
  uint32_t unsent = 0;   // bytes appended and not sent
  uint64_t bytes_acked = 0, bytes_received = 0;
  uint64_t segments_sent = 0, segments_received = 0, segments_retransmitted = 0;
};

}  // namespace pinion
