// The link between two hosts: loses (one by one, or in bursts after Gilbert), repeats, reorders,
// corrupts (one bit, which a checksum must catch) and delays frames, by the chances given.
#pragma once
#include <vector>

#include "base/rng.h"
#include "support/segments.h"

namespace pinion::sim {

using testing::Packet;

struct LinkFaults {
  double loss = 0, duplicate = 0, reorder = 0, corrupt = 0;
  Nanos delay = 20 * kMicro, jitter = 0;
  double burst = 0;          // chance that a frame is the first of a burst of losses
  double complementary = 0;  // and that two of its bits flip that no checksum of 16 bits can see
};

class Link {
 public:
  Link(const LinkFaults& faults, uint64_t seed) : faults_(faults), rng_(seed) {}

  struct Copy {
    Nanos at;  // when it arrives
    Packet frame;
  };
  // What arrives of a frame that was sent now: nothing, it, or it twice.
  std::vector<Copy> carry(const Packet& frame, Nanos now);
  uint64_t lost() const { return lost_; }  // frames with more than headers
  // From now on nothing goes wrong.
  void heal() { faults_ = {.delay = faults_.delay, .jitter = 0}, in_burst_ = false; }

 private:
  Copy copy(const Packet& frame, Nanos now);
  void flip_complementary(Packet& frame);

  LinkFaults faults_;
  Rng rng_;
  bool in_burst_ = false;
  uint64_t lost_ = 0;
};

}  // namespace pinion::sim
