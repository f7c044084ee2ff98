// A MemoryPort that may allocate while the kernel may not: it is not part of it.
#pragma once
#include "no_alloc/guard.h"
#include "support/memory_port.h"

namespace pinion::testing {

class OutsidePort final : public Port {
 public:
  explicit OutsidePort(Mac mac) : port(mac) {}

  const PortCapabilities& capabilities() const override { return port.capabilities(); }
  size_t rx_burst(std::span<Frame*> out) override { return Allowed(), port.rx_burst(out); }
  size_t tx_burst(std::span<Frame*> frames) override { return Allowed(), port.tx_burst(frames); }
  size_t alloc(std::span<Frame*> out) override { return Allowed(), port.alloc(out); }
  void free(std::span<Frame*> frames) override { Allowed(), port.free(frames); }
  bool link_up() const override { return port.link_up(); }

  MemoryPort port;
};

}  // namespace pinion::testing
