// Prefixes of either family, and what an address can be.
#pragma once
#include "base/types.h"

namespace pinion {

constexpr uint32_t prefix_mask(uint8_t length) {
  return length ? ~uint32_t{0} << (32 - length) : 0;
}

constexpr uint8_t prefix_length_max(Ip address) { return address.is_v4() ? 32 : 128; }
// The mask of the prefix in both words: IPv4's begins behind the 96 bits that mark it.
constexpr Ip prefix_mask(Ip prefix, uint8_t length) {
  const unsigned bits = length + (prefix.is_v4() ? 96u : 0u);
  const uint64_t hi = bits == 0 ? 0 : bits >= 64 ? ~uint64_t{0} : ~uint64_t{0} << (64 - bits);
  return {hi, bits <= 64 ? 0 : ~uint64_t{0} << (128 - bits)};
}
constexpr bool is_within(Ip address, Ip prefix, uint8_t length) {
  const Ip mask = prefix_mask(prefix, length);
  return (((address.hi ^ prefix.hi) & mask.hi) | ((address.lo ^ prefix.lo) & mask.lo)) == 0 &&
         address.is_v4() == prefix.is_v4();
}

// Could this be one host's address (RFC 1122 3.2.1.3)? A subnet's broadcast address looks like one.
constexpr bool is_host_address(Ipv4 a) {
  return a.v >> 24 != 0 && !a.is_loopback() && !a.is_multicast() && !a.is_reserved();
}
// RFC 4291 2.5 to 2.7: neither "::", "::1" nor anything else that embeds IPv4 or is reserved
// (::/96), nor a group.
constexpr bool is_host_address(Ip a) {
  if (a.is_v4()) return is_host_address(a.v4());
  return !a.is_multicast() && (a.hi != 0 || a.lo >> 48 != 0);
}

// RFC 4291 2.7: what has a lesser scope than the link's never leaves a host.
inline constexpr unsigned kScopeOfLink = 2;
constexpr unsigned group_scope(Ip group) { return static_cast<unsigned>(group.hi >> 48 & 0xf); }
constexpr bool is_group_of_link(Ip a) {
  return a.hi >> 56 == 0xff && group_scope(a) <= kScopeOfLink;
}
// A group that there can be on a link. Nobody joins 224.0.0.1 or ff02::1: each host is a member.
constexpr bool may_be_joined(Ip group) {
  if (group.is_v4()) return group.is_multicast() && group != Ip{ipv4(224, 0, 0, 1)};
  return group.is_multicast() && group_scope(group) >= kScopeOfLink &&
         group != Ip{0xff02'0000'0000'0000, 1};
}

}  // namespace pinion
