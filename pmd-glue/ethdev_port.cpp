// The bursts of EthdevPort, between mbufs and the Frames in their private areas, and its end.
// ethdev_open.cpp has its beginning.
#include "pmd-glue/ethdev_port.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "base/check.h"
#include "pmd-glue/ethdev_device.h"
#include "pmd-glue/ethdev_limits.h"
#include "pmd-glue/ring_pair.h"
#include "pmd-glue/tsc_clock.h"

namespace pinion {
namespace {

rte_mbuf* mbuf_of(const Frame* frame) { return static_cast<rte_mbuf*>(frame->driver); }

void count(std::atomic<uint64_t>& counter) {  // one writer
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Of an mbuf only the first of its two cache lines is touched, unless a frame needs the other: it
// comes cold from a NIC's ring, or was another core's until now. `next` stands on the second one,
// and is null in a pool and wherever nb_segs is 1.
bool is_plain(const rte_mbuf* m) {
  return RTE_MBUF_DIRECT(m) && m->nb_segs == 1 && rte_mbuf_refcnt_read(m) == 1;
}

// Begins the life of the mbuf's Frame; what a former owner left there is gone.
Frame* begin_frame(rte_mbuf* m) {
  Frame* frame = new (rte_mbuf_to_priv(m)) Frame;
  frame->data = rte_pktmbuf_mtod(m, std::byte*);
  frame->length = rte_pktmbuf_data_len(m);
  frame->headroom = rte_pktmbuf_headroom(m);
  frame->tailroom = rte_pktmbuf_tailroom(m);
  frame->driver = m;
  return frame;
}

// What of rte_pktmbuf_reset() a frame needs: its length is written when it leaves, and what else
// that resets counts only with flags, of which there are none. The pool's buffers are its own, not
// pinned ones from outside, which a flag would tell of.
Frame* begin_empty(rte_mbuf* m) {
  m->ol_flags = 0;
  m->data_len = 0;
  rte_pktmbuf_reset_headroom(m);
  return begin_frame(m);
}

// Only GOOD and BAD are believed. NONE is DPDK's word for "the field is meaningless, the data was
// verified", which a Frame cannot say: ethdev_open.cpp therefore does not switch on what makes
// virtio and vhost report it, and whoever says it all the same gets the checksum computed.
RxCsum believed(uint64_t flags, uint64_t mask, uint64_t good, uint64_t bad) {
  if ((flags & mask) == good) return RxCsum::good;
  if ((flags & mask) == bad) return RxCsum::bad;
  return RxCsum::unknown;
}

void read_flags(const rte_mbuf* m, Frame* frame) {
  if (m->ol_flags == 0) return;
  frame->rx_ipv4_csum = believed(m->ol_flags, RTE_MBUF_F_RX_IP_CKSUM_MASK,
                                 RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_IP_CKSUM_BAD);
  frame->rx_l4_csum = believed(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_MASK,
                               RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD);
  frame->vlan_stripped = (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
  if (frame->vlan_stripped) frame->vlan_tci = m->vlan_tci;
}

// The IP version is the high half of the byte behind Ethernet.
bool is_ipv4(const Frame* frame) {
  constexpr uint8_t kVersionShift = 4, kIpv4 = 4;
  return frame->length > frame->l2_length &&
         std::to_integer<uint8_t>(frame->data[frame->l2_length]) >> kVersionShift == kIpv4;
}

// What hangs on a frame of two segments: the second one's private area tells whose send it is.
struct Attached {
  rte_mbuf_ext_shared_info shared;
  std::vector<uint64_t>* released;
  uint64_t* tokens_out;
  uint64_t token;
};
static_assert(sizeof(Attached) <= sizeof(Frame), "it lies where a first segment has its Frame");

uint64_t tx_flags(const Frame* frame) {
  uint64_t flags = is_ipv4(frame) ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
  if (frame->tx_offload & kTxIpv4Csum) flags |= RTE_MBUF_F_TX_IP_CKSUM;
  if (frame->tx_offload & kTxUdpCsum) flags |= RTE_MBUF_F_TX_UDP_CKSUM;
  if (frame->tx_offload & kTxTcpCsum) flags |= RTE_MBUF_F_TX_TCP_CKSUM;
  if (frame->segment_bytes != 0) flags |= RTE_MBUF_F_TX_TCP_SEG;
  return flags;
}

// A frame that may end in padding is summed here: a device that takes the frame's length for the
// packet's gets the pseudo header wrong (QEMU's vmxnet3 does, and the datagram is lost).
bool sum_short_frame(const Frame* frame) {
  constexpr uint32_t kPaddedBytes = 60;
  constexpr uint8_t kL4 = kTxUdpCsum | kTxTcpCsum;
  if (frame->total_length() > kPaddedBytes || frame->behind_length != 0 || !is_ipv4(frame) ||
      (frame->tx_offload & kL4) == 0)
    return false;
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(frame->data + frame->l2_length);
  if (frame->tx_offload & kTxIpv4Csum) {
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
  }
  std::byte* l4 = frame->data + frame->l2_length + frame->l3_length;
  const size_t at = frame->tx_offload & kTxUdpCsum ? offsetof(rte_udp_hdr, dgram_cksum)
                                                   : offsetof(rte_tcp_hdr, cksum);
  uint16_t sum = 0;
  std::memcpy(l4 + at, &sum, sizeof sum);
  sum = rte_ipv4_udptcp_cksum(ip, l4);
  std::memcpy(l4 + at, &sum, sizeof sum);
  return true;
}

void write_back_bytes(const Frame* frame, rte_mbuf* m) {
  STACK_DCHECK(frame->data >= static_cast<std::byte*>(m->buf_addr));
  m->data_off = static_cast<uint16_t>(frame->data - static_cast<std::byte*>(m->buf_addr));
  STACK_DCHECK(m->data_off + frame->length <= m->buf_len);
  m->data_len = static_cast<uint16_t>(frame->length);
}

// What the NIC is to cut: its buffers become the segments of one mbuf.
void write_back_segments(const Frame* frame, rte_mbuf* m) {
  const auto* tcp =
      reinterpret_cast<const rte_tcp_hdr*>(frame->data + frame->l2_length + frame->l3_length);
  m->l4_len = (tcp->data_off >> 4) * 4u;
  m->tso_segsz = frame->segment_bytes;
  for (const Frame* f = frame->second(); f != nullptr; f = f->next) {
    rte_mbuf* behind = mbuf_of(f);
    write_back_bytes(f, behind);
    m->next = behind;
    m = behind;
  }
  mbuf_of(frame)->nb_segs = static_cast<uint16_t>(frame->buffers());
}

// The Frame is what the stack changed; the driver looks at the mbuf.
void write_back(const Frame* frame, rte_mbuf* m) {
  write_back_bytes(frame, m);
  m->pkt_len = frame->total_length();
  m->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;  // where the buffer is, not how to send
  if (frame->tx_offload == kTxNone || sum_short_frame(frame)) return;
  m->tx_offload = 0;
  m->l2_len = frame->l2_length;
  m->l3_len = frame->l3_length;
  m->ol_flags |= tx_flags(frame);
  if (frame->segment_bytes != 0) write_back_segments(frame, m);
}

// Each buffer by itself.
void separate(rte_mbuf* m) {
  while (m != nullptr) {
    m->nb_segs = 1;
    m = std::exchange(m->next, nullptr);
  }
}

// A frame that was not taken is the caller's again, without what was hung on it here.
void detach(const Frame* frame, rte_mbuf* m) {
  if (m->next == nullptr) return;
  if (frame->segment_bytes != 0) return separate(m);
  auto* attached = static_cast<Attached*>(rte_mbuf_to_priv(m->next));
  if (std::exchange(attached->token, 0) != 0) --*attached->tokens_out;  // nobody is told
  rte_pktmbuf_free(m->next);
  m->next = nullptr;
  m->nb_segs = 1;
}

}  // namespace

// Makes the mbuf a Frame, or frees and counts it.
bool EthdevPort::adopt(rte_mbuf* m, Frame*& out) {
  if (rte_pktmbuf_priv_size(m->pool) < sizeof(Frame)) [[unlikely]] {
    count(rx_foreign_);
    rte_pktmbuf_free(m);
    return false;
  }
  if (m->nb_segs > 1 && rte_pktmbuf_linearize(m) != 0) [[unlikely]] {
    count(rx_segments_);
    rte_pktmbuf_free(m);
    return false;
  }
  out = begin_frame(m);
  read_flags(m, out);
  return true;
}

// Pairs with restart(): what the core did before it closed the gate is over when that is seen.
bool EthdevPort::may_enter() {
  const Gate gate = gate_.load(std::memory_order_acquire);
  if (gate == Gate::open) [[likely]]
    return true;
  if (gate == Gate::closing) gate_.store(Gate::closed, std::memory_order_release);
  return false;
}

size_t EthdevPort::rx_burst(std::span<Frame*> out) {
  const size_t taken = early_.empty() ? take(out) : take_early(out);
  if (taken == 0) return 0;
  if (clock_ != nullptr) {
    burst_time_ = clock_->now();
    if (stamp_clock_ != nullptr) read_stamps(out.first(taken));
  }
  if (tap_.on()) [[unlikely]]
    tap_.received(out.first(taken), burst_time_);
  rx_taken_ += taken;
  return taken;
}

// What the device says of when they came. A frame without that, or whose stamp cannot be right, has
// the time of the burst.
void EthdevPort::read_stamps(std::span<Frame*> frames) {
  stamp_clock_->refresh(stamp_line_);
  for (Frame* frame : frames) {
    const rte_mbuf* m = mbuf_of(frame);
    if ((m->ol_flags & stamp_flag_) == 0) continue;
    const auto stamp = *RTE_MBUF_DYNFIELD(m, stamp_offset_, const rte_mbuf_timestamp_t*);
    frame->hw_time = DeviceClock::place(stamp_line_, stamp, burst_time_);
    count(frame->hw_time != 0 ? rx_stamped_ : rx_stamps_refused_);
  }
}

size_t EthdevPort::take(std::span<Frame*> out) {
  size_t taken = 0;
  if (!may_enter()) return 0;
  while (taken < out.size()) {
    rte_mbuf* mbufs[kBurstFrames];
    const size_t wanted = std::min(out.size() - taken, kBurstFrames);
    const size_t got = rte_eth_rx_burst(port_id_, queue_, mbufs, static_cast<uint16_t>(wanted));
    for (size_t i = 0; i < got; ++i) taken += adopt(mbufs[i], out[taken]);
    if (got < wanted) break;
  }
  return taken;
}

// Makes the attached bytes a second segment that refers to where they lie. Its reference is the
// only one, so its end is theirs. False: the pool is dry.
bool EthdevPort::attach(Frame* frame, rte_mbuf* m) {
  rte_mbuf* second = rte_pktmbuf_alloc(pool_.get());
  if (second == nullptr) return false;
  auto* attached =
      new (rte_mbuf_to_priv(second)) Attached{{}, &released_, &tokens_out_, frame->token};
  if (frame->token != 0) ++tokens_out_;
  attached->shared.free_cb = on_release;
  attached->shared.fcb_opaque = attached;
  rte_mbuf_ext_refcnt_set(&attached->shared, 1);
  auto* bytes = const_cast<std::byte*>(frame->attached);  // DPDK has no word for "only read"
  const auto length = static_cast<uint16_t>(frame->behind_length);
  rte_pktmbuf_attach_extbuf(second, bytes, reinterpret_cast<rte_iova_t>(bytes), length,
                            &attached->shared);
  second->data_off = 0;
  second->data_len = length;
  m->next = second;
  m->nb_segs = 2;
  return true;
}

void EthdevPort::on_release(void*, void* attached) {
  const auto* a = static_cast<const Attached*>(attached);
  if (a->token != 0) a->released->push_back(a->token);
}

// Some drivers look for what was sent when they are called, frames or not.
size_t EthdevPort::released(std::span<uint64_t> out) {
  if (tokens_out_ == 0) return 0;
  if (may_enter()) {
    if (released_.empty()) rte_eth_tx_burst(port_id_, queue_, nullptr, 0);
  } else if (gate_.load(std::memory_order_acquire) != Gate::stopped) {
    return 0;
  }
  const size_t n = std::min(out.size(), released_.size());
  std::copy_n(released_.end() - static_cast<ptrdiff_t>(n), n, out.begin());
  released_.resize(released_.size() - n);
  tokens_out_ -= n;
  tx_attached_.store(tx_attached_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  return n;
}

size_t EthdevPort::tx_burst(std::span<Frame*> frames) {
  size_t sent = 0;
  if (!may_enter()) return 0;
  while (sent < frames.size()) {
    rte_mbuf* mbufs[kBurstFrames];
    const size_t burst = std::min(frames.size() - sent, kBurstFrames);
    size_t wanted = 0;
    for (; wanted < burst; ++wanted) {
      Frame* frame = frames[sent + wanted];
      mbufs[wanted] = mbuf_of(frame);
      write_back(frame, mbufs[wanted]);
      if (frame->has_attached() && !attach(frame, mbufs[wanted])) break;
    }
    // With checksums to fill in, most drivers first want a pseudo header where the sum will stand.
    const auto n = static_cast<uint16_t>(wanted);
    const bool tapped = tap_.on();
    if (tapped) [[unlikely]]
      tap_.sending(frames.subspan(sent, wanted), clock_ == nullptr ? 0 : clock_->now());
    const uint16_t ready = tx_prepares_ ? rte_eth_tx_prepare(port_id_, queue_, mbufs, n) : n;
    const size_t got = rte_eth_tx_burst(port_id_, queue_, mbufs, ready);
    if (tapped) [[unlikely]]
      tap_.sent(got);
    for (size_t i = got; i < wanted; ++i) detach(frames[sent + i], mbufs[i]);
    sent += got;
    if (got < ready) break;
    if (ready < wanted) {  // the driver will never send this one: it must not block those behind
      drop_refused(frames[sent]);
      ++sent;
    } else if (wanted < burst) {
      break;
    }
  }
  tx_full_.store(sent == 0 && !frames.empty(), std::memory_order_relaxed);
  tx_taken_.store(tx_taken_.load(std::memory_order_relaxed) + sent, std::memory_order_relaxed);
  return sent;
}

// Of one that detach has made the caller's again.
void EthdevPort::drop_refused(const Frame* frame) {
  count(tx_refused_);
  if (frame->has_attached() && frame->token != 0) {
    released_.push_back(frame->token);
    ++tokens_out_;
  }
  for (const Frame* f = frame->second(); f != nullptr;) {
    rte_mbuf* m = mbuf_of(f);
    f = f->next;
    rte_pktmbuf_free(m);
  }
  rte_pktmbuf_free(mbuf_of(frame));
}

// The pool gives all of a bulk or nothing; near its end smaller bulks still succeed.
size_t EthdevPort::alloc(std::span<Frame*> out) {
  size_t taken = 0;
  size_t bulk = kBurstFrames;
  while (taken < out.size() && bulk > 0) {
    void* mbufs[kBurstFrames];
    bulk = std::min(out.size() - taken, bulk);
    if (rte_mempool_get_bulk(pool_.get(), mbufs, static_cast<unsigned>(bulk)) != 0) {
      bulk /= 2;
      continue;
    }
    for (size_t i = 0; i < bulk; ++i) out[taken++] = begin_empty(static_cast<rte_mbuf*>(mbufs[i]));
  }
  return taken;
}

// Those that lie beside each other and are of one pool go back to it together.
void EthdevPort::free(std::span<Frame*> frames) {
  void* mbufs[kBurstFrames];
  rte_mempool* pool = nullptr;
  unsigned n = 0;
  for (const Frame* frame : frames) {
    rte_mbuf* m = mbuf_of(frame);
    STACK_DCHECK(rte_mbuf_to_priv(m) == frame);
    if (!is_plain(m)) [[unlikely]] {
      rte_pktmbuf_free(m);
      continue;
    }
    if (n == kBurstFrames || (n != 0 && m->pool != pool)) {
      rte_mempool_put_bulk(pool, mbufs, n);
      n = 0;
    }
    pool = m->pool;
    mbufs[n++] = m;
  }
  if (n != 0) rte_mempool_put_bulk(pool, mbufs, n);
}

bool EthdevPort::refresh_link() {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(port_id_, &link) == 0) {
    const bool up = !stopped_ && link.link_status == RTE_ETH_LINK_UP &&
                    (!kernel_link_.is_open() || kernel_link_.up());
    link_up_.store(up, std::memory_order_relaxed);
    // A ring that was full then says nothing of what comes after.
    if (!up) each_queue([](EthdevPort& p) { p.tx_full_.store(false, std::memory_order_relaxed); });
  }
  return link_up();
}

PortStats EthdevPort::stats() const {
  PortStats out;
  rte_eth_stats device{};
  if (rte_eth_stats_get(port_id_, &device) == 0) {
    out.rx_frames = device.ipackets, out.rx_bytes = device.ibytes;
    out.tx_frames = device.opackets, out.tx_bytes = device.obytes;
    out.rx_missed = device.imissed, out.rx_errors = device.ierrors;
    out.rx_no_frame = device.rx_nombuf, out.tx_errors = device.oerrors;
  }
  const auto add = [&out](const EthdevPort& p) {
    out.rx_segments += p.rx_segments_.load(std::memory_order_relaxed);
    out.rx_foreign += p.rx_foreign_.load(std::memory_order_relaxed);
    out.tx_refused += p.tx_refused_.load(std::memory_order_relaxed);
    out.tx_attached += p.tx_attached_.load(std::memory_order_relaxed);
    out.capture_lost += p.tap_.lost();
    out.rx_stamped += p.rx_stamped_.load(std::memory_order_relaxed);
    out.rx_stamps_refused += p.rx_stamps_refused_.load(std::memory_order_relaxed);
  };
  add(*this);
  for (const EthdevPort* other : others_) add(*other);
  out.restarts = restarts_.load(std::memory_order_relaxed);
  out.stopped = stopped_;
  out.device_stamps = stamp_clock_ != nullptr;
  return out;
}

bool EthdevPort::needs_dma_map() const { return is_device_; }

size_t EthdevPort::pool_frames() const { return pool_->size; }
size_t EthdevPort::pool_frames_free() const { return rte_mempool_avail_count(pool_.get()); }

// A pool with frames outside would be pulled away from under their owners: it is left behind.
void PoolDeleter::operator()(rte_mempool* pool) const {
  if (rte_mempool_full(pool)) rte_mempool_free(pool);
}

rte_device* EthdevPort::device() const { return whole_->device; }

EthdevPort::~EthdevPort() {
  whole_->close();
  free(early_);
  if (kept_by_driver_ != nullptr) free({&kept_by_driver_, 1});
  // The other port of a pair may hold frames of the pool.
  if (whole_->rings) whole_->rings->pools.push_back(std::move(pool_));
}

void EthdevDevice::close() {
  if (closed) return;
  closed = true;
  if (started) rte_eth_dev_stop(port_id);
  rte_eth_dev_close(port_id);
  if (probed && device != nullptr) rte_dev_remove(device);
}

}  // namespace pinion
