// The bare loops, and the devices that they run on.
#include "bench/raw_ethdev.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "bench/bed.h"
#include "bench/rows.h"
#include "bench/windows.h"
#include "pmd-glue/eal.h"
#include "wire/eth.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/udp.h"

namespace pinion::bench {

namespace {

constexpr uint16_t kBurst = 32;  // testpmd's own
constexpr unsigned kPoolFrames = 4095, kPoolCache = 256;
constexpr int kEalMegabytes = 64, kHugepageMegabytes = 2;

Unavailable unavailable(const char* what, const std::string& why) {
  return Unavailable(std::string(what) + ": " + why);
}

struct Headers {
  EthHdr eth;
  Ipv4Hdr ip;
  UdpHdr udp;
};

struct Headers6 {
  EthHdr eth;
  Ipv6Hdr ip;
  UdpHdr udp;
};

template <class AnyHeaders>
void swap_addresses(AnyHeaders& h) {
  std::swap(h.eth.dst, h.eth.src);
  std::swap(h.ip.destination, h.ip.source);
  std::swap(h.udp.destination_port, h.udp.source_port);
}

void swap_addresses_of(rte_mbuf* m) {
  auto* h = rte_pktmbuf_mtod(m, Headers*);
  if (h->eth.type.get() == kEthTypeIpv6) swap_addresses(*rte_pktmbuf_mtod(m, Headers6*));
  else swap_addresses(*h);
}

size_t send_or_free(uint16_t port, rte_mbuf** mbufs, uint16_t count) {
  const uint16_t sent = rte_eth_tx_burst(port, 0, mbufs, count);
  if (sent < count) rte_pktmbuf_free_bulk(mbufs + sent, static_cast<unsigned>(count - sent));
  return sent;
}

}  // namespace

void start_eal() {
  static const std::string error = [] {
    std::string why;
    const bool pages = hugepages_free() * kHugepageMegabytes >= kEalMegabytes;
    auto eal =
        Eal::start({.hugepages_mb = pages ? kEalMegabytes : 0, .log_level = "critical"}, why);
    (void)eal.release();  // ends with the process: rows' ports may outlive any other owner
    return why;
  }();
  if (!error.empty()) throw unavailable("DPDK", error);
}

void await_link(EthdevPort& port) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (!port.refresh_link()) {
    if (Clock::now() > deadline) throw unavailable("no link", port.describe());
  }
}

PortPair open_net_ring() {
  start_eal();
  static unsigned pairs = 0;
  std::string error;
  auto [near, far] =
      EthdevPort::open_ring_pair({.device = "bench" + std::to_string(pairs++)}, error);
  if (!near || !far) throw unavailable("net_ring", error);
  return {std::move(near), std::move(far)};
}

PortPair open_memif() {
  start_eal();
  static unsigned pairs = 0;
  const std::string socket =
      "pinion-bench-" + std::to_string(getpid()) + "-" + std::to_string(pairs);
  const auto open = [&](const char* role) {
    const std::string device = "net_memif" + std::to_string(pairs++) + ",role=" + role +
                               ",rsize=10,socket-abstract=yes,socket=" + socket;
    std::string error;
    auto port = EthdevPort::open({.device = device}, error);
    if (!port) throw unavailable("net_memif", error);
    return port;
  };
  PortPair ports;
  ports.far = open("server");
  ports.near = open("client");
  await_link(*ports.far);
  await_link(*ports.near);
  return ports;
}

size_t reflect_burst(uint16_t port) {
  rte_mbuf* mbufs[kBurst];
  const uint16_t count = rte_eth_rx_burst(port, 0, mbufs, kBurst);
  for (uint16_t i = 0; i < count; ++i) swap_addresses_of(mbufs[i]);
  if (count != 0) send_or_free(port, mbufs, count);
  return count;
}

size_t answer_burst(uint16_t port, bool (*answer)(std::byte* frame)) {
  rte_mbuf* mbufs[kBurst];
  const uint16_t count = rte_eth_rx_burst(port, 0, mbufs, kBurst);
  uint16_t answers = 0;
  for (uint16_t i = 0; i < count; ++i) {
    if (answer(rte_pktmbuf_mtod(mbufs[i], std::byte*))) mbufs[answers++] = mbufs[i];
    else rte_pktmbuf_free(mbufs[i]);
  }
  if (answers != 0) send_or_free(port, mbufs, answers);
  return count;
}

