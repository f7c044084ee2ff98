#include "tcp/tcp.h"

#include <cerrno>

#include "base/check.h"
#include "base/secret.h"
#include "net/net.h"
#include "socket/stream.h"

namespace pinion {
namespace {

LossConfig loss_config(const TcpConfig& c) {
  LossConfig out;
  out.rtt.rto_initial = c.initial_rto;
  out.rtt.rto_min = c.min_rto;
  out.rtt.rto_max = c.max_rto;
  out.rtt.rto_syn_timeout = std::min(out.rtt.rto_syn_timeout, c.max_rto);
  out.congestion.initial_window_segments = c.initial_window_segments;
  out.congestion.slow_start_limit_segments = c.slow_start_limit_segments;
  out.tail_loss_probe = c.tail_loss_probe;
  out.max_ack_delay = c.peer_delayed_ack;
  return out;
}

TcpDemuxConfig demux_config(const TcpConfig& c, const TcpSurroundings& around) {
  const SipKey secret = derive(around.secret, Purpose::tcp_ports, around.core);
  return {.bound_max = c.bound_max,
          .connections_max = c.connections_max,
          .ephemeral_first = around.ephemeral_first,
          .ephemeral_last = around.ephemeral_last,
          .secret = {secret.k0, secret.k1},
          .directory = around.directory};
}

// What peers leave half open never takes more than half of all connections.
TcpConfig bounded(TcpConfig c) {
  c.syn_queue_max = std::min(c.syn_queue_max, std::max(c.connections_max / 2, 1u));
  return c;
}

}  // namespace

Tcp::Tcp(const TcpConfig& config, const TcpSurroundings& around, Net& net, Counters& counters)
    : net_(net),
      counters_(counters),
      config_(bounded(config)),
      loss_(loss_config(config)),
      isn_key_(derive(around.secret, Purpose::isn)),
      timestamp_key_(derive(around.secret, Purpose::timestamps)),
      cookie_key_(derive(around.secret, Purpose::cookies)),
      demux_(demux_config(config, around)),
      tcbs_(config.connections_max),
      segments_(config.segments_max),
      listeners_(config.listeners_max),
      timers_(config.connections_max),
      challenges_(config.challenge_acks_per_s, derive(around.secret, Purpose::challenge_acks).k0),
      resets_(config.resets_per_s) {
  STACK_CHECK(config.connections_max > 0 && config.timers_per_pass > 0);
  STACK_CHECK(config.output_segments_per_call > 0 && config.timestamp_tick > 0);
}

Tcp::~Tcp() = default;

int Tcp::bind(Socket& sk, Endpoint local, bool reuse) {
  if (sk.tcb != nullptr || sk.listener != nullptr) return -EINVAL;
  return demux_.bind(sk, local, reuse);
}

int Tcp::listen(Socket& sk, uint32_t backlog, Nanos) {
  if (!sk.bound || sk.tcb != nullptr) return -EINVAL;
  if (sk.listener != nullptr) {
    sk.listener->backlog = backlog;
    return 0;
  }
  Listener* listener = listeners_.take();
  if (listener == nullptr) return -ENOBUFS;
  if (const int status = demux_.listen(sk); status != 0) {
    listeners_.give(listener);
    return status;
  }
  listener->sk = &sk;
  listener->backlog = backlog;
  listener->cookies_until = 0;
  sk.listener = listener;
  return 0;
}

// RFC 9293 3.10.1, active.
int Tcp::connect(Socket& sk, Endpoint remote, Nanos now) {
  if (sk.tcb != nullptr) return sk.tcb->state <= TcpState::syn_received ? -EALREADY : -EISCONN;
  if (sk.listener != nullptr || remote.port == 0) return -EINVAL;
  Endpoint local = sk.bound ? sk.bound_to : Endpoint{};
  if (local.address.is_any()) local.address = net_.source_for(remote.address);
  const uint16_t mtu = net_.path_mtu(local.address, remote.address);
  if (local.address.is_any() || mtu == 0) return -ENETUNREACH;
  if (local.port == 0) {
    const HomePorts home = net_.home_ports(kProtocolTcp, local.address, remote);
    local.port = demux_.port_for(local.address, remote, home);
  }
  if (local.port == 0) return -EADDRNOTAVAIL;
  Seq iss = initial_seq(isn_key_, {local, remote}, now);
  if (auto* old = static_cast<Tcb*>(demux_.find(local, remote)); old != nullptr) {
    // In TIME-WAIT it stays taken (RFC 6191 is the passive side's to apply).
    if (old->state != TcpState::closed) return -EADDRINUSE;
    Hold hold(*this, *old);
    iss = next_iss(*old, now);
    destroy(*old);
  }
  Tcb* tcb = make_tcb({local, remote}, sk, now);
  if (tcb == nullptr) return -ENOBUFS;
  Hold hold(*this, *tcb);
  tcb->active = true;
  tcb->sk = &sk;
  tcb->state = TcpState::syn_sent;
  tcb->iss = iss;
  tcb->scaling = config_.window_scaling;
  tcb->timestamps = config_.timestamps;
  tcb->sack = config_.sack;
  sk.tcb = tcb;
  sk.local = local, sk.remote = remote;
  sk.connected = true;
  const Nanos timeout = sk.stream.connect_timeout;
  tcb->arm(TcpTimer::user, now + (timeout > 0 ? timeout : config_.connect_timeout));
  ++counters_.tcp_opened;
  send_syn(*tcb, now);
  return -EINPROGRESS;
}

void Tcp::append(Socket& sk, uint32_t bytes, Nanos now) {
  Tcb* tcb = sk.tcb;
  if (tcb == nullptr) return;
  STACK_DCHECK(!tcb->fin_queued && !tcb->owner_closed);
  tcb->unsent += bytes;
  // The output that follows sets the timer.
  if (tcb->synchronized() && !tcb->armed(TcpTimer::user)) arm_user(*tcb, now);
}

void Tcp::output(Socket& sk, Nanos now) {
  Tcb* tcb = sk.tcb;
  if (tcb == nullptr || !tcb->synchronized()) return;
  Hold hold(*this, *tcb);
  transmit(*tcb, now);
}

void Tcp::room_grew(Socket& sk, Nanos now) {
  Tcb* tcb = sk.tcb;
  if (tcb == nullptr || !tcb->may_receive_data()) return;
  // Mostly. Without anything to do there is nothing to hold it for.
  if (tcb->ooo.empty() && !window_worth_telling(*tcb)) return;
  Hold hold(*this, *tcb);
  const Seq before = tcb->rcv_nxt;
  if (!tcb->ooo.empty()) drain_out_of_order(*tcb, now);
  if (tcb->dead || !tcb->may_receive_data()) return;
  if (tcb->rcv_nxt == before && !window_worth_telling(*tcb)) return;
  tcb->ack_due = true;
  pend(*tcb);
}

void Tcp::options_changed(Socket& sk, Nanos now) {
  Tcb* tcb = sk.tcb;
  if (tcb == nullptr) return;
  Hold hold(*this, *tcb);
  tcb->options = sk.stream;
  tcb->ttl = sk.ttl, tcb->tos = sk.tos;
  tcb->flow.destination = {};  // its header says what they were
  if (!tcb->synchronized()) return;
  set_smss(*tcb);
  if (tcb->options.congestion != 0)
    tcb->loss.congestion.set_control(static_cast<CongestionControl>(tcb->options.congestion));
  arm_keepalive(*tcb, now);
  if (tcb->armed(TcpTimer::user)) arm_user(*tcb, now);
  pend(*tcb);  // Nagle may be off now
}

// RFC 9293 3.10.4 (CLOSE), as far as the peer sees it.
int Tcp::shutdown(Socket& sk, Nanos now) {
  Tcb* tcb = sk.tcb;
  if (tcb == nullptr) return -ENOTCONN;
  Hold hold(*this, *tcb);
  if (!tcb->fin_queued) queue_fin(*tcb, now);
  return 0;
}

void Tcp::close(Socket& sk, Nanos now) {
  Tcb* tcb = sk.tcb;
  if (tcb != nullptr && tcb->state == TcpState::syn_sent) {
    Hold hold(*this, *tcb);
    destroy(*tcb);
    tcb = nullptr;
  }
  end_listening(sk);
  demux_.unbind(sk);
  if (tcb == nullptr) {
    sk.connected = false;
    sk.local = sk.remote = {};
    stream_released(sk, now);
    return;
  }
  Hold hold(*this, *tcb);
  tcb->owner_closed = true;
  tcb->ooo.clear(sk);
  if (!tcb->fin_queued) queue_fin(*tcb, now);
  else if (tcb->state == TcpState::fin_wait_2) enter_fin_wait_2(*tcb, now);
  let_go_if_done(*tcb, now);
}

// RFC 9293 3.10.5.
void Tcp::abort(Socket& sk, int error, Nanos now) {
  Tcb* tcb = sk.tcb;
  if (tcb == nullptr) return close(sk, now);
  Hold hold(*this, *tcb);
  if (tcb->state >= TcpState::syn_received && tcb->state <= TcpState::close_wait)
    send_reset(*tcb, now);
  if (tcb->state == TcpState::time_wait) {  // it goes on: old segments may be about still
    if (!tcb->owner_closed) stream_failed(sk, error, now);
  } else {
    const bool told = tcb->owner_closed;
    bury(*tcb, now);
    if (!told) stream_failed(sk, error, now);
  }
  if (sk.tcb != nullptr) {
    tcb->sk = nullptr;
    sk.tcb = nullptr;
  }
  demux_.unbind(sk);
  sk.connected = false;
  sk.local = sk.remote = {};
  stream_released(sk, now);
}

StreamInfo Tcp::info(const Socket& sk) const {
  StreamInfo none;
  none.state = sk.listener != nullptr ? TcpState::listen : TcpState::closed;
  none.local = sk.local, none.remote = sk.remote;
  const Tcb* tcb = sk.tcb;
  if (tcb == nullptr) return none;
  const Loss& loss = tcb->loss;
  return {.state = tcb->state,
          .local = tcb->local,
          .remote = tcb->remote,
          .mss = tcb->smss,
          .snd_wscale = tcb->snd_wscale,
          .rcv_wscale = tcb->rcv_wscale,
          .timestamps = tcb->timestamps,
          .sack = tcb->sack,
          .srtt = loss.rtt.srtt,
          .rttvar = loss.rtt.rttvar,
          .rto = loss.rtt.rto(loss_.rtt),
          .cwnd = loss.congestion.cwnd,
          .ssthresh = loss.congestion.ssthresh,
          .snd_wnd = tcb->snd_wnd,
          .rcv_wnd = tcb->rcv_wnd(),
          .unacked = loss.flight_size(),
          .unsent = static_cast<uint32_t>(std::min<uint64_t>(tcb->unsent, UINT32_MAX)),
          .bytes_acked = tcb->bytes_acked,
          .bytes_received = tcb->bytes_received,
          .segments_sent = tcb->segments_sent,
          .segments_received = tcb->segments_received,
          .segments_retransmitted = loss.stats.retransmitted_segments};
}

const char* tcp_state_name(TcpState state) {
  switch (state) {
    case TcpState::closed: return "CLOSED";
    case TcpState::listen: return "LISTEN";
    case TcpState::syn_sent: return "SYN-SENT";
    case TcpState::syn_received: return "SYN-RECEIVED";
    case TcpState::established: return "ESTABLISHED";
    case TcpState::fin_wait_1: return "FIN-WAIT-1";
    case TcpState::fin_wait_2: return "FIN-WAIT-2";
    case TcpState::close_wait: return "CLOSE-WAIT";
    case TcpState::closing: return "CLOSING";
    case TcpState::last_ack: return "LAST-ACK";
    case TcpState::time_wait: return "TIME-WAIT";
  }
  return "?";
}

}  // namespace pinion
