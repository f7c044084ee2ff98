// ICMP errors about segments of ours (RFC 9293 3.9.2.2, RFC 5927): anybody can send them, so one
// counts only if it quotes what is in flight, and in a synchronised connection none ends it.
#include <cerrno>

#include "base/check.h"
#include "socket/stream.h"
#include "tcp/tcp.h"
#include "wire/icmp.h"
#include "wire/ipv6.h"

namespace pinion {

bool Tcp::icmp_error(const TcpIcmpError& error, const FourTuple& flow, Nanos now) {
  auto* tcb = static_cast<Tcb*>(demux_.find(flow.local, flow.remote));
  if (tcb == nullptr || tcb->state == TcpState::closed) return false;
  Hold hold(*this, *tcb);
  if (!tcb->synchronized()) {
    if (error.seq != tcb->iss) return false;
    tcb->soft_error = error.error;
    if (error.hard && tcb->state == TcpState::syn_sent) fail(*tcb, error.error, now);
    return true;
  }
  // RFC 5927 4.1: SND.UNA =< SEG.SEQ < SND.NXT.
  if (!in_range(error.seq, tcb->loss.snd_una(), tcb->loss.snd_nxt())) return false;
  if (error.fragmentation_needed) lower_path_mtu(*tcb, error);
  else tcb->soft_error = error.error;  // 5.2: hard errors too
  return true;
}

// RFC 1191 and RFC 8201, for this connection alone: another learns it by itself, and nothing has to
// age. That all segments leave with DF proves nothing about a quote that has it: its number does.
void Tcp::lower_path_mtu(Tcb& tcb, const TcpIcmpError& error) {
  const bool v4 = tcb.local.address.is_v4();
  uint16_t mtu = v4 ? icmp_told_mtu(error.mtu, error.total_length) : error.mtu;
  // RFC 8201 4: no path of IPv6 is narrower, so what says so is forged, or broken.
  if (!v4 && mtu < kIpv6MtuMin) return;
  mtu = std::max(mtu, config_.path_mtu_min);
  if (mtu >= tcb.path_mtu || mtu <= tcb.header_bytes) return;
  tcb.path_mtu = mtu;
  const uint16_t before = tcb.smss;
  set_smss(tcb);
  if (tcb.smss >= before) return;
  tcb.loss.path_mtu_fell(tcb.smss);
  ++counters_.tcp_path_mtu_lowered;
  pend(tcb);
}

}  // namespace pinion
