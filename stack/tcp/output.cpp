// What may leave now, in this order: what is lost, new data, FIN; an ACK alone if nothing else took
// it along. Congestion control has its say through Loss::quota, the peer through SND.WND, silly
// windows are avoided as RFC 9293 3.8.6.2.1 says, and Nagle's algorithm (3.7.4) if it is on.
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "tcp/tcp.h"

namespace pinion {
namespace {
// Whose segments were lost sends so much without the port's help in cutting them: a NIC that cuts
// wrongly (QEMU's vmxnet3 before version 8, IPv6) loses no more than one frame of so much.
constexpr uint64_t kUncutAfterLoss = 1u << 20;

// U of RFC 9293 3.8.6.2.1.
uint32_t usable_window(const Tcb& tcb) {
  const uint32_t flight = tcb.loss.flight_size();
  return tcb.snd_wnd > flight ? tcb.snd_wnd - flight : 0;
}
}  // namespace

void Tcp::transmit(Tcb& tcb, Nanos now) {
  if (tcb.dead) return;
  if (tcb.may_send_data() &&
      (tcb.unsent != 0 || tcb.loss.has_lost() || (tcb.fin_queued && !tcb.fin_sent))) {
    tcb.loss.begin_output(loss_, now);
    uint32_t left = config_.output_segments_per_call;
    int status = send_lost(tcb, left, now);
    if (status == 0) status = send_new(tcb, left, now);
    if (status != 0) blocked(tcb, status, now);
    else if (left == 0) pend(tcb);
    arm_waits(tcb, now);
  }
  if (tcb.ack_due) send_ack(tcb, now);
}

int Tcp::send_lost(Tcb& tcb, uint32_t& left, Nanos now) {
  for (; left > 0 && tcb.loss.has_lost(); --left) {
    SentSegment* s = tcb.loss.next_lost(segments_, tcb.smss);
    if (s == nullptr || tcb.loss.quota() < std::min<uint32_t>(s->length, tcb.smss)) return 0;
    if (const int status = send_again(tcb, *s, now); status != 0) return status;
    tcb.loss.retransmitted(loss_, s, now);
    ++counters_.tcp_retransmitted;
  }
  return 0;
}

// Of what the scoreboard says was sent: a FIN stands at its end, never alone in front of data.
int Tcp::send_again(Tcb& tcb, const SentSegment& s, Nanos now) {
  uint32_t length = s.length;
  bool fin = tcb.fin_sent && s.end() == tcb.loss.snd_nxt();
  if (fin) --length;
  if (length > tcb.smss) length = tcb.smss, fin = false;
  const bool last = s.seq + length + fin == tcb.loss.snd_nxt() && tcb.unsent == 0;
  const uint8_t flags = kTcpAck | (fin ? kTcpFin : 0) | (last && length != 0 ? kTcpPsh : 0);
  return emit(tcb, flags, s.seq, s.seq - tcb.loss.snd_una(), length, now);
}

int Tcp::send_new(Tcb& tcb, uint32_t& left, Nanos now) {
  for (bool several = false; left > 0; several = true) {
    NewSegment segment = next_new(tcb);
    if (!segment.any()) return 0;
    // A FIN alone is not kept back: cwnd limits data (RFC 5681 2).
    if (tcb.loss.quota() < segment.length) return 0;
    const uint32_t count = std::max(full_segments(tcb, left), 1u);
    if (count > 1) segment.length = count * tcb.smss, segment.fin = false;
    left -= count;
    // A receiver that puts segments together (GRO) hands them on at a PSH, or when no more come for
    // a while: the last of several that leave together has it, whatever is still to be sent.
    segment.push = (several || count > 1) && !another(tcb, segment.length);
    if (const int status = send_segment(tcb, segment, now); status != 0) return status;
  }
  return 0;
}

// Would more follow behind so much new data now?
bool Tcp::another(const Tcb& tcb, uint32_t length) const {
  const uint64_t now = may_leave(tcb);
  if (now >= length + uint64_t{tcb.smss}) return true;
  return now > length && now == tcb.unsent && (tcb.options.nodelay || tcb.fin_queued);  // Nagle
}

// Bytes that the peer's window and congestion control allow, of those that were not sent yet.
uint64_t Tcp::may_leave(const Tcb& tcb) const {
  return std::min<uint64_t>(tcb.unsent, std::min(usable_window(tcb), tcb.loss.quota()));
}

// How many full segments may leave now as one frame that the port cuts; 0: nothing is gained. Each
// of them could leave by itself, after the other: whatever says so for one counts bytes. A FIN
// stands in the segment behind them, which has data, too.
uint32_t Tcp::full_segments(Tcb& tcb, uint32_t left) const {
  if (tcb.unsent < 2u * tcb.smss) return 0;
  const uint64_t unsent = tcb.unsent - (tcb.fin_queued ? 1 : 0);
  const uint64_t bytes = std::min(unsent, may_leave(tcb));
  const uint32_t losses = tcb.loss.stats.fast_recoveries + tcb.loss.stats.timeouts;
  if (losses != tcb.losses)
    tcb.losses = losses, tcb.uncut_until = tcb.bytes_acked + kUncutAfterLoss;
  if (bytes < 2u * tcb.smss || tcb.bytes_acked < tcb.uncut_until) return 0;
  const uint64_t most = std::min<uint64_t>(bytes, net_.tso_bytes(tcb.flow, tcb.smss));
  return std::min({static_cast<uint32_t>(most / tcb.smss), left, segments_.room()});
}

int Tcp::send_segment(Tcb& tcb, const NewSegment& segment, Nanos now) {
  if (!segments_.has_room()) return -ENOBUFS;
  const Seq nxt = tcb.loss.snd_nxt();
  const bool push = segment.push || (segment.length == tcb.unsent && segment.length != 0);
  const uint8_t flags = kTcpAck | (segment.fin ? kTcpFin : 0) | (push ? kTcpPsh : 0);
  const int status = emit(tcb, flags, nxt, tcb.loss.flight_size(), segment.length, now);
  if (status != 0) return status;
  tcb.unsent -= segment.length;
  tcb.fin_sent = tcb.fin_sent || segment.fin;
  tcb.probed = false;
  tcb.sws_override = false;
  uint32_t rest = segment.length;
  for (; rest > tcb.smss; rest -= tcb.smss) tcb.loss.sent(loss_, segments_, tcb.smss, now);
  tcb.loss.sent(loss_, segments_, rest + (segment.fin ? 1 : 0), now);
  return 0;
}

// The next segment that the peer's window, Nagle's algorithm and SWS avoidance allow. D is what was
// not sent yet, U the usable window (RFC 9293 3.8.6.2.1). A FIN takes nothing of the window.
Tcp::NewSegment Tcp::next_new(const Tcb& tcb) const {
  if (tcb.fin_sent) return {};
  const auto length = static_cast<uint32_t>(
      std::min<uint64_t>(tcb.unsent, std::min<uint32_t>(usable_window(tcb), tcb.smss)));
  const bool all = length == tcb.unsent;
  const bool fin = tcb.fin_queued && all;
  if (length == 0) return {.fin = fin};
  const bool worth = length == tcb.smss || fin ||
                     (all && (tcb.options.nodelay || tcb.loss.flight_size() == 0)) ||
                     length >= tcb.max_snd_wnd / 2 || tcb.sws_override;
  return worth ? NewSegment{.length = length, .fin = fin} : NewSegment{};
}

// A port or a frame that was not to be had is asked for again later, not at once: the core must be
// able to do something else, and to sleep.
void Tcp::blocked(Tcb& tcb, int status, Nanos now) {
  if (status == -EHOSTUNREACH || status == -ENETUNREACH) tcb.soft_error = status;
  const Nanos wait =
      status == -EAGAIN || status == -ENOBUFS ? config_.output_retry : 50 * config_.output_retry;
  tcb.arm(TcpTimer::output, now + wait);
  ++counters_.tcp_output_blocked;
}

// Nothing is in flight that an ACK would come for, and something is left to send: a timer must wake
// it, of the zero window (RFC 9293 3.8.6.1) or of a window too small to be used.
void Tcp::arm_waits(Tcb& tcb, Nanos now) {
  if (tcb.unsent == 0 || tcb.loss.flight_size() != 0 || tcb.snd_wnd != 0) {
    tcb.disarm(TcpTimer::persist);
    tcb.probes = 0;
  } else if (!tcb.armed(TcpTimer::persist)) {
    tcb.arm(TcpTimer::persist, now + tcb.loss.rtt.rto(loss_.rtt));
  }
  if (tcb.unsent != 0 && tcb.loss.flight_size() == 0 && tcb.snd_wnd != 0 &&
      !tcb.armed(TcpTimer::output) && !tcb.pending.linked)
    tcb.arm(TcpTimer::output, now + config_.sws_override);
}

// RFC 8985 7.3: new data if the peer's window allows some, else the last segment again.
void Tcp::send_tail_probe(Tcb& tcb, Nanos now) {
  const auto length = static_cast<uint32_t>(
      std::min<uint64_t>(tcb.unsent, std::min<uint32_t>(usable_window(tcb), tcb.smss)));
  if (length != 0 && !tcb.fin_sent && segments_.has_room()) {
    const NewSegment segment{.length = length, .fin = tcb.fin_queued && length == tcb.unsent};
    const int status = send_segment(tcb, segment, now);
    tcb.loss.probe_sent(loss_, status == 0, false, now);
    return;
  }
  SentSegment* s = tcb.loss.probe_segment(segments_, tcb.smss);
  const bool sent = s != nullptr && send_again(tcb, *s, now) == 0;
  if (sent) {
    tcb.loss.retransmitted(loss_, s, now);
    ++counters_.tcp_retransmitted;
  }
  tcb.loss.probe_sent(loss_, sent, true, now);
}

void Tcp::flush(Nanos now) {
  // What asks again meanwhile waits for the next pass.
  for (size_t n = pending_.size(); n > 0; --n) {
    Tcb* tcb = pending_.pop_front();
    if (tcb == nullptr) break;
    Hold hold(*this, *tcb);
    transmit(*tcb, now);
  }
}

}  // namespace pinion
