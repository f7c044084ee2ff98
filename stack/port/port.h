// Port: one NIC queue pair, seen by the core. The only virtual interface of the core; every call is
// a burst. Implemented by pmd-glue (any DPDK PMD) and by tests/support (in memory).
// Received frames are one buffer each: a port linearises what it receives, or reports rx_segments.
#pragma once
#include "base/types.h"
#include "port/frame.h"
#include "port/rss.h"

namespace pinion {

struct PortCapabilities {
  Mac mac;
  uint16_t mtu_bytes = 1500;         // largest IP packet
  uint16_t tx_headroom_bytes = 128;  // in front of every frame from alloc()
  uint8_t tx_offload = kTxNone;      // bits of TxOffload that the port fills in
  bool rx_csum = false;              // rx_*_csum is ever anything but unknown
  // Takes frames with attached bytes, computes the UDP checksum over them, and lets go of them
  // soon: a completion waits for that.
  bool tx_attach = false;
  // The most TCP payload in one frame with Frame::segment_bytes, of kTsoSegmentMin or more: the
  // port cuts it into packets, each with the headers that stand in front, numbered on and summed,
  // FIN and PSH with the last. 0: it cuts none. For these the field of TCP's checksum holds the sum
  // over the pseudo header without a length, and tx_offload has kTxTcpCsum.
  uint32_t tx_tso_bytes = 0;
  // Of a device with several queues, of which this port is one pair.
  uint16_t queue = 0, queues = 1;
  Rss rss{};  // how it spreads what it receives over them, if it can say
};

class Port {
 public:
  // A peer chooses how small segments are, and NICs take none below some size of theirs (256 bytes
  // that of Intel's i40e).
  static constexpr uint16_t kTsoSegmentMin = 512;
  // Of a frame with segment_bytes, whose payload fills all but the last. Each takes a descriptor.
  static constexpr uint32_t kTsoBuffersMax = 16;

  virtual ~Port() = default;
  virtual const PortCapabilities& capabilities() const = 0;
  // Takes up to out.size() received frames; the caller owns them.
  virtual size_t rx_burst(std::span<Frame*> out) = 0;
  // When the last rx_burst that brought frames looked for them, by the core's clock: tells in which
  // order frames were found at the ports of one pass. 0: the port has no clock.
  virtual Nanos burst_time() const { return 0; }
  // Transmits frames from the front; returns how many it took (it owns those now, with all their
  // buffers). The rest stay the caller's. A port copies or transmits taken frames in order.
  virtual size_t tx_burst(std::span<Frame*> frames) = 0;
  // Tokens of frames with attached bytes that tx_burst took and that nothing refers to any more,
  // each once, in the order in which it took them. Fewer than out.size(): no more of them now.
  virtual size_t released(std::span<uint64_t> out) {
    static_cast<void>(out);
    return 0;
  }
  // Empty frames with tx_headroom_bytes of headroom and room for mtu_bytes + 18. Fewer than asked
  // when the pool is dry.
  virtual size_t alloc(std::span<Frame*> out) = 0;
  // Buffers, one by one: of a frame that has more of them the caller names each.
  virtual void free(std::span<Frame*> frames) = 0;
  virtual bool link_up() const = 0;
  // How often whoever forwards to us may have begun to take us to be elsewhere: it went over to
  // another cable by itself, perhaps without its link being down in between (BondPort).
  virtual uint32_t moves() const { return 0; }
};

}  // namespace pinion
