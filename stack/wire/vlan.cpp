#include "wire/vlan.h"

#include "base/check.h"

namespace pinion {

Drop vlan_parse(Bytes packet, VlanTag& out) {
  if (packet.size() < sizeof(VlanHdr)) return Drop::vlan_short;
  VlanHdr h;
  std::memcpy(&h, packet.data(), sizeof h);
  const uint16_t tci = h.tci.get();
  out = {static_cast<uint8_t>(tci >> 13), (tci & 0x1000) != 0,
         static_cast<uint16_t>(tci & kVlanIdMask), h.type.get(), packet.subspan(sizeof h)};
  return Drop::none;
}

void vlan_emit(const VlanTag& tag, MutableBytes out) {
  STACK_DCHECK(out.size() >= sizeof(VlanHdr));
  STACK_DCHECK(tag.priority < 8 && tag.id <= kVlanIdMask);
  const int tci = tag.priority << 13 | (tag.drop_eligible ? 0x1000 : 0) | tag.id;
  const VlanHdr h{be16::of(static_cast<uint16_t>(tci)), be16::of(tag.type)};
  std::memcpy(out.data(), &h, sizeof h);
}

}  // namespace pinion
