// RFC 9293 3.10.7.1 to 3.10.7.3: segments in CLOSED, in LISTEN (listener.cpp) and in SYN-SENT.
#include <cerrno>

#include "base/check.h"
#include "socket/stream.h"
#include "tcp/tcp.h"

namespace pinion {

// 3.10.7.1: all data is discarded; what is not a RST gets one.
Drop Tcp::closed_input(const TcpSegment& seg, const FourTuple& flow, Nanos now) {
  if (!seg.has_rst()) reply_reset(seg, flow, now);
  return Drop::tcp_no_connection;
}

// iss: the ISN of an answer, if it must not be chosen freely.
Drop Tcp::unconnected_input(const TcpSegment& seg, const FourTuple& flow, const Seq* iss,
                            Nanos now) {
  Socket* sk = demux_.find_listener(flow.local);
  if (sk == nullptr) return closed_input(seg, flow, now);
  return listen_input(*sk, seg, flow, iss, now);
}

// RFC 9293 3.6.1 and RFC 6191: a SYN that is newer than everything of the old connection begins
// another one, whose sequence numbers lie behind the old one's. With a FIN it opens nothing (no
// listener takes it), so it does not end what is remembered either.
Drop Tcp::time_wait_syn(Tcb& tcb, const TcpSegment& seg, const FourTuple& flow, Nanos now) {
  const bool both = tcb.timestamps && seg.options.has_timestamps;
  const auto later = both ? static_cast<int32_t>(seg.options.ts_val - tcb.ts_recent) : 0;
  const bool newer = later > 0 || (later == 0 && seg.seq > tcb.rcv_nxt);
  const Socket* sk = demux_.find_listener(flow.local);
  if (!newer || seg.has_fin() || sk == nullptr)
    return challenge(tcb, Drop::tcp_syn_challenged, now);
  // As for a grave: see Tcp::input.
  if (tcb.from_cookie && !has_room(*sk->listener)) return Drop::tcp_syn_queue_full;
  const Seq iss = next_iss(tcb, now);
  destroy(tcb);
  return unconnected_input(seg, flow, &iss, now);
}

// 3.10.7.3.
Drop Tcp::syn_sent_input(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  // First: the ACK. Of our SYN alone, since nothing else has been sent.
  const bool acked = seg.has_ack() && seg.ack == tcb.iss + 1;
  if (seg.has_ack() && !acked) {
    if (!seg.has_rst()) reply_reset(seg, {tcb.local, tcb.remote}, now);
    return Drop::tcp_ack_unsent;
  }
  // Second: RST.
  if (seg.has_rst()) {
    if (!acked) return Drop::tcp_no_ack;
    ++counters_.tcp_resets_received;
    fail(tcb, -ECONNREFUSED, now);
    return Drop::none;
  }
  // Fourth: SYN. Fifth: neither.
  if (!seg.has_syn()) return Drop::tcp_no_syn;
  take_syn(tcb, seg, now);
  if (!acked) {  // both opened at once (3.5)
    tcb.state = TcpState::syn_received;
    tcb.syns_sent = 0;
    tcb.loss.rtt.start(loss_.rtt);
    send_syn(tcb, now);
    keep_text(tcb, seg);
    return Drop::none;
  }
  establish(tcb, seg, now);
  tcb.ack_due = true;
  pend(tcb);
  stream_connected(*tcb.sk, now);
  if (tcb.dead || tcb.state == TcpState::closed) return Drop::none;
  if (seg.payload.empty() && !seg.has_fin()) return Drop::none;
  TcpSegment rest = seg;  // "continue processing at the sixth step"
  rest.flags &= static_cast<uint8_t>(~kTcpSyn);
  rest.seq = seg.seq + 1;
  return on_text(tcb, rest, now);
}

// "If there are other controls or text in the segment, queue them for processing after the
// ESTABLISHED state has been reached." What there is no room for comes again.
void Tcp::keep_text(Tcb& tcb, const TcpSegment& seg) {
  const size_t room = tcb.rcv_adv - tcb.rcv_nxt;
  const Bytes text = seg.payload.first(std::min(seg.payload.size(), room));
  const bool fin = seg.has_fin() && text.size() == seg.payload.size();
  if (!text.empty() || fin)
    tcb.ooo.insert(*tcb.sk, tcb.rcv_nxt, tcb.rcv_nxt, text, fin, config_.ooo_chunks_max, seg.came);
}

// What a SYN says of its sender: IRS, and the options that both sides must want.
void Tcp::take_syn(Tcb& tcb, const TcpSegment& seg, Nanos now) {
  const TcpOptions& o = seg.options;
  tcb.irs = seg.seq;
  tcb.received_at = now;
  if (o.mss != 0) tcb.peer_mss = std::max(o.mss, config_.mss_min);
  tcb.scaling = config_.window_scaling && o.has_window_scale;
  tcb.timestamps = config_.timestamps && o.has_timestamps;
  tcb.sack = config_.sack && o.sack_permitted;
  tcb.snd_wscale = tcb.scaling ? o.window_scale : 0;
  if (!tcb.scaling) tcb.rcv_wscale = 0;
  if (tcb.timestamps) {
    tcb.ts_recent = o.ts_val;
    tcb.ts_recent_at = now;
  }
  tcb.snd_wnd = tcb.max_snd_wnd = seg.wnd;
  tcb.rcv_mss = static_cast<uint16_t>(std::max<uint32_t>(tcb.path_mtu, tcb.header_bytes + 1u) -
                                      tcb.header_bytes);
  if (tcb.options.maxseg != 0) tcb.rcv_mss = std::min(tcb.rcv_mss, tcb.options.maxseg);
  tcb.rcv_mss = std::min(tcb.rcv_mss, std::max<uint16_t>(tcb.peer_mss, 1));
  if (tcb.timestamps) tcb.rcv_mss = static_cast<uint16_t>(std::max(tcb.rcv_mss - 12, 1));
  start_receiving(tcb);
}

}  // namespace pinion
