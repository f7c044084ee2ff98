// Segments of one kind each: header, options and window from the TCB, and away. What is sent when
// is output.cpp's business.
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "tcp/tcp.h"

namespace pinion {
// Sends one segment; 0, or why it did not leave (Net::tcp_send). `length` bytes of payload, from
// `offset` behind SND.UNA. Over SMSS it is several full ones, which the port cuts.
int Tcp::emit(Tcb& tcb, uint8_t flags, Seq seq, uint32_t offset, uint32_t length, Nanos now) {
  const bool ack = (flags & kTcpAck) != 0;
  TcpSegment seg;
  seg.source_port = tcb.local.port, seg.destination_port = tcb.remote.port;
  seg.seq = seq;
  if (ack) seg.ack = tcb.rcv_nxt;
  seg.flags = flags;
  const bool cut = length > tcb.smss;
  STACK_DCHECK(!cut || length % tcb.smss == 0);
  put_options(tcb, flags, cut ? tcb.smss : length, now, seg.options);
  if ((flags & kTcpRst) == 0) seg.wnd = take_window(tcb, (flags & kTcpSyn) != 0);
  std::byte header[kTcpHeaderMax];
  const size_t header_length = tcp_emit(seg, header);
  const int status = net_.tcp_send({.source = tcb.local,
                                    .destination = tcb.remote,
                                    .ttl = tcb.ttl,
                                    .tos = tcb.tos,
                                    .header = {header, header_length},
                                    .sk = tcb.sk,
                                    .offset = offset,
                                    .length = length,
                                    .flow = &tcb.flow,
                                    .segment_bytes = cut ? tcb.smss : uint16_t{0}},
                                   now);
  if (status != 0) return status;
  const uint32_t segments = cut ? length / tcb.smss : 1;
  tcb.segments_sent += segments, counters_.tcp_sent += segments;
  counters_.tcp_tso_frames += cut;
  if (!ack) return 0;
  tcb.last_ack_sent = tcb.rcv_nxt;  // RFC 7323 4.3
  tcb.ack_due = false;
  tcb.unacked_segments = 0;
  tcb.disarm(TcpTimer::ack);
  return 0;
}

void Tcp::put_options(Tcb& tcb, uint8_t flags, uint32_t length, Nanos now, TcpOptions& out) {
  const bool ack = (flags & kTcpAck) != 0;
  if ((flags & kTcpSyn) != 0) {
    // RFC 9293 MUST-67 and RFC 6691: of what we can receive, whatever the options.
    uint16_t mss = static_cast<uint16_t>(std::max<uint32_t>(tcb.path_mtu, tcb.header_bytes + 1u) -
                                         tcb.header_bytes);
    if (tcb.options.maxseg != 0) mss = std::min(mss, tcb.options.maxseg);
    out.mss = mss;
    out.has_window_scale = tcb.scaling;
    out.window_scale = tcb.rcv_wscale;
    out.sack_permitted = tcb.sack;
  }
  if (tcb.timestamps) {
    out.has_timestamps = true;
    out.ts_val = ts_now(tcb, now);
    out.ts_ecr = ack ? tcb.ts_recent : 0;
  }
  if (!ack || !tcb.sack || (flags & kTcpSyn) != 0 || !tcb.ooo.has_sack(tcb.rcv_nxt)) return;
  // Beside data only where there is room: the segment is cut already.
  const uint32_t used = tcb.header_bytes + length + (tcb.timestamps ? 12 : 0);
  const uint32_t room = tcb.path_mtu > used ? tcb.path_mtu - used : 0;
  if (room < 12) return;
  const uint32_t most =
      std::min<uint32_t>(static_cast<uint32_t>(tcp_sack_room(out)), (room - 4) / 8);
  out.sack_count = static_cast<uint8_t>(tcb.ooo.sack_blocks(tcb.rcv_nxt, out.sack, most));
}

uint32_t Tcp::ts_now(const Tcb& tcb, Nanos now) const {
  return static_cast<uint32_t>(now / config_.timestamp_tick) + tcb.ts_offset;
}

// A pure ACK, <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>.
bool Tcp::send_ack(Tcb& tcb, Nanos now) {
  const Seq nxt = tcb.synchronized() ? tcb.loss.snd_nxt() : tcb.iss + 1;
  const int status = emit(tcb, kTcpAck, nxt, 0, 0, now);
  if (status != 0) blocked(tcb, status, now);
  return status == 0;
}

// <SEQ=ISS><CTL=SYN>, or <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>; again when the timer says so.
void Tcp::send_syn(Tcb& tcb, Nanos now) {
  const uint8_t flags = tcb.state == TcpState::syn_sent ? kTcpSyn : kTcpSyn | kTcpAck;
  const int status = emit(tcb, flags, tcb.iss, 0, 0, now);
  // One that did not leave counts too: its number is limited, and no round-trip time comes of it.
  if (tcb.syns_sent++ == 0) tcb.syn_sent_at = now;
  tcb.syn_blocked = status != 0;
  if (status == 0) return arm_handshake(tcb, now);
  // Nobody but this count ends a passive connection: it waits as if its SYN-ACK were lost.
  if (tcb.active)
    tcb.arm(TcpTimer::handshake, now + std::max(config_.output_retry, config_.min_rto));
  else arm_handshake(tcb, now);
  tcb.syn_lost = true;
  tcb.unreachable = status == -EHOSTUNREACH;
  if (status == -EHOSTUNREACH || status == -ENETUNREACH) tcb.soft_error = status;
}

// <SEQ=SND.NXT><CTL=RST>: best effort; a lost one is sent again when the peer asks.
void Tcp::send_reset(Tcb& tcb, Nanos now) {
  reset_at(tcb, kTcpRst | kTcpAck, tcb.synchronized() ? tcb.loss.snd_nxt() : tcb.iss + 1, now);
}

void Tcp::reset_at(Tcb& tcb, uint8_t flags, Seq seq, Nanos now) {
  if (emit(tcb, flags, seq, 0, 0, now) == 0) ++counters_.tcp_resets_sent;
}

// RFC 9293 3.5.2, group 1: to a segment that belongs to no connection.
void Tcp::reply_reset(const TcpSegment& seg, const FourTuple& flow, Nanos now) {
  if (!resets_.take(now)) return;
  TcpSegment reset;
  reset.flags = kTcpRst;
  if (seg.has_ack()) {
    reset.seq = seg.ack;
  } else {
    reset.flags |= kTcpAck;
    reset.ack = seg.seq + seg.len();
  }
  if (emit_stateless(reset, flow, now) == 0) ++counters_.tcp_resets_sent;
}

int Tcp::emit_stateless(TcpSegment& seg, const FourTuple& flow, Nanos now) {
  seg.source_port = flow.local.port, seg.destination_port = flow.remote.port;
  std::byte header[kTcpHeaderMax];
  const size_t length = tcp_emit(seg, header);
  const int status = net_.tcp_send(
      {.source = flow.local, .destination = flow.remote, .header = {header, length}}, now);
  if (status == 0) ++counters_.tcp_sent;
  return status;
}

}  // namespace pinion
