// 3.10.7.4, seventh and eighth: text goes to its owner in order, or waits out of order; FIN ends
// it.
#include <cerrno>

#include "base/check.h"
#include "socket/stream.h"
#include "tcp/tcp.h"

namespace pinion {

Drop Tcp::on_text(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  const bool nothing = seg.payload.empty() && !seg.has_fin();
  if (!tcb.may_receive_data() && (!nothing || seg.seq != tcb.rcv_nxt)) {  // behind the FIN
    reply_ack(tcb, true, now);
    return nothing ? Drop::none : Drop::tcp_after_fin;
  }
  if (nothing) return Drop::none;
  Seq seq = seg.seq;
  Bytes data = seg.payload;
  bool fin = seg.has_fin();
  if (seq < tcb.rcv_nxt) {  // the front came before
    const uint32_t old = std::min<uint32_t>(tcb.rcv_nxt - seq, static_cast<uint32_t>(data.size()));
    if (old != 0) {
      tcb.ooo.note_duplicate(seq, seq + old);
      tcb.ack_due = true;  // the peer may wait for an ACK that was lost
      pend(tcb);
    }
    data = data.subspan(old);
    seq += old;
  }
  const bool nobody = tcb.owner_closed || tcb.sk == nullptr;
  if (nobody && !data.empty()) {  // RFC 1122 4.2.2.13: it would be lost without a word
    reset_at(tcb, kTcpRst, tcb.loss.snd_una(), now);  // what the peer waits for (RFC 5961 3)
    fail(tcb, -ECONNRESET, now);
    return Drop::tcp_after_close;
  }
  // The end that the window has no room for. A FIN takes nothing of it.
  const uint32_t room = tcb.rcv_adv > seq ? tcb.rcv_adv - seq : 0;
  const bool cut = data.size() > room;
  if (cut) data = data.first(room), fin = false;
  if (seq == tcb.rcv_nxt) {
    if (cut) {  // 3.10.7.4, first: what is beyond the window is answered at once
      tcb.ack_due = true;
      pend(tcb);
    }
    const InOrder text{.data = data, .push = seg.has_psh(), .fin = fin, .came = seg.came};
    const Drop why = take_in_order(tcb, text, now);
    if (cut && data.empty() && why == Drop::none) return Drop::tcp_window_closed;
    return why;
  }
  const uint32_t most = config_.ooo_chunks_max;
  uint32_t stored = 0;
  if (!nobody) stored = tcb.ooo.insert(*tcb.sk, tcb.rcv_nxt, seq, data, fin, most, seg.came);
  // RFC 5681 4.2: at once, and for each: the peer counts them.
  tcb.ack_due = true;
  send_ack(tcb, now);
  return stored == 0 && !data.empty() && !fin ? Drop::tcp_out_of_order_full : Drop::none;
}

Drop Tcp::take_in_order(Tcb& tcb, const InOrder& text, Nanos now) {
  const Bytes data = text.data;
  uint32_t taken = 0;
  if (!data.empty()) {
    STACK_DCHECK(tcb.sk != nullptr);
    taken = stream_deliver(*tcb.sk, data, text.push || text.fin, text.came, now);
    STACK_DCHECK(taken <= data.size());
    if (tcb.dead || !tcb.may_receive_data()) return Drop::none;
    tcb.rcv_nxt += taken;
    tcb.bytes_received += taken;
    if (taken > 0) ++tcb.unacked_segments;
  }
  want_ack(tcb, now);
  if (taken < data.size()) {
    tcb.ack_due = true;
    pend(tcb);
    return taken == 0 ? Drop::tcp_memory_full : Drop::none;
  }
  if (!tcb.ooo.empty()) {
    tcb.ooo.note_overlap(tcb.rcv_nxt - taken, tcb.rcv_nxt);
    tcb.ack_due = true;  // RFC 5681 4.2: a gap is filled, or a part of it
    pend(tcb);
    drain_out_of_order(tcb, now);
    if (tcb.dead || !tcb.may_receive_data()) return Drop::none;
  }
  if (text.fin && !tcb.fin_received) on_fin(tcb, now);
  return Drop::none;
}

// What waited behind a gap that is filled now, and its FIN. The caller sees to the ACK.
void Tcp::drain_out_of_order(Tcb& tcb, Nanos now) {
  if (tcb.sk == nullptr || tcb.owner_closed) return;
  const uint32_t bytes = tcb.ooo.deliver(*tcb.sk, tcb.rcv_nxt, now);
  if (tcb.dead || !tcb.may_receive_data()) return;
  tcb.rcv_nxt += bytes;
  tcb.bytes_received += bytes;
  if (tcb.ooo.fin_is_next(tcb.rcv_nxt)) on_fin(tcb, now);
}

// Eighth. RCV.NXT passes the FIN, which is acknowledged in any case; it takes no room, so the
// window stays as large as it is.
void Tcp::on_fin(Tcb& tcb, Nanos now) {
  tcb.rcv_nxt += 1;
  tcb.rcv_adv += 1;
  tcb.fin_received = true;
  tcb.ack_due = true;
  pend(tcb);
  if (tcb.sk != nullptr) tcb.ooo.clear(*tcb.sk);
  switch (tcb.state) {
    case TcpState::established: tcb.state = TcpState::close_wait; break;
    case TcpState::fin_wait_1: tcb.state = TcpState::closing; break;
    case TcpState::fin_wait_2: enter_time_wait(tcb, now); break;
    case TcpState::closed:
    case TcpState::listen:
    case TcpState::syn_sent:
    case TcpState::syn_received:
    case TcpState::close_wait:
    case TcpState::closing:
    case TcpState::last_ack:
    case TcpState::time_wait: break;
  }
  if (tcb.sk != nullptr && !tcb.owner_closed) stream_end(*tcb.sk, now);
}

// RFC 9293 3.8.6.3: at least every second full segment; here every second one, and by default all,
// at the end of the pass.
void Tcp::want_ack(Tcb& tcb, Nanos now) {
  const Nanos delay = delayed_ack(tcb);
  if (delay == 0 || tcb.unacked_segments >= 2) {
    tcb.ack_due = true;
    pend(tcb);
  } else if (!tcb.armed(TcpTimer::ack)) {
    tcb.arm(TcpTimer::ack, now + delay);
  }
}

}  // namespace pinion
