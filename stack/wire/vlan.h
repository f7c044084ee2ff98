// The 802.1Q tag, as it stands behind EtherType 0x8100 (IEEE 802.1Q clause 9.6).
#pragma once
#include "base/drop.h"
#include "base/types.h"

namespace pinion {

struct VlanHdr {
  be16 tci, type;
};
static_assert(sizeof(VlanHdr) == 4 && alignof(VlanHdr) == 1);

inline constexpr uint16_t kVlanIdMask = 0x0fff;

struct VlanTag {
  uint8_t priority = 0;        // 0..7
  bool drop_eligible = false;  // DEI
  uint16_t id = 0;             // 0: a priority tag, no VLAN
  uint16_t type = 0;           // of what follows
  Bytes payload;
};

Drop vlan_parse(Bytes packet, VlanTag& out);
void vlan_emit(const VlanTag& tag, MutableBytes out);

}  // namespace pinion
