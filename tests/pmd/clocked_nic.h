// A NIC with a clock, which none of DPDK's software ports has: while a ClockedNic lives, each
// device of this program offers receive timestamps, and its counter is the test's. What pmd-glue
// asks of DPDK passes by here (the linker's --wrap); frames are stamped on their way in.
#pragma once
#include <cstdint>
#include <functional>

namespace pinion::test {

class ClockedNic {
 public:
  using Counter = std::function<uint64_t()>;
  explicit ClockedNic(Counter counter);
  ~ClockedNic();
  ClockedNic(const ClockedNic&) = delete;
  ClockedNic& operator=(const ClockedNic&) = delete;

  // What this port's first queue receives from now on has these stamps, and no other port's.
  void stamps(uint16_t port_id, Counter stamp);
  bool is_stamped(uint16_t port_id) const { return stamp && stamped_ == port_id; }

  bool readable = true;         // the driver reads the counter
  uint32_t configured = 0;      // devices that were set up
  uint32_t asked = 0;           // of these: to stamp
  uint32_t starts_refused = 0;  // so many starts of devices that were asked to stamp still fail
  Counter counter, stamp;

 private:
  uint16_t stamped_ = 0;
};

}  // namespace pinion::test
