// The receive window (RFC 9293 3.8.6): what the peer is told, which never shrinks (SHLD-14) and
// opens in steps that are worth it (3.8.6.2.2); and how much a segment of ours carries.
#include "net/net.h"
#include "socket/stream.h"
#include "tcp/tcp.h"

namespace pinion {
namespace {
constexpr uint32_t kUnscaledMax = UINT16_MAX;
constexpr uint32_t kWindowMax = 1u << 30;  // RFC 7323 2.3
constexpr uint16_t kTimestamps = 12;
}  // namespace

uint32_t Tcp::room(const Tcb& tcb) const {
  if (tcb.owner_closed) return 0;
  if (tcb.sk != nullptr) return std::min(stream_room(*tcb.sk), kWindowMax);
  return buffer(tcb);  // half-open: what its socket will have
}

// Before anything is received. On SYNs windows are not scaled (RFC 7323 2.2).
void Tcp::start_receiving(Tcb& tcb) {
  tcb.rcv_nxt = tcb.irs + 1;
  tcb.rcv_adv = tcb.rcv_nxt + std::min(room(tcb), kUnscaledMax);
  tcb.last_ack_sent = tcb.rcv_nxt;
}

// The right edge to tell, at least the one told before.
Seq Tcp::next_edge(const Tcb& tcb) const {
  const uint32_t limit = kUnscaledMax << tcb.rcv_wscale;
  const uint32_t have = std::min(room(tcb), limit);
  const Seq edge = tcb.rcv_nxt + have;
  if (edge <= tcb.rcv_adv) return tcb.rcv_adv;
  const uint32_t worth = std::min<uint32_t>(tcb.rcv_mss, std::max(buffer(tcb) / 2, 1u));
  return edge - tcb.rcv_adv >= worth ? edge : tcb.rcv_adv;
}

// RCV.BUFF
uint32_t Tcp::buffer(const Tcb& tcb) const {
  const uint32_t bytes = tcb.options.receive_bytes;
  return bytes != 0 ? bytes : config_.receive_bytes;
}

// Does the peer need to be told of a larger window before the next ACK tells it? Not while half of
// the buffer is open: an application that posts each receive again would send an ACK for each. Nor
// before anything came: SYNs tell no more than 64 KiB, and the first ACK tells the rest.
bool Tcp::window_worth_telling(const Tcb& tcb) const {
  const uint32_t half = tcb.bytes_received == 0 ? 0 : buffer(tcb) / 2;
  const uint32_t plenty = std::max<uint32_t>(half, 2u * tcb.rcv_mss);
  return tcb.rcv_wnd() < plenty && next_edge(tcb) != tcb.rcv_adv;
}

// SEG.WND of a segment that leaves now; the peer counts as told.
uint16_t Tcp::take_window(Tcb& tcb, bool syn) {
  if (syn)
    return static_cast<uint16_t>(
        std::min(tcb.state == TcpState::syn_sent ? room(tcb) : tcb.rcv_wnd(), kUnscaledMax));
  // Rounded down: seen by the peer, the edge may move back by less than a unit (RFC 7323 2.4), and
  // what it sends up to the old one is still taken. Rounded up, a full receiver would promise room
  // that it has not, for ever.
  const uint32_t field = std::min((next_edge(tcb) - tcb.rcv_nxt) >> tcb.rcv_wscale, kUnscaledMax);
  tcb.rcv_adv = max(tcb.rcv_adv, tcb.rcv_nxt + (field << tcb.rcv_wscale));
  return static_cast<uint16_t>(field);
}

// The least scale with which the window can grow to four times the buffer: posted receives come on
// top of it.
uint8_t Tcp::scale_for(const StreamOptions& options) const {
  const uint64_t bytes =
      4 * uint64_t{options.receive_bytes != 0 ? options.receive_bytes : config_.receive_bytes};
  uint8_t scale = 0;
  while (scale < kWindowScaleMax && bytes >> scale > kUnscaledMax) ++scale;
  return scale;
}

// RFC 9293 3.7.1: the effective send MSS, without the options that every segment has (RFC 6691).
void Tcp::set_smss(Tcb& tcb) {
  uint32_t mss = tcb.peer_mss;
  mss = std::min<uint32_t>(mss, tcb.path_mtu - tcb.header_bytes);
  if (tcb.options.maxseg != 0) mss = std::min<uint32_t>(mss, tcb.options.maxseg);
  mss = std::max<uint32_t>(mss, config_.mss_min);
  const uint16_t smss = static_cast<uint16_t>(mss - (tcb.timestamps ? kTimestamps : 0));
  if (smss == tcb.smss) return;
  const bool started = tcb.smss != 0;
  tcb.smss = smss;
  if (started) tcb.loss.congestion.set_smss(smss);
}

}  // namespace pinion
