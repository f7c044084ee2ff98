// MirrorPort: a port whose only neighbour sends back each IPv4 frame that it is sent, with the
// addresses and ports of the two ends exchanged; no checksum changes by that. What is sent to it by
// UDP is echoed, and a connection through it is opened by both ends at once (RFC 9293 3.5, figure
// 7) and echoes as well. For rehearsals; in memory of its own, reserved at construction.
#pragma once
#include <array>

#include "port/port.h"

namespace pinion {

class MirrorPort final : public Port {
 public:
  static constexpr Mac kOurs{{0x02, 0, 0, 0, 0, 1}}, kNeighbour{{0x02, 0, 0, 0, 0, 2}};

  MirrorPort();

  const PortCapabilities& capabilities() const override { return capabilities_; }
  size_t rx_burst(std::span<Frame*> out) override;
  // Takes everything; what is not IPv4 to the neighbour (an announcement) is gone.
  size_t tx_burst(std::span<Frame*> frames) override;
  size_t alloc(std::span<Frame*> out) override;
  void free(std::span<Frame*> frames) override;
  bool link_up() const override { return true; }

 private:
  static constexpr size_t kFrames = 16;
  static constexpr uint32_t kHeadroomBytes = 128, kRoomBytes = 1536;

  static bool mirror(Frame& frame);

  struct Buffer {
    Frame frame;
    std::byte bytes[kHeadroomBytes + kRoomBytes];
  };

  PortCapabilities capabilities_;
  std::array<Buffer, kFrames> buffers_;
  Frame* free_ = nullptr;
  Frame* first_ = nullptr;  // to be received, in order
  Frame** last_ = &first_;
};

}  // namespace pinion
