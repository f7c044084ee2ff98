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
  union {
    uint16_t vlan_tci = 0;
    // Sent: the port cuts what follows the TCP header into segments of so many bytes, each with
    // these headers (PortCapabilities::tx_tso_bytes). 0: this is one packet.
    uint16_t segment_bytes;
  };
  uint32_t behind_length = 0;  // sent: bytes that follow these, at `attached` or in `more`
  Frame* next = nullptr;       // link of whichever list holds the frame, or of `more`
  uint64_t token = 0;          // whose send this is (socket_sent); 0: nobody waits. Not the port's
  union {
    Nanos hw_time = 0;          // received: hardware time, 0 when there is none
    const std::byte* attached;  // sent, has_attached(): registered memory of an application
    Frame* more;                // sent, segment_bytes > 0: further buffers, in order, or nullptr
    uint64_t owner;             // waits for its neighbour: who sent it (NeighbourTable)
  };
  void* driver = nullptr;  // the port's own handle (an mbuf)

  MutableBytes bytes() { return {data, length}; }
  Bytes bytes() const { return {data, length}; }
  uint32_t total_length() const { return length + behind_length; }
  bool has_attached() const { return behind_length != 0 && segment_bytes == 0; }
  // The buffer behind this one, of a frame that `this` begins.
  Frame* second() const { return segment_bytes != 0 ? more : nullptr; }
  uint32_t buffers() const {
    uint32_t n = 1;
    for (const Frame* f = second(); f != nullptr; f = f->next) ++n;
    return n;
  }
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
    behind_length = static_cast<uint32_t>(bytes.size());
  }
  // Takes attached bytes into the frame after all (behind_length <= tailroom).
  void copy_attached() {
    const uint32_t n = std::exchange(behind_length, 0);
    std::memcpy(append(n), attached, n);
  }
};
static_assert(sizeof(Frame) <= 64, "one cache line, so that a pass touches one line a frame");

}  // namespace pinion
