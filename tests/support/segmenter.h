// What a NIC does with a frame that it is to cut into TCP segments (Frame::segment_bytes), written
// from the documents of NICs and of DPDK; nothing of it comes from the stack. A frame that keeps to
// their rules becomes the packets that leave; one that does not, the test fails.
#pragma once
#include <cstdint>
#include <vector>

#include "base/types.h"

namespace pinion::testing {

// `frame`: the whole, l2_length and l3_length its headers. ipv4_csum: the header's sum was left to
// the NIC; else it is the right one of the long packet.
struct LongFrame {
  Bytes frame;
  uint8_t l2_length = 0, l3_length = 0;
  uint16_t segment_bytes = 0;
  bool ipv4_csum = false;
};
std::vector<std::vector<std::byte>> cut(const LongFrame& whole);

}  // namespace pinion::testing
