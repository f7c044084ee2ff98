// A segment arrives (RFC 9293 3.10.7): for a synchronised connection, or one in SYN-RECEIVED, the
// eight steps of 3.10.7.4 in their order, with RFC 5961 and RFC 7323 where they change one.
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "socket/stream.h"
#include "tcp/tcp.h"

namespace pinion {
namespace {

constexpr Nanos kTsRecentValid = 24 * 24 * 3600 * kSecond;  // RFC 7323 5.5: 24 days

bool ts_before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

// RFC 9293 3.10.7.4, first, as overlap: whatever of the segment lies in the window is used, the
// rest is cut off. A segment without payload may stand at the right edge: the peer has filled the
// window and acknowledges something. At RCV.NXT one counts even if the window is closed, for its
// ACK.
bool acceptable(const Tcb& tcb, const TcpSegment& seg) {
  if (seg.seq == tcb.rcv_nxt) return true;
  const bool begins = seg.payload.empty() ? seg.seq <= tcb.rcv_adv : seg.seq < tcb.rcv_adv;
  if (seg.len() == 0) return begins && seg.seq > tcb.rcv_nxt;
  return begins && seg.seq + seg.len() > tcb.rcv_nxt;
}

}  // namespace

Drop Tcp::input(const TcpSegment& seg, const FourTuple& flow, Nanos now) {
  auto* tcb = static_cast<Tcb*>(demux_.find(flow.local, flow.remote));
  if (tcb == nullptr) return unconnected_input(seg, flow, nullptr, now);
  Hold hold(*this, *tcb);
  ++tcb->segments_received;
  switch (tcb->state) {
    case TcpState::closed: {  // a grave: a SYN begins something new, the rest is as in CLOSED
      if (!seg.has_syn() || seg.has_ack() || seg.has_rst()) return closed_input(seg, flow, now);
      const Socket* sk = demux_.find_listener(flow.local);
      if (sk == nullptr || seg.has_fin()) return closed_input(seg, flow, now);
      // While its cookie counts nothing but a connection that is remembered may follow it. The peer
      // asks again.
      if (tcb->from_cookie && !has_room(*sk->listener)) return Drop::tcp_syn_queue_full;
      const Seq iss = next_iss(*tcb, now);
      destroy(*tcb);
      return unconnected_input(seg, flow, &iss, now);
    }
    case TcpState::syn_sent: return syn_sent_input(*tcb, seg, now);
    case TcpState::time_wait:
      if (seg.has_rst()) return Drop::tcp_reset_time_wait;  // RFC 1337
      if (seg.has_syn() && !seg.has_ack()) return time_wait_syn(*tcb, seg, flow, now);
      return arrives(*tcb, seg, now);
    case TcpState::syn_received:
      if (acks_cookie(*tcb, seg, flow, now)) {
        Listener& listener = *tcb->listener;
        destroy(*tcb);
        return cookie_input(listener, seg, flow, now);
      }
      return arrives(*tcb, seg, now);
    case TcpState::listen:
    case TcpState::established:
    case TcpState::fin_wait_1:
    case TcpState::fin_wait_2:
    case TcpState::close_wait:
    case TcpState::closing:
    case TcpState::last_ack: return arrives(*tcb, seg, now);
  }
  return Drop::tcp_no_connection;
}

// A connection that is half open may be a mistake of the NIC's: its first SYN went to another core,
// where the peer's ACK belongs; answered here by a RST, it would end what the peer takes for open.
bool Tcp::is_ours(const TcpSegment& seg, const FourTuple& flow, Nanos now) const {
  const bool begins = seg.has_syn() && !seg.has_ack() && !seg.has_rst();
  if (const auto* tcb = static_cast<const Tcb*>(demux_.find(flow.local, flow.remote))) {
    if (tcb->state == TcpState::closed) return begins;
    if (tcb->state != TcpState::syn_received || tcb->active || seg.has_syn() || !seg.has_ack())
      return true;
    return seg.ack == tcb->iss + 1 || acks_cookie(*tcb, seg, flow, now);
  }
  const Socket* sk = demux_.find_listener(flow.local);
  if (sk == nullptr) return false;
  if (begins) return true;
  if (!seg.has_ack() || seg.has_syn() || !counts_cookies(*sk->listener, now)) return false;
  return cookie_check(cookie_key_, flow, seg.seq - 1, seg.ack - 1, now) != 0;
}

Drop Tcp::arrives(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  if (tcb.state == TcpState::syn_received && seg.has_syn() && !seg.has_rst() && seg.seq == tcb.irs)
    return on_syn(tcb, seg, now);
  if (const Drop why = check_timestamp(tcb, seg, now); why != Drop::none) return why;
  // First: the sequence number.
  if (const Drop why = check_sequence(tcb, seg, now); why != Drop::none) return why;
  // Second: RST. (Third: security, which there is none of.)
  if (seg.has_rst()) return on_reset(tcb, seg, now);
  // Fourth: SYN.
  if (seg.has_syn()) return on_syn(tcb, seg, now);
  // Fifth: ACK.
  if (!seg.has_ack()) return Drop::tcp_no_ack;
  if (tcb.state == TcpState::syn_received) {
    if (const Drop why = on_handshake_ack(tcb, seg, now); why != Drop::none) return why;
  }
  if (const Drop why = on_ack(tcb, seg, now); why != Drop::none) return why;
  if (tcb.dead || tcb.state == TcpState::closed) return Drop::none;
  // Sixth: URG is looked through: urgent data stays in line (RFC 6093).
  // Seventh: text. Eighth: FIN.
  return on_text(tcb, seg, now);
}

// RFC 7323 3.2: once negotiated, each segment but RST has timestamps. 5.3 R1: PAWS.
Drop Tcp::check_timestamp(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  if (!tcb.timestamps || seg.has_rst()) return Drop::none;
  if (!seg.options.has_timestamps) return Drop::tcp_no_timestamp;
  if (!ts_before(seg.options.ts_val, tcb.ts_recent)) return Drop::none;
  if (now - tcb.ts_recent_at > kTsRecentValid) {
    tcb.ts_recent = seg.options.ts_val;
    tcb.ts_recent_at = now;
    return Drop::none;
  }
  if (!seg.payload.empty() && seg.seq < tcb.rcv_nxt)
    tcb.ooo.note_duplicate(seg.seq,
                           min(seg.seq + static_cast<uint32_t>(seg.payload.size()), tcb.rcv_nxt));
  reply_ack(tcb, seg.payload.empty(), now);
  return Drop::tcp_paws;
}

Drop Tcp::check_sequence(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  if (acceptable(tcb, seg)) return Drop::none;
  const bool old = seg.seq < tcb.rcv_nxt;
  if (seg.has_rst()) return old ? Drop::tcp_duplicate : Drop::tcp_out_of_window;
  if (seg.has_syn()) {  // RFC 5961 4: wherever it stands
    if (tcb.state != TcpState::syn_received) return on_syn(tcb, seg, now);
    reply_ack(tcb, true, now);  // a peer that began anew answers with a RST
    return Drop::tcp_syn_challenged;
  }
  if (!seg.payload.empty() && old)
    tcb.ooo.note_duplicate(seg.seq, seg.seq + static_cast<uint32_t>(seg.payload.size()));
  // The last ACK was lost, so its FIN came again: 2 MSL from now.
  if (tcb.state == TcpState::time_wait && seg.has_fin()) enter_time_wait(tcb, now);
  reply_ack(tcb, seg.payload.empty() && !seg.has_fin(), now);
  return old ? Drop::tcp_duplicate : Drop::tcp_out_of_window;
}

// RFC 7323 4.3 (3).
void Tcp::note_timestamp(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  if (!tcb.timestamps || !seg.options.has_timestamps) return;
  if (seg.seq > tcb.last_ack_sent || ts_before(seg.options.ts_val, tcb.ts_recent)) return;
  tcb.ts_recent = seg.options.ts_val;
  tcb.ts_recent_at = now;
}

// RFC 5961 3.2: only the exact number resets; another one in the window is asked about.
Drop Tcp::on_reset(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  if (seg.seq != tcb.rcv_nxt) {
    if (seg.seq == tcb.rcv_adv) return Drop::tcp_out_of_window;
    return challenge(tcb, Drop::tcp_reset_challenged, now);
  }
  ++counters_.tcp_resets_received;
  if (tcb.state == TcpState::syn_received) {
    if (!tcb.active) destroy(tcb);  // back to LISTEN
    else fail(tcb, -ECONNREFUSED, now);
  } else {
    fail(tcb, -ECONNRESET, now);
  }
  return Drop::none;
}

// RFC 5961 4, and what SYN-RECEIVED makes of a SYN.
Drop Tcp::on_syn(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  if (tcb.state != TcpState::syn_received) return challenge(tcb, Drop::tcp_syn_challenged, now);
  if (seg.seq != tcb.irs) {
    if (tcb.active) return challenge(tcb, Drop::tcp_syn_challenged, now);
    destroy(tcb);  // back to LISTEN; the peer sends its SYN again
    return Drop::tcp_syn_challenged;
  }
  if (seg.has_ack()) {  // both opened at once, and this is the other's SYN-ACK (3.5, figure 8)
    TcpSegment ack = seg;
    ack.flags &= static_cast<uint8_t>(~kTcpSyn);
    ack.seq = seg.seq + 1;
    return arrives(tcb, ack, now);
  }
  // Our SYN-ACK was lost, or is late. Its timer goes on as it was.
  if (tcb.syns_sent > config_.syn_retries) return Drop::tcp_duplicate;
  const Nanos deadline = tcb.deadline[static_cast<size_t>(TcpTimer::handshake)];
  send_syn(tcb, now);
  tcb.arm(TcpTimer::handshake, deadline);
  return Drop::tcp_duplicate;
}

// Fifth, in SYN-RECEIVED: SND.UNA < SEG.ACK =< SND.NXT.
Drop Tcp::on_handshake_ack(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  if (seg.ack != tcb.iss + 1) {
    reply_reset(seg, {tcb.local, tcb.remote}, now);
    return Drop::tcp_ack_unsent;
  }
  if (!tcb.active) {
    if (!accept(tcb, now)) return Drop::tcp_accept_full;
  }
  establish(tcb, seg, now);
  if (!tcb.active) return Drop::none;
  stream_connected(*tcb.sk, now);
  if (tcb.ooo.empty() || tcb.dead || tcb.state == TcpState::closed) return Drop::none;
  drain_out_of_order(tcb, now);  // text of the peer's SYN
  if (!tcb.dead && tcb.state != TcpState::closed) want_ack(tcb, now);
  return Drop::none;
}

// RFC 5961 7: limited for each connection, and for all together.
Drop Tcp::challenge(Tcb& tcb, Drop why, Nanos now) {
  if (now < tcb.challenge_after || !challenges_.take(now)) return why;
  tcb.challenge_after = now + config_.challenge_interval;
  if (send_ack(tcb, now)) ++counters_.tcp_challenge_acks;
  return why;
}

// To a segment that is not acceptable. Without data it may be such an answer itself: two ends that
// disagree would go on for ever.
void Tcp::reply_ack(Tcb& tcb, bool limited, Nanos now) {
  if (limited) {
    if (now < tcb.challenge_after) return;
    tcb.challenge_after = now + config_.challenge_interval;
  }
  send_ack(tcb, now);
}

}  // namespace pinion
