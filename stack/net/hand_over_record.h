// What stands in the rings between cores (port/hand_over.h): a header that says what it is, and
// behind it a packet, or one of the structs below. net/hand_over.cpp and net/stray.cpp alone know.
#pragma once
#include "base/stray.h"
#include "net/net.h"
#include "socket/port_directory.h"

namespace pinion {

enum class RecordKind : uint8_t { ip, arp, loop, port, group, address };

struct RecordHdr {
  RecordKind kind = RecordKind::ip;
  Stray reason = Stray::udp;
  uint32_t interface = 0;
  uint32_t tried = 0;  // cores that have had the packet, a bit each; all: it is a copy
  Nanos hw_time = 0;
};
inline constexpr uint32_t kCopy = UINT32_MAX;

// A datagram that an application of the other core has sent to a group, and wants here too.
struct LoopHdr {
  Endpoint from, to;
};

struct GroupNews {
  Ip group;
  uint32_t interface = 0;
  bool joined = false;
};

// An address of IPv6 that the first queue's core has claimed is good, or lost.
struct AddressNews {
  Ip address;
  uint32_t interface = 0;
  AddressState state = AddressState::tentative;
};

}  // namespace pinion