void reflect(uint16_t port, const std::atomic<bool>& stop) {
  const int registered = eal_register_thread();
  while (!stop.load(std::memory_order_relaxed)) reflect_burst(port);
  if (registered == 0) eal_unregister_thread();
}

void forward(uint16_t port, size_t frames) {
  rte_mbuf* mbufs[kBurst];
  for (size_t sent = 0; sent < frames;) {
    const uint16_t count = rte_eth_rx_burst(port, 0, mbufs, kBurst);
    if (count != 0) sent += send_or_free(port, mbufs, count);
  }
}

RawClient::RawClient(uint16_t port, Bytes frame) : port_(port), frame_(frame.begin(), frame.end()) {
  static unsigned pools = 0;
  const std::string name = "bench_pool" + std::to_string(pools++);
  pool_.reset(rte_pktmbuf_pool_create(name.c_str(), kPoolFrames, kPoolCache, 0,
                                      RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY));
  if (!pool_) throw unavailable("DPDK", "no memory for a pool of frames");
}

void RawClient::round_trip() {
  const uint64_t start = tsc();
  const uint64_t patience = lost_after();
  send(1);
  rte_mbuf* answer;
  while (rte_eth_rx_burst(port_, 0, &answer, 1) == 0) {
    if (tsc() - start > patience) must(-ETIMEDOUT, "raw frame");
  }
  const bool ours = is_reflection(answer);
  rte_pktmbuf_free(answer);
  if (!ours) must(-EPROTO, "raw frame");
}

// A client knows its answer, or the bytes might still be on their way: addresses and ports.
bool RawClient::is_reflection(const rte_mbuf* answer) const {
  if (rte_pktmbuf_data_len(answer) != frame_.size()) return false;
  const auto* sent = reinterpret_cast<const Headers*>(frame_.data());
  const auto* got = rte_pktmbuf_mtod(answer, const Headers*);
  return got->eth.dst == sent->eth.src && got->ip.destination.get() == sent->ip.source.get() &&
         got->udp.destination_port.get() == sent->udp.source_port.get();
}

void RawClient::send(size_t count) {
  while (count > 0) count -= send_burst(count);
}

size_t RawClient::send_burst(size_t wanted) {
  rte_mbuf* mbufs[kBurst];
  const auto count = static_cast<uint16_t>(std::min<size_t>(wanted, kBurst));
  if (rte_pktmbuf_alloc_bulk(pool_.get(), mbufs, count) != 0) return 0;
  for (uint16_t i = 0; i < count; ++i) {
    char* room = rte_pktmbuf_append(mbufs[i], static_cast<uint16_t>(frame_.size()));
    std::copy(frame_.begin(), frame_.end(), reinterpret_cast<std::byte*>(room));
  }
  return send_or_free(port_, mbufs, count);
}

void RawFeed::serve(const std::atomic<bool>& stop) {
  const int registered = eal_register_thread();
  while (!stop.load(std::memory_order_relaxed)) burst();
  if (registered == 0) eal_unregister_thread();
}

void RawFeed::burst() {
  Frame* frames[kBurst];
  if (const size_t came = port_.rx_burst(frames); came != 0) port_.free({frames, came});
  const size_t count = port_.alloc(frames);
  size_t at = next_;
  for (Frame* f : std::span(frames).first(count)) {
    f->next = nullptr, f->behind_length = 0, f->tx_offload = kTxNone;
    const std::vector<std::byte>& bytes = frames_[at];
    std::copy(bytes.begin(), bytes.end(), f->append(static_cast<uint32_t>(bytes.size())));
    at = at + 1 == frames_.size() ? 0 : at + 1;
  }
  const size_t sent = count == 0 ? 0 : port_.tx_burst({frames, count});
  if (sent < count) port_.free({frames + sent, count - sent});
  next_ = (next_ + sent) % frames_.size();
}

}  // namespace pinion::bench
