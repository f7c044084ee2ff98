// 3.10.7.4, fifth: what is acknowledged, the peer's window, and the states that an ACK of our FIN
// ends.
#include "base/check.h"
#include "socket/stream.h"
#include "tcp/tcp.h"

namespace pinion {

Drop Tcp::on_ack(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  take_probed_byte(tcb, seg);
  const Seq una = tcb.loss.snd_una(), nxt = tcb.loss.snd_nxt();
  // RFC 5961 5: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT.
  if (seg.ack > nxt) return challenge(tcb, Drop::tcp_ack_unsent, now);
  if (seg.ack < una - tcb.max_snd_wnd) return challenge(tcb, Drop::tcp_ack_old, now);
  note_timestamp(tcb, seg, now);
  tcb.received_at = now;
  tcb.keepalives = 0;
  if (tcb.state == TcpState::time_wait) return Drop::none;
  const uint32_t wnd = uint32_t{seg.wnd} << (seg.has_syn() ? 0 : tcb.snd_wscale);
  const bool fin_was_out = tcb.fin_in_flight();
  const LossAck ack{.ack = seg.ack,
                    .sack = tcb.sack ? seg.options.sack_blocks() : std::span<const SackBlock>{},
                    // Of no interest to whom nothing was sent again.
                    .echoed_until = tcb.loss.stats.retransmitted_segments != 0
                                        ? echoed_until(tcb, seg, now)
                                        : kNever,
                    .plain = seg.len() == 0 && wnd == tcb.snd_wnd};
  const LossOutcome out = tcb.loss.on_ack(loss_, segments_, ack, now);
  if (out.marked_lost) pend(tcb);
  if (seg.ack < una) {  // old, but for what it SACKs; and its text may be new
    if (out.delivered != 0) pend_output(tcb);
    return Drop::none;
  }
  if (wnd != 0 || seg.ack != una) tcb.probes = 0;
  update_window(tcb, seg);
  if (out.acked != 0) {
    const bool fin = fin_was_out && tcb.loss.flight_size() == 0;
    on_acked(tcb, out.acked - (fin ? 1 : 0), fin, now);
  } else if (tcb.snd_wnd == 0 && tcb.armed(TcpTimer::user) && !tcb.owner_closed) {
    arm_user(tcb, now);  // MUST-37: a peer that answers probes keeps its connection
  }
  if (!tcb.dead) pend_output(tcb);
  return Drop::none;
}

// Something has left the network: what waits for that may leave now.
void Tcp::pend_output(Tcb& tcb) {
  if (tcb.unsent != 0 || tcb.loss.has_lost() || (tcb.fin_queued && !tcb.fin_sent)) pend(tcb);
}

// The peer has taken the byte of a window probe: it was sent, after all.
void Tcp::take_probed_byte(Tcb& tcb, const TcpSegment& seg) {
  if (!tcb.probed || seg.ack != tcb.loss.snd_nxt() + 1 || !segments_.has_room()) return;
  tcb.probed = false;
  --tcb.unsent;
  tcb.loss.sent(loss_, segments_, 1, tcb.probed_at);
  // Of several probes nobody knows which was answered: no round-trip time comes of it (Karn).
  if (tcb.probes > 1)
    tcb.loss.retransmitted(loss_, tcb.loss.probe_segment(segments_, 1), tcb.probed_at);
}

void Tcp::update_window(Tcb& tcb, const TcpSegment& seg) {
  if (!(tcb.snd_wl1 < seg.seq || (tcb.snd_wl1 == seg.seq && tcb.snd_wl2 <= seg.ack))) return;
  tcb.snd_wnd = uint32_t{seg.wnd} << (seg.has_syn() ? 0 : tcb.snd_wscale);
  tcb.max_snd_wnd = std::max(tcb.max_snd_wnd, tcb.snd_wnd);
  tcb.snd_wl1 = seg.seq, tcb.snd_wl2 = seg.ack;
  if (tcb.snd_wnd != 0) tcb.disarm(TcpTimer::persist);
}

void Tcp::on_acked(Tcb& tcb, uint32_t bytes, bool fin, Nanos now) {
  tcb.bytes_acked += bytes;
  tcb.soft_error = 0;
  if (bytes != 0 && tcb.sk != nullptr) stream_acked(*tcb.sk, bytes, now);
  if (tcb.dead || tcb.state == TcpState::closed) return;
  arm_user(tcb, now);
  let_go_if_done(tcb, now);
  if (fin && !tcb.dead) on_fin_acked(tcb, now);
}

void Tcp::on_fin_acked(Tcb& tcb, Nanos now) {
  switch (tcb.state) {
    case TcpState::fin_wait_1: return enter_fin_wait_2(tcb, now);
    case TcpState::closing: return enter_time_wait(tcb, now);
    case TcpState::last_ack:  // the peer is in TIME-WAIT: that is enough, but for a cookie
      return tcb.from_cookie ? bury(tcb, now) : destroy(tcb);
    case TcpState::closed:
    case TcpState::listen:
    case TcpState::syn_sent:
    case TcpState::syn_received:
    case TcpState::established:
    case TcpState::fin_wait_2:
    case TcpState::close_wait:
    case TcpState::time_wait: break;
  }
}

// The first moment at which a segment of ours had a TSval beyond the one that comes back; kNever if
// it was never ours.
Nanos Tcp::echoed_until(const Tcb& tcb, const TcpSegment& seg, Nanos now) const {
  if (!tcb.timestamps || !seg.options.has_timestamps || !seg.has_ack()) return kNever;
  const uint32_t age = ts_now(tcb, now) - seg.options.ts_ecr;  // ticks
  if (age > UINT32_MAX / 2) return kNever;
  const Nanos tick = now / config_.timestamp_tick - age;
  return tick < 0 ? kNever : (tick + 1) * config_.timestamp_tick;
}

}  // namespace pinion
