// LISTEN (RFC 9293 3.10.7.2) and SYN-RECEIVED as far as its listener is concerned. What a
// stranger's SYN costs is bounded (RFC 4987): by the listener's backlog, by the SYN queue of all,
// and beyond these a cookie in the SYN-ACK stands for the TCB.
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "socket/stream.h"
#include "tcp/tcp.h"

namespace pinion {

Drop Tcp::listen_input(Socket& sk, const TcpSegment& seg, const FourTuple& flow, const Seq* iss,
                       Nanos now) {
  Listener& listener = *sk.listener;
  if (seg.has_rst()) return Drop::tcp_no_connection;  // first
  if (seg.has_ack()) {                                // second
    if (!seg.has_syn() && counts_cookies(listener, now))
      return cookie_input(listener, seg, flow, now);
    return closed_input(seg, flow, now);
  }
  if (!seg.has_syn()) return Drop::tcp_no_syn;  // fourth
  if (seg.has_fin()) return Drop::tcp_syn_fin;  // of no use to any peer, only to scanners
  return answer_syn(listener, seg, flow, iss, now);
}

bool Tcp::has_room(const Listener& listener) const {
  return half_open_ < config_.syn_queue_max &&
         listener.half_open.size() < std::max(listener.backlog, 1u);
}

// Third: a SYN.
Drop Tcp::answer_syn(Listener& listener, const TcpSegment& seg, const FourTuple& flow,
                     const Seq* iss, Nanos now) {
  if (!has_room(listener))
    return answer_with_cookie(listener, seg, flow, Drop::tcp_syn_queue_full, now);
  Tcb* tcb = make_tcb(flow, *listener.sk, now);
  if (tcb == nullptr) return answer_with_cookie(listener, seg, flow, Drop::tcp_no_tcb, now);
  Hold hold(*this, *tcb);
  tcb->state = TcpState::syn_received;
  tcb->iss = iss != nullptr ? *iss : initial_seq(isn_key_, flow, now);
  take_syn(*tcb, seg, now);
  add_half_open(listener, *tcb);
  send_syn(*tcb, now);
  return Drop::none;
}

// The SYN's options but its MSS are lost: the cookie has no room for them.
Drop Tcp::answer_with_cookie(Listener& listener, const TcpSegment& seg, const FourTuple& flow,
                             Drop why, Nanos now) {
  listener.cookies_until = now + 2 * kCookiePeriod;
  if (!config_.syn_cookies) return why;
  const uint16_t mtu = net_.path_mtu(flow.local.address, flow.remote.address);
  if (mtu == 0) return Drop::tx_no_route;
  TcpSegment syn_ack;
  const uint16_t peer_mss =
      seg.options.mss != 0 ? seg.options.mss : mss_default(flow.local.address);
  syn_ack.seq = cookie_make(cookie_key_, flow, seg.seq, peer_mss, now);
  syn_ack.ack = seg.seq + 1;
  syn_ack.flags = kTcpSyn | kTcpAck;
  syn_ack.wnd = static_cast<uint16_t>(std::min<uint32_t>(config_.receive_bytes, UINT16_MAX));
  syn_ack.options.mss = static_cast<uint16_t>(mtu - header_bytes(flow.local.address));
  if (emit_stateless(syn_ack, flow, now) != 0) return why;
  ++counters_.tcp_cookies_sent;
  return Drop::none;
}

bool Tcp::counts_cookies(const Listener& listener, Nanos now) const {
  return config_.syn_cookies && now < listener.cookies_until;
}

// A SYN that came twice may have been answered twice: with a cookie when there was no room, then by
// this half-open connection. The peer has taken the cookie, and knows nothing of our other ISN.
bool Tcp::acks_cookie(const Tcb& tcb, const TcpSegment& seg, const FourTuple& flow,
                      Nanos now) const {
  if (tcb.active || !seg.has_ack() || seg.has_syn() || seg.has_rst()) return false;
  return seg.ack != tcb.iss + 1 && seg.seq == tcb.irs + 1 && counts_cookies(*tcb.listener, now) &&
         cookie_check(cookie_key_, flow, tcb.irs, seg.ack - 1, now) != 0;
}

// An ACK of a SYN-ACK that we may have sent. Only now there is a TCB.
Drop Tcp::cookie_input(Listener& listener, const TcpSegment& seg, const FourTuple& flow,
                       Nanos now) {
  const Seq irs = seg.seq - 1, iss = seg.ack - 1;
  const uint16_t mss = cookie_check(cookie_key_, flow, irs, iss, now);
  if (mss == 0) {
    // Of a segment behind lost ones IRS is not known. The peer sends those again; a RST to this one
    // would end a connection that it was promised.
    if (cookie_is_current(iss, now)) return Drop::tcp_no_connection;
    return closed_input(seg, flow, now);
  }
  Tcb* tcb = make_tcb(flow, *listener.sk, now);
  if (tcb == nullptr) return Drop::tcp_no_tcb;  // no RST: the peer's data asks again
  Hold hold(*this, *tcb);
  tcb->state = TcpState::syn_received;
  tcb->from_cookie = true;
  tcb->iss = iss;
  TcpSegment syn;
  syn.seq = irs;
  syn.wnd = seg.wnd;
  syn.options.mss = mss;
  take_syn(*tcb, syn, now);
  add_half_open(listener, *tcb);
  const Drop why = arrives(*tcb, seg, now);
  if (!tcb->dead && tcb->state == TcpState::syn_received) destroy(*tcb);  // nobody would resend
  else if (why == Drop::none) ++counters_.tcp_cookies_accepted;
  return why;
}

// The handshake is done: the connection gets its socket. False: its owner has no room.
bool Tcp::accept(Tcb& tcb, Nanos now) {
  Socket* sk = stream_accepted(*tcb.listener->sk, now);
  if (sk == nullptr) return false;
  const Socket& from = *tcb.listener->sk;
  sk->type = SocketType::stream;
  sk->ttl = from.ttl, sk->tos = from.tos;
  sk->stream = from.stream;
  sk->local = tcb.local, sk->remote = tcb.remote;
  sk->connected = true;
  sk->tcb = &tcb;
  tcb.sk = sk;
  remove_half_open(tcb);
  ++counters_.tcp_accepted;
  return true;
}

void Tcp::add_half_open(Listener& listener, Tcb& tcb) {
  tcb.listener = &listener;
  listener.half_open.push_back(&tcb);
  ++half_open_;
}

void Tcp::remove_half_open(Tcb& tcb) {
  if (tcb.listener == nullptr) return;
  tcb.listener->half_open.remove(&tcb);
  tcb.listener = nullptr;
  --half_open_;
}

// RFC 9293 3.10.4, LISTEN: what is half-open goes without a word; its peers' ACKs get a RST.
void Tcp::end_listening(Socket& sk) {
  Listener* listener = sk.listener;
  if (listener == nullptr) return;
  while (Tcb* tcb = listener->half_open.front()) {
    Hold hold(*this, *tcb);
    destroy(*tcb);
  }
  demux_.unlisten(sk);
  sk.listener = nullptr;
  listeners_.give(listener);
}

}  // namespace pinion
