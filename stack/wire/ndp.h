// Neighbor discovery's two messages about neighbours (RFC 4861 4.3, 4.4), as they stand in ICMPv6.
// Routers' messages are not parsed: nothing here believes them.
#pragma once
#include "wire/icmp6.h"

namespace pinion {

inline constexpr uint8_t kNdHopLimit = 255;  // what crossed a router has less

struct NdMessage {
  bool advertisement = false;                                      // else a solicitation
  bool router = false, solicited = false, override_known = false;  // of an advertisement
  Ip target = kAnyIpv6;
  bool has_link_address = false;  // the source's, of a solicitation; else the target's
  Mac link_address;
  friend bool operator==(const NdMessage&, const NdMessage&) = default;
};

inline constexpr size_t kNdBytes = 32;  // ICMPv6 header, target, and the option that we send

// RFC 4861 7.1, as far as the message alone tells: code, length, target, options.
Drop nd_parse(const IcmpMessage& message, NdMessage& out);
// Writes the whole ICMPv6 message, with the link address if there is one; returns its length.
size_t nd_emit(const NdMessage& message, Ip source, Ip destination, MutableBytes out);

// ff02::1:ffXX:XXXX (RFC 4291 2.7.1).
constexpr Ip solicited_node(Ip address) {
  return {0xff02'0000'0000'0000, uint64_t{0x1'ff00'0000} | (address.lo & 0xff'ffff)};
}
inline constexpr Ip kAllNodes{0xff02'0000'0000'0000, 1};

// fe80::/64 with the EUI-64 of the MAC (RFC 4291 2.5.1, appendix A).
constexpr Ip link_local_of(const Mac& mac) {
  const uint64_t high = uint64_t{mac.b[0] ^ 2u} << 16 | uint64_t{mac.b[1]} << 8 | mac.b[2];
  const uint64_t low = uint64_t{mac.b[3]} << 16 | uint64_t{mac.b[4]} << 8 | mac.b[5];
  return {0xfe80'0000'0000'0000, high << 40 | uint64_t{0xfffe} << 24 | low};
}

}  // namespace pinion
