// BondPort: two ports as one, of which one at a time works (active-backup). Whoever has the link
// transmits and is listened to; when its link is lost and the other's is there, the other one does,
// and goes on when the first comes back: a move costs frames, so none is made without need.
// The MAC address is the same on both, so neighbours have nothing to learn; switches do (moves()).
// They also do when a link comes back: what its NIC still had, or what Linux says there, left by
// the one that is not listened to.
#pragma once
#include "port/port.h"

namespace pinion {

// Written by the core, whole words; any thread may look.
struct BondStatus {
  uint64_t active = 0;  // 0: the first; 1: the second
  uint64_t moves = 0;
  uint64_t rx_dropped = 0;  // frames of the one that does not work
};

class BondPort final : public Port {
 public:
  // Each takes and frees frames of the other, as all ports of one process do in DPDK. Both have the
  // first one's MAC address.
  BondPort(Port& first, Port& second);

  const PortCapabilities& capabilities() const override { return capabilities_; }
  size_t rx_burst(std::span<Frame*> out) override;
  Nanos burst_time() const override { return ports_[status_.active]->burst_time(); }
  size_t tx_burst(std::span<Frame*> frames) override;
  // From one pool, whoever will transmit them: a frame that waits while the link moves can leave.
  size_t alloc(std::span<Frame*> out) override { return ports_[0]->alloc(out); }
  void free(std::span<Frame*> frames) override { ports_[0]->free(frames); }
  bool link_up() const override { return ports_[0]->link_up() || ports_[1]->link_up(); }
  uint32_t moves() const override { return static_cast<uint32_t>(status_.moves) + comebacks_; }

  const BondStatus& status() const { return status_; }

 private:
  static constexpr size_t kBurstMax = 256;

  Port& active() { return *ports_[status_.active]; }
  Port& standby() { return *ports_[1 - status_.active]; }
  void look_at_links();
  size_t take_rest(std::span<Frame*> out);
  void drop_standby(size_t burst);

  Port* ports_[2];
  PortCapabilities capabilities_;
  BondStatus status_;
  uint32_t comebacks_ = 0;  // of the standby's link
  bool standby_up_ = false;
  bool rest_ = false;  // the standby may have frames from when it worked
};

}  // namespace pinion
