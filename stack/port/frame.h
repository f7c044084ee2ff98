// Frame: one packet buffer, as a Port hands it over. Its bytes belong to the port's pool; whoever
// holds the Frame* owns it and must transmit it or free it. A port may keep the struct inside its
// own buffer (pmd-glue: the mbuf's private area), so there is no conversion on the way.
#pragma once
#include <cstring>
#include <utility>

#include "base/types.h"

namespace pinion {

// What the port says of a received frame's checksums. Unknown is not bad: it is then computed.
enum class RxCsum : uint8_t { unknown, good, bad };

// What the port must still fill in before a frame leaves (only if its capabilities offer it).
enum TxOffload : uint8_t { kTxNone = 0, kTxIpv4Csum = 1, kTxUdpCsum = 2, kTxTcpCsum = 4 };

struct Frame {
  std::byte* data = nullptr;  // first byte of the packet
  uint32_t length = 0;        // bytes of the packet
  uint32_t headroom = 0;      // bytes in front of data
  uint32_t tailroom = 0;      // bytes behind data + length
  RxCsum rx_ipv4_csum = RxCsum::unknown;
  RxCsum rx_l4_csum = RxCsum::unknown;
  uint8_t tx_offload = kTxNone;
  uint8_t l2_length = 0, l3_length = 0;  // for tx_offload
  bool vlan_stripped = false;            // the port took the tag off: vlan_tci holds it
  uint16_t vlan_tci = 0;
  uint32_t attached_length = 0;  // sent: bytes that follow these from elsewhere, at `attached`
  Frame* next = nullptr;   // link of whichever list holds the frame; never a segment
  uint64_t token = 0;      // whose send this is (socket_sent); 0: nobody waits. Not the port's
  union {
    Nanos hw_time = 0;          // received: hardware time, 0 when there is none
    const std::byte* attached;  // sent, attached_length > 0: registered memory of an application
    uint64_t owner;             // waits for its neighbour: who sent it (NeighbourTable)
  };
  void* driver = nullptr;  // the port's own handle (an mbuf)

  MutableBytes bytes() { return {data, length}; }
  Bytes bytes() const { return {data, length}; }
  uint32_t total_length() const { return length + attached_length; }
  // Grows the packet at its front by n bytes (n <= headroom).
  std::byte* push(uint32_t n) {
    data -= n, length += n, headroom -= n;
    return data;
  }
  // Grows the packet at its end by n bytes (n <= tailroom); returns where they begin.
  std::byte* append(uint32_t n) {
    std::byte* end = data + length;
    length += n, tailroom -= n;
    return end;
  }
  void attach(Bytes bytes) {
    attached = bytes.data();
    attached_length = static_cast<uint32_t>(bytes.size());
  }
  // Takes attached bytes into the frame after all (attached_length <= tailroom).
  void copy_attached() {
    const uint32_t n = std::exchange(attached_length, 0);
    std::memcpy(append(n), attached, n);
  }
};
static_assert(sizeof(Frame) <= 64, "one cache line, so that a pass touches one line a frame");

}  // namespace pinion
