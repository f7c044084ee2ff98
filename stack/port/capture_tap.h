// CaptureTap: what a port has received and transmitted, copied for somebody who looks
// (apps/piniond/capture.h). While nobody does, it costs the core one branch a burst. Who looks may
// be slow or gone: what finds no room is lost, and counted.
//
//   the core                                looking
//   received; sending, then sent   --->     start; each, again and again; stop
#pragma once
#include <array>
#include <memory>

#include "port/frame.h"
#include "port/hand_over.h"

namespace pinion {

class CaptureTap {
 public:
  static constexpr size_t kRingBytes = size_t{4} << 20;
  static constexpr size_t kBurstMax = 64;

  struct Packet {
    Nanos time = 0;     // the port's clock
    uint64_t lost = 0;  // between the one before and this
    bool sent = false;  // else received
    bool tagged = false;
    uint16_t vlan_tci = 0;  // that the port took off
    Bytes bytes{};          // gone after the call
  };

  CaptureTap() = default;
  CaptureTap(const CaptureTap&) = delete;
  CaptureTap& operator=(const CaptureTap&) = delete;

  // ---- the core's

  bool on() const { return __atomic_load_n(&on_, __ATOMIC_ACQUIRE); }
  void received(std::span<Frame* const> frames, Nanos now);
  // Before the port takes them, with their bytes and what is attached to them, at most kBurstMax;
  // and how many of them it then took. The two belong together, whatever on() says in between.
  void sending(std::span<Frame* const> frames, Nanos now);
  void sent(size_t taken);

  // ---- the looker's; one at a time

  // The ring is made when somebody looks for the first time, and stays. Where the core must not
  // wait for memory, its is locked before start().
  MutableBytes ring_memory();
  void start();
  void stop() { __atomic_store_n(&on_, false, __ATOMIC_RELEASE); }
  // What has come since, at most so many; each(packet). Returns how many.
  template <class Each>
  size_t each(size_t most, const Each& each) {
    size_t n = 0;
    for (Packet packet; n < most && front(packet); ++n, ring_->pop()) each(packet);
    return n;
  }
  // In all, since the port is there.
  uint64_t lost() const { return __atomic_load_n(&lost_shown_, __ATOMIC_RELAXED); }

 private:
  struct Header {
    Nanos time = 0;
    uint64_t lost = 0;
    bool sent = false, tagged = false;
    uint16_t vlan_tci = 0;
  };
  struct Mark {
    uint64_t position = 0, lost = 0, told = 0;
  };

  void begin();
  void push(Header header, const Frame& frame);
  void publish();
  bool front(Packet& out) const;

  bool on_ = false;
  uint32_t starts_ = 0;  // by the looker
  std::unique_ptr<HandOver> ring_;
  uint64_t lost_shown_ = 0;       // the core's, as the rest
  uint64_t lost_ = 0, told_ = 0;  // of them, in a packet's `lost`
  uint32_t starts_seen_ = 0;
  size_t sending_ = 0;
  std::array<Mark, kBurstMax> marks_{};  // before each of them
};

}  // namespace pinion
