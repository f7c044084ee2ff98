// The network of an isolation test: a NIC whose peer sends every UDP datagram back, inside the
// core's own thread. Swapping addresses and ports changes no checksum.
#pragma once
#include <algorithm>
#include <array>
#include <deque>
#include <span>
#include <vector>

#include "port/port.h"

namespace pinion::testing {

inline constexpr Ipv4 kOurs = ipv4(10, 0, 0, 1), kReflected = ipv4(10, 0, 0, 2);

class Reflector : public Port {
 public:
  static constexpr Mac kMac{{2, 0, 0, 0, 0, 2}};

  Reflector() : buffers_(kFrames) {
    capabilities_.mac = Mac{{2, 0, 0, 0, 0, 1}};
    for (Buffer& b : buffers_) b.frame.driver = &b, pool_.push_back(&b.frame);
  }
  const PortCapabilities& capabilities() const override { return capabilities_; }
  bool link_up() const override { return true; }

  size_t rx_burst(std::span<Frame*> out) override { return take(reflected_, out); }
  size_t tx_burst(std::span<Frame*> frames) override {
    for (Frame* f : frames) {
      swap(*f, 0, 6, 6);    // MAC addresses
      swap(*f, 26, 30, 4);  // IPv4 addresses, in a header without options
      swap(*f, 34, 36, 2);  // UDP ports
      reflected_.push_back(f);
    }
    return frames.size();
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
  static void swap(Frame& f, size_t a, size_t b, size_t n) {
    std::swap_ranges(f.data + a, f.data + a + n, f.data + b);
  }

  PortCapabilities capabilities_;
  std::vector<Buffer> buffers_;
  std::deque<Frame*> pool_, reflected_;
};

}  // namespace pinion::testing
