// Ethernet II header (RFC 894; IEEE 802.3 clause 3.1.1).
#pragma once
#include "base/drop.h"
#include "base/types.h"

namespace pinion {

inline constexpr uint16_t kEthTypeIpv4 = 0x0800;
inline constexpr uint16_t kEthTypeArp = 0x0806;
inline constexpr uint16_t kEthTypeVlan = 0x8100;
inline constexpr uint16_t kEthTypeIpv6 = 0x86dd;
inline constexpr uint32_t kEthFrameMin = 60;  // without the frame check sequence

struct EthHdr {
  Mac dst, src;
  be16 type;
};
static_assert(sizeof(EthHdr) == 14 && alignof(EthHdr) == 1);

struct EthPacket {
  Mac dst, src;
  uint16_t type = 0;
  Bytes payload;
};

Drop eth_parse(Bytes frame, EthPacket& out);
// Writes the header to the front of out; the payload is the caller's.
void eth_emit(const EthPacket& packet, MutableBytes out);

// The station address of a group (RFC 1112 6.4, RFC 2464 7).
constexpr Mac group_mac(Ip group) {
  const auto low = static_cast<uint32_t>(group.lo);
  const auto b1 = static_cast<uint8_t>(low >> 16), b2 = static_cast<uint8_t>(low >> 8),
             b3 = static_cast<uint8_t>(low);
  if (group.is_v4()) return {{0x01, 0x00, 0x5e, static_cast<uint8_t>(b1 & 0x7f), b2, b3}};
  return {{0x33, 0x33, static_cast<uint8_t>(low >> 24), b1, b2, b3}};
}

}  // namespace pinion
