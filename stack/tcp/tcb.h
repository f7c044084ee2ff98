// Tcb: the transmission control block (RFC 9293 3.3.1), with its variables' names. Plain data; the
// functions of Tcp change it. SND.UNA and SND.NXT live in `loss` once the SYN is acknowledged.
#pragma once
#include <algorithm>

#include "base/list.h"
#include "base/timer_heap.h"
#include "socket/socket.h"
#include "socket/tcp_demux.h"
#include "tcp/loss.h"
#include "tcp/ooo.h"
#include "tcp/tcp_state.h"

namespace pinion {

struct Listener;

// Of IP and TCP, without options.
constexpr uint16_t header_bytes(Ip address) {
  return static_cast<uint16_t>(ip_header_bytes(address) + sizeof(TcpHdr));
}
constexpr uint16_t mss_default(Ip address) {
  return address.is_v4() ? kTcpMssDefault : kTcpMssDefaultIpv6;
}

// Of each connection; `loss` has three of its own besides.
enum class TcpTimer : uint8_t {
  handshake,  // SYN or SYN-ACK again (RFC 6298)
  persist,    // probe of a zero window (RFC 9293 3.8.6.1)
  ack,        // delayed ACK
  keepalive,
  user,    // no progress for too long: R2 of RFC 9293 3.8.3
  life,    // TIME-WAIT, or FIN-WAIT-2 without an owner
  output,  // what was blocked, or held back to avoid silly windows
  count
};

struct Tcb : Connection {
  TcpState state = TcpState::closed;
  bool active = false;        // made by connect: an active OPEN (RFC 9293 MUST-11)
  bool owner_closed = false;  // Tcp::close: `sk` is only read from
  bool from_cookie = false;
  bool fin_queued = false;    // behind all that was appended
  bool fin_sent = false;      // once at least; it is the last before SND.NXT
  bool fin_received = false;  // RCV.NXT has passed it
  bool unreachable = false;   // the last SYN: its neighbour had failed
  bool syn_blocked = false;   // the last SYN did not leave
  bool syn_lost = false;      // the handshake needed a retransmission
  bool dead = false;          // gone, but for those that hold it
  uint8_t holds = 0;          // calls that work on it: it stays where it is
  uint8_t ttl = 64, tos = 0;
  Socket* sk = nullptr;          // nullptr: half-open of a listener, or left alone by its owner
  Listener* listener = nullptr;  // that it is half-open for
  StreamOptions options;
  int soft_error = 0;  // the last ICMP said (RFC 9293 3.9.2.2): why, if it times out

  // Send sequence space.
  Seq iss;
  uint32_t snd_wnd = 0;  // scaled
  uint32_t max_snd_wnd = 0;
  Seq snd_wl1, snd_wl2;
  uint64_t unsent = 0;  // bytes appended and never sent
  uint8_t snd_wscale = 0;
  uint16_t peer_mss = kTcpMssDefault;
  uint16_t path_mtu = 0;
  uint16_t header_bytes = 40;  // of IP and TCP, without options
  uint16_t smss = 0;           // payload of a full segment, without the options of each segment
  bool sws_override = false;   // its time is over: a small segment may leave
  bool probed = false;     // the byte at SND.NXT was sent as a probe, and does not count as sent
  uint8_t probes = 0;      // in a row
  uint8_t keepalives = 0;  // probes without an answer
  Nanos probed_at = 0;
  uint32_t syns_sent = 0;  // SYN-ACKs too
  Nanos syn_sent_at = 0;   // the first: for the round-trip time

  // Receive sequence space. RCV.WND is rcv_adv - rcv_nxt: the edge that the peer was told.
  Seq irs, rcv_nxt, rcv_adv;
  Seq last_ack_sent;
  uint8_t rcv_wscale = 0;
  uint16_t rcv_mss = kTcpMssDefault;  // a full segment of the peer
  uint32_t unacked_segments = 0;      // received and not acknowledged yet
  bool ack_due = false;               // the next segment, or the end of the pass, acknowledges
  Nanos received_at = 0;              // anything acceptable
  Nanos challenge_after = 0;

  // RFC 7323, RFC 2018.
  bool scaling = false, timestamps = false, sack = false;
  uint32_t ts_recent = 0, ts_offset = 0;
  Nanos ts_recent_at = 0;

  Loss loss;
  uint32_t losses = 0;       // that it had when output saw it last
  uint64_t uncut_until = 0;  // bytes_acked is that: no long frames for a port to cut
  OooQueue ooo;
  Flow flow;
  uint64_t bytes_acked = 0, bytes_received = 0;
  uint64_t segments_sent = 0, segments_received = 0;

  TimerNode timer;
  Nanos deadline[static_cast<size_t>(TcpTimer::count)];
  Link<Tcb> pending;   // has something to send at the end of the pass
  Link<Tcb> waiting;   // TIME-WAIT
  Link<Tcb> orphaned;  // without an owner, on the way there
  Link<Tcb> queued;    // of its listener

  Tcb() { std::fill(std::begin(deadline), std::end(deadline), kNever); }

  uint32_t rcv_wnd() const { return rcv_adv - rcv_nxt; }
  void arm(TcpTimer t, Nanos at) { deadline[static_cast<size_t>(t)] = at; }
  void disarm(TcpTimer t) { arm(t, kNever); }
  bool armed(TcpTimer t) const { return deadline[static_cast<size_t>(t)] != kNever; }
  bool synchronized() const { return state >= TcpState::established; }
  bool may_send_data() const {  // the send stream is open, or is being emptied
    return state == TcpState::established || state == TcpState::close_wait ||
           state == TcpState::fin_wait_1 || state == TcpState::closing ||
           state == TcpState::last_ack;
  }
  bool may_receive_data() const {
    return state == TcpState::established || state == TcpState::fin_wait_1 ||
           state == TcpState::fin_wait_2;
  }
  bool fin_in_flight() const { return fin_sent && loss.flight_size() != 0; }
  uint32_t data_in_flight() const { return loss.flight_size() - (fin_in_flight() ? 1 : 0); }
};

// A listening socket, and what is half-open for it.
struct Listener {
  Socket* sk = nullptr;
  uint32_t backlog = 0;
  Nanos cookies_until = 0;            // since a SYN found no room: how long cookies count
  List<Tcb, &Tcb::queued> half_open;  // oldest first
};

}  // namespace pinion
