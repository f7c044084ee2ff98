// The life of a connection: its TCB, its states, and the end of its owner's interest in it.
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "socket/stream.h"
#include "tcp/tcp.h"

namespace pinion {

// A TCB in the demux, with what a socket chose. nullptr: none is left, or the 4-tuple is taken.
Tcb* Tcp::make_tcb(const FourTuple& flow, const Socket& from, Nanos now) {
  Tcb* tcb = tcbs_.take();
  if (tcb == nullptr && evict(now)) tcb = tcbs_.take();
  if (tcb == nullptr) return nullptr;
  *tcb = Tcb{};
  tcb->local = flow.local, tcb->remote = flow.remote;
  if (demux_.insert(*tcb) != 0) {
    tcbs_.give(tcb);
    return nullptr;
  }
  tcb->header_bytes = header_bytes(flow.local.address);
  tcb->peer_mss = tcb->rcv_mss = mss_default(flow.local.address);
  tcb->options = from.stream;
  tcb->ttl = from.ttl, tcb->tos = from.tos;
  tcb->ts_offset = timestamp_offset(timestamp_key_, flow);
  tcb->path_mtu = net_.path_mtu(flow.local.address, flow.remote.address);
  tcb->received_at = now;
  tcb->loss.rtt.start(loss_.rtt);
  tcb->rcv_wscale = config_.window_scaling ? scale_for(tcb->options) : 0;
  return tcb;
}

// A new connection is worth more than the rest of the oldest TIME-WAIT; and more than the oldest
// FIN whose owner has left: or one application that opens and closes could take the pool from all.
bool Tcp::evict(Nanos now) {
  const auto free_one = [](const auto& list) {
    Tcb* tcb = list.front();
    while (tcb != nullptr && tcb->holds != 0) tcb = list.next(tcb);
    return tcb;
  };
  if (Tcb* tcb = free_one(waiting_)) {
    ++counters_.tcp_time_wait_evicted;
    Hold hold(*this, *tcb);
    destroy(*tcb);
    return true;
  }
  Tcb* tcb = free_one(orphans_);
  if (tcb == nullptr) return false;
  ++counters_.tcp_orphans_evicted;
  Hold hold(*this, *tcb);
  send_reset(*tcb, now);
  destroy(*tcb);
  return true;
}

// The last call that worked on it is over.
void Tcp::settle(Tcb& tcb) {
  if (tcb.dead) {
    tcbs_.give(&tcb);
    return;
  }
  Nanos at = tcb.loss.deadline();
#pragma GCC unroll 8
  for (const Nanos deadline : tcb.deadline) at = std::min(at, deadline);
  timers_.set(&tcb, at);
}

// CLOSED: the TCB is nobody's from here on. The caller holds it.
void Tcp::destroy(Tcb& tcb) {
  STACK_DCHECK(tcb.holds != 0 && !tcb.dead);
  remove_half_open(tcb);
  if (tcb.sk != nullptr) {
    tcb.ooo.clear(*tcb.sk);
    tcb.sk->tcb = nullptr;
    tcb.sk = nullptr;
  }
  tcb.loss.clear(segments_);
  timers_.remove(&tcb);
  pending_.remove(&tcb);
  waiting_.remove(&tcb);
  orphans_.remove(&tcb);
  demux_.remove(tcb);
  tcb.state = TcpState::closed;
  tcb.dead = true;
}

// The connection ends without TIME-WAIT, and leaves a grave: its segments may be about still. The
// next one of this 4-tuple begins behind its numbers (a fast connection outruns the clock of
// RFC 6528), and as long as the cookie counts that one was made from, no old segment makes it rise.
// Whatever else arrives there is answered as in CLOSED.
void Tcp::bury(Tcb& tcb, Nanos now) {
  if (!tcb.synchronized()) return destroy(tcb);
  const Nanos cookie_life = tcb.from_cookie ? 2 * kCookiePeriod : 0;
  tcb.iss = tcb.loss.snd_nxt();
  if (tcb.sk != nullptr) {
    tcb.ooo.clear(*tcb.sk);
    tcb.sk->tcb = nullptr;
    tcb.sk = nullptr;
  }
  tcb.loss.clear(segments_);
  tcb.loss = Loss{};
  demux_.free_port(tcb);
  pending_.remove(&tcb);
  orphans_.remove(&tcb);
  waiting_.remove(&tcb);
  std::fill(std::begin(tcb.deadline), std::end(tcb.deadline), kNever);
  tcb.state = TcpState::closed;
  waiting_.push_back(&tcb);
  tcb.arm(TcpTimer::life, now + std::max(2 * config_.msl, cookie_life));
}

// RFC 9293 3.6.1: the ISN of the connection that follows `old` lies behind its numbers.
Seq Tcp::next_iss(const Tcb& old, Nanos now) const {
  const Seq least = (old.state == TcpState::closed ? old.iss : old.loss.snd_nxt()) + 65536;
  return max(initial_seq(isn_key_, {old.local, old.remote}, now), least);
}

// The peer, the path or the time ended it.
void Tcp::fail(Tcb& tcb, int error, Nanos now) {
  Socket* sk = tcb.sk;
  const bool closed = tcb.owner_closed;
  bury(tcb, now);
  if (sk == nullptr) return;
  if (closed) {
    sk->connected = false;
    sk->pending_error = error;
    stream_released(*sk, now);
  } else {
    stream_failed(*sk, error, now);
  }
}

// What is left of the connection (FIN, TIME-WAIT) goes on without its owner.
void Tcp::detach(Tcb& tcb, Nanos now) {
  Socket* sk = tcb.sk;
  tcb.sk = nullptr;
  sk->tcb = nullptr;
  sk->connected = false;
  if (tcb.state != TcpState::time_wait) orphans_.push_back(&tcb);
  stream_released(*sk, now);
}

void Tcp::let_go_if_done(Tcb& tcb, Nanos now) {
  if (tcb.dead || tcb.sk == nullptr || !tcb.owner_closed) return;
  if (tcb.unsent == 0 && tcb.data_in_flight() == 0 && tcb.synchronized()) detach(tcb, now);
}

// Both SYNs are acknowledged. seg is the segment that did it: of the peer's window.
void Tcp::establish(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  tcb.disarm(TcpTimer::handshake);
  tcb.disarm(TcpTimer::user);
  remove_half_open(tcb);
  tcb.state = TcpState::established;
  tcb.snd_wnd = uint32_t{seg.wnd} << (seg.has_syn() ? 0 : tcb.snd_wscale);
  tcb.max_snd_wnd = std::max(tcb.max_snd_wnd, tcb.snd_wnd);
  tcb.snd_wl1 = seg.seq, tcb.snd_wl2 = seg.ack;
  set_smss(tcb);
  if (!tcb.syn_lost && tcb.syns_sent == 1)  // Karn
    tcb.loss.rtt.sample(loss_.rtt, now - tcb.syn_sent_at, now);
  const auto control = tcb.options.congestion != 0
                           ? static_cast<CongestionControl>(tcb.options.congestion)
                           : config_.congestion;
  tcb.loss.start(loss_, tcb.iss + 1, tcb.sack, control, tcb.smss, tcb.syn_lost);
  arm_keepalive(tcb, now);
  if (tcb.fin_queued) tcb.state = TcpState::fin_wait_1;
  if (tcb.unsent != 0 || tcb.fin_queued) {
    arm_user(tcb, now);
    pend(tcb);
  }
}

// CLOSE (RFC 9293 3.10.4): in SYN-SENT and SYN-RECEIVED it waits for the handshake.
void Tcp::queue_fin(Tcb& tcb, Nanos now) {
  tcb.fin_queued = true;
  if (tcb.state == TcpState::established) tcb.state = TcpState::fin_wait_1;
  else if (tcb.state == TcpState::close_wait) tcb.state = TcpState::last_ack;
  else return;
  if (!tcb.armed(TcpTimer::user)) arm_user(tcb, now);
  transmit(tcb, now);
}

// Without an owner nobody else ends it, should the peer never close (RFC 9293 leaves the time to
// us).
void Tcp::enter_fin_wait_2(Tcb& tcb, Nanos now) {
  tcb.state = TcpState::fin_wait_2;
  if (!tcb.owner_closed) return;
  const Nanos own = tcb.options.fin_wait_2;
  if (!tcb.armed(TcpTimer::life))
    tcb.arm(TcpTimer::life, now + (own > 0 ? own : config_.fin_wait_2));
}

// RFC 9293 3.6.1: 2 MSL from the last segment that may have been sent again.
void Tcp::enter_time_wait(Tcb& tcb, Nanos now) {
  STACK_DCHECK(tcb.loss.flight_size() == 0);
  tcb.state = TcpState::time_wait;
  for (Nanos& deadline : tcb.deadline) deadline = kNever;
  tcb.arm(TcpTimer::life, now + 2 * config_.msl);
  orphans_.remove(&tcb);
  waiting_.remove(&tcb);
  waiting_.push_back(&tcb);
}

}  // namespace pinion
