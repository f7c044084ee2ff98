// A Port in memory, for tests: every frame is a heap buffer of its exact size, so that
// AddressSanitizer sees an over-read, and fresh buffers hold a pattern, so that a byte nobody wrote
// is seen on the wire.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "port/port.h"

namespace pinion::testing {

class MemoryPort : public Port {
 public:
  static constexpr std::byte kPoison{0xa5};

  struct Sent {
    std::vector<std::byte> bytes;
    uint8_t tx_offload = kTxNone, l2_length = 0, l3_length = 0;  // what is still to be filled in
  };

  explicit MemoryPort(Mac mac, uint16_t mtu_bytes = 1500, uint8_t tx_offload = kTxNone);
  ~MemoryPort() override;

  const PortCapabilities& capabilities() const override { return capabilities_; }
  size_t rx_burst(std::span<Frame*> out) override;
  Nanos burst_time() const override { return burst_at; }
  size_t tx_burst(std::span<Frame*> frames) override;
  size_t alloc(std::span<Frame*> out) override;
  void free(std::span<Frame*> frames) override;
  size_t released(std::span<uint64_t> out) override;
  bool link_up() const override { return link_is_up; }

  // Queues a frame to be received. The Frame may be changed (flags, times) until it is.
  Frame& receive(Bytes bytes);
  // What was transmitted since the last call, in order.
  std::vector<std::vector<std::byte>> take_sent();
  std::vector<Sent> take_sent_with_offload();
  // Frames that somebody outside this port holds, and those that wait to be received.
  size_t outstanding() const { return *account_; }
  size_t waiting() const { return to_receive_.size(); }

  // From now on either takes and frees frames of the other: one account for both.
  void share_pool(MemoryPort& other) { account_ = &other.outstanding_; }

  // One queue of several of its device.
  void be_queue(uint16_t queue, const Rss& rss) {
    capabilities_.queue = queue;
    capabilities_.rss = rss;
  }

  // From now on a device that computes TCP's checksums, and others that it offers, and cuts frames
  // of so much TCP payload.
  void cut_segments(uint32_t bytes);
  uint64_t frames_cut() const { return cut_; }
  bool loses_cut = false;  // a device whose pieces of long frames nobody takes
  // From now on a device that computes checksums and reads attached bytes by itself.
  void attach_payloads();
  // While set, it has not yet read the attached bytes of what it took; let_go() does it.
  bool reads_late = false;
  void let_go();

  size_t tx_accepts = SIZE_MAX;         // frames of one burst
  size_t pool_frames = SIZE_MAX;        // how many may be outstanding before alloc fails
  size_t alloc_fails_after = SIZE_MAX;  // frames; the next one is not there, once
  std::byte fill = kPoison;             // what a fresh buffer holds
  bool link_is_up = true;
  Nanos burst_at = 0;  // burst_time()

 private:
  struct Buffer {
    Frame frame;
    std::unique_ptr<std::byte[]> memory;
  };

  Frame* make_frame(uint32_t headroom, uint32_t length, uint32_t tailroom) const;
  void release(Frame* frame);
  void transmit(Frame* frame);
  void transmit_cut(Frame* frame, Sent sent);

  PortCapabilities capabilities_;
  std::deque<Frame*> to_receive_;
  std::vector<Sent> sent_;
  std::deque<Frame*> unread_;
  std::deque<uint64_t> released_;
  bool completes_checksums_ = false;
  uint64_t cut_ = 0;
  size_t outstanding_ = 0;
  size_t* account_ = &outstanding_;
};

}  // namespace pinion::testing
