// Time: each TCB has its deadlines, the heap one node for the earliest. Armed, disarmed and read
// here, but for those of `loss`, which says itself what fell due.
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "socket/stream.h"
#include "tcp/tcp.h"

namespace pinion {
namespace {
constexpr uint32_t kBackoffMax = 16;
constexpr uint32_t kR1 = 3;  // timeouts in a row: RFC 9293 3.8.3
}

void Tcp::expire(Nanos now) {
  for (uint32_t i = 0; i < config_.timers_per_pass; ++i) {
    Tcb* tcb = timers_.pop_due(now);
    if (tcb == nullptr) break;
    Hold hold(*this, *tcb);
    on_timers(*tcb, now);
  }
}

void Tcp::on_timers(Tcb& tcb, Nanos now) {
  for (size_t i = 0; i < static_cast<size_t>(TcpTimer::count) && !tcb.dead; ++i) {
    if (tcb.deadline[i] > now) continue;
    tcb.deadline[i] = kNever;
    on_timer(tcb, static_cast<TcpTimer>(i), now);
  }
  if (!tcb.dead && tcb.loss.deadline() <= now) on_loss_timer(tcb, now);
}

void Tcp::on_timer(Tcb& tcb, TcpTimer timer, Nanos now) {
  switch (timer) {
    case TcpTimer::handshake: return on_handshake_timer(tcb, now);
    case TcpTimer::persist: return on_persist_timer(tcb, now);
    case TcpTimer::ack:
      tcb.ack_due = true;
      send_ack(tcb, now);
      return;
    case TcpTimer::keepalive: return on_keepalive_timer(tcb, now);
    case TcpTimer::user:
      ++counters_.tcp_timeouts;
      return fail(tcb, tcb.soft_error != 0 ? tcb.soft_error : -ETIMEDOUT, now);
    case TcpTimer::life: return destroy(tcb);
    case TcpTimer::output: tcb.sws_override = true; return transmit(tcb, now);
    case TcpTimer::count: break;
  }
}

void Tcp::on_loss_timer(Tcb& tcb, Nanos now) {
  switch (tcb.loss.on_timer(loss_, now)) {
    case LossTimer::none: return;
    case LossTimer::probe: return send_tail_probe(tcb, now);
    case LossTimer::timeout:
      doubt(tcb, now);
      [[fallthrough]];
    case LossTimer::reorder: return transmit(tcb, now);
  }
}

// RFC 9293 3.8.3 (MUST-20): from R1 on the layer below is told, which asks the next hop whether it
// is still there, once a second at most. A gateway that was replaced without a word is found so.
void Tcp::doubt(const Tcb& tcb, Nanos now) {
  if (tcb.loss.rtt.backoffs >= kR1)
    net_.doubt_path(tcb.local.address, tcb.remote.address, now);
}

// RFC 6298 for a SYN; a SYN-ACK is not sent for ever to somebody who may never have asked (RFC
// 4987).
void Tcp::on_handshake_timer(Tcb& tcb, Nanos now) {
  const bool passive = tcb.state == TcpState::syn_received && !tcb.active;
  if (passive && tcb.syns_sent > config_.syn_retries) {
    ++counters_.tcp_timeouts;
    return destroy(tcb);
  }
  // Nobody on the link answers for the next hop: that is known here, not only reported.
  if (tcb.state == TcpState::syn_sent && tcb.unreachable) return fail(tcb, -EHOSTUNREACH, now);
  if (passive || !tcb.syn_blocked) tcb.loss.rtt.back_off();
  if (!tcb.syn_blocked) ++counters_.tcp_retransmitted;
  doubt(tcb, now);
  tcb.syn_lost = true;
  send_syn(tcb, now);
}

void Tcp::arm_handshake(Tcb& tcb, Nanos now) {
  tcb.arm(TcpTimer::handshake, now + tcb.loss.rtt.rto(loss_.rtt));
}

// RFC 9293 3.8.6.1: one octet of new data, as often as the RTO says, backed off. It does not count
// as sent: the peer takes it or not.
void Tcp::on_persist_timer(Tcb& tcb, Nanos now) {
  if (tcb.unsent == 0 || tcb.snd_wnd != 0 || tcb.loss.flight_size() != 0) return;
  if (emit(tcb, kTcpAck, tcb.loss.snd_nxt(), 0, 1, now) == 0) {
    tcb.probed = true;
    tcb.probed_at = now;
    tcb.probes = static_cast<uint8_t>(std::min<uint32_t>(tcb.probes + 1u, kBackoffMax));
    ++counters_.tcp_window_probes;
  }
  const Nanos wait = tcb.loss.rtt.base_rto(loss_.rtt) << tcb.probes;
  tcb.arm(TcpTimer::persist, now + std::min(wait, config_.max_rto));
}

// RFC 9293 3.8.4: only while nothing else is on its way. What came since moves the time on.
void Tcp::arm_keepalive(Tcb& tcb, Nanos now) {
  const Nanos own = tcb.options.keepalive_idle;
  const Nanos idle = own != 0 ? own : config_.keepalive_idle;
  if (idle <= 0 || idle == kNever) return tcb.disarm(TcpTimer::keepalive);
  tcb.keepalives = 0;
  tcb.arm(TcpTimer::keepalive, std::max(now, tcb.received_at + idle));
}

void Tcp::on_keepalive_timer(Tcb& tcb, Nanos now) {
  if (tcb.state > TcpState::close_wait) return;
  const StreamOptions& own = tcb.options;
  const Nanos idle = own.keepalive_idle != 0 ? own.keepalive_idle : config_.keepalive_idle;
  const Nanos interval =
      own.keepalive_interval != 0 ? own.keepalive_interval : config_.keepalive_interval;
  const uint32_t count = own.keepalive_count != 0 ? own.keepalive_count : config_.keepalive_count;
  if (now - tcb.received_at < idle) tcb.keepalives = 0;
  if (tcb.keepalives == 0 && now - tcb.received_at < idle)
    return tcb.arm(TcpTimer::keepalive, tcb.received_at + idle);
  if (tcb.keepalives >= count) {
    ++counters_.tcp_timeouts;
    send_reset(tcb, now);
    return fail(tcb, -ETIMEDOUT, now);
  }
  if (tcb.loss.flight_size() == 0 && tcb.unsent == 0) {
    // SEG.SEQ = SND.NXT - 1: not acceptable, so it is answered.
    emit(tcb, kTcpAck, tcb.loss.snd_nxt() - 1, 0, 0, now);
    ++tcb.keepalives;
    ++counters_.tcp_keepalives;
  }
  tcb.arm(TcpTimer::keepalive, now + interval);
}

// R2 of RFC 9293 3.8.3, as a time (RFC 5482): from the last progress, while there is anything to
// make progress with.
void Tcp::arm_user(Tcb& tcb, Nanos now) {
  if (tcb.loss.flight_size() == 0 && tcb.unsent == 0 && !(tcb.fin_queued && !tcb.fin_sent))
    return tcb.disarm(TcpTimer::user);
  tcb.arm(TcpTimer::user, now + user_timeout(tcb));
}

Nanos Tcp::user_timeout(const Tcb& tcb) const {
  return tcb.options.user_timeout > 0 ? tcb.options.user_timeout : config_.user_timeout;
}

Nanos Tcp::delayed_ack(const Tcb& tcb) const {
  return tcb.options.delayed_ack >= 0 ? tcb.options.delayed_ack : config_.delayed_ack;
}

}  // namespace pinion
