// The network of an isolation test: a NIC whose peer sends everything back, inside the core's own
// thread. Swapping addresses and ports changes no checksum. A datagram is echoed so; and a
// connection meets itself: the answer to its SYN is its SYN (RFC 9293 3.5, simultaneous open), and
// from then on every byte comes back. With a delay it is a device that reads payloads by DMA, and
// late.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "host/clock.h"
#include "port/port.h"

namespace pinion::testing {

inline constexpr Ipv4 kOurs = ipv4(10, 0, 0, 1), kReflected = ipv4(10, 0, 0, 2);

class Reflector : public Port {
 public:
  static constexpr Mac kMac{{2, 0, 0, 0, 0, 2}};

  explicit Reflector(Nanos dma_delay = 0) : buffers_(kFrames), dma_delay_(dma_delay) {
    capabilities_.mac = Mac{{2, 0, 0, 0, 0, 1}};
    if (dma_delay_ != 0) {
      capabilities_.tx_attach = capabilities_.rx_csum = true;
      capabilities_.tx_offload = kTxIpv4Csum | kTxUdpCsum | kTxTcpCsum;
    }
    for (Buffer& b : buffers_) b.frame.driver = &b, pool_.push_back(&b.frame);
  }
  const PortCapabilities& capabilities() const override { return capabilities_; }
  bool link_up() const override { return true; }

  size_t rx_burst(std::span<Frame*> out) override {
    for (; !in_dma_.empty() && in_dma_.front().due <= monotonic_now(); in_dma_.pop_front())
      reflect(in_dma_.front().frame);
    return take(reflected_, out);
  }
  size_t tx_burst(std::span<Frame*> frames) override {
    for (Frame* f : frames) {
      if (dma_delay_ != 0) in_dma_.push_back({monotonic_now() + dma_delay_, f});
      else reflect(f);
    }
    return frames.size();
  }
  size_t released(std::span<uint64_t> out) override {
    const size_t n = std::min(out.size(), released_.size());
    std::copy_n(released_.begin(), n, out.begin());
    released_.erase(released_.begin(), released_.begin() + static_cast<ptrdiff_t>(n));
    return n;
  }
  size_t alloc(std::span<Frame*> out) override {
    const size_t n = take(pool_, out);
    for (Frame* f : out.first(n)) {
      Buffer& b = *static_cast<Buffer*>(f->driver);
      b.frame = {};
      b.frame.driver = &b;
      b.frame.data = b.bytes.data() + capabilities_.tx_headroom_bytes;
      b.frame.headroom = capabilities_.tx_headroom_bytes;
      b.frame.tailroom = static_cast<uint32_t>(b.bytes.size()) - b.frame.headroom;
    }
    return n;
  }
  void free(std::span<Frame*> frames) override {
    pool_.insert(pool_.end(), frames.begin(), frames.end());
  }
  // Payloads read from an application's memory, from any thread.
  uint64_t dma_reads() const { return dma_reads_.load(std::memory_order_relaxed); }
  // The core's thread alone may ask.
  size_t frames_held() const { return kFrames - pool_.size() - reflected_.size() - in_dma_.size(); }

 private:
  static constexpr size_t kFrames = 2048;
  struct Buffer {
    Frame frame;
    std::array<std::byte, 128 + 1500 + 18> bytes;
  };

  static size_t take(std::deque<Frame*>& from, std::span<Frame*> out) {
    const size_t n = std::min(from.size(), out.size());
    std::copy_n(from.begin(), n, out.begin());
    from.erase(from.begin(), from.begin() + static_cast<ptrdiff_t>(n));
    return n;
  }
  void reflect(Frame* f) {
    if (f->has_attached()) {  // here the device reads the application's memory
      released_.push_back(f->token);
      f->copy_attached();
      dma_reads_.fetch_add(1, std::memory_order_relaxed);
    }
    if (dma_delay_ != 0) f->rx_ipv4_csum = f->rx_l4_csum = RxCsum::good;
    f->hw_time = 0;
    swap(*f, 0, 6, 6);    // MAC addresses
    swap(*f, 26, 30, 4);  // IPv4 addresses, in a header without options
    swap(*f, 34, 36, 2);  // ports
    reflected_.push_back(f);
  }
  static void swap(Frame& f, size_t a, size_t b, size_t n) {
    std::swap_ranges(f.data + a, f.data + a + n, f.data + b);
  }

  struct InDma {
    Nanos due;
    Frame* frame;
  };

  PortCapabilities capabilities_;
  std::vector<Buffer> buffers_;
  Nanos dma_delay_;
  std::atomic<uint64_t> dma_reads_{0};
  std::deque<InDma> in_dma_;
  std::deque<uint64_t> released_;
  std::deque<Frame*> pool_, reflected_;
};

}  // namespace pinion::testing
