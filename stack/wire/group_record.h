// What IGMPv3 and MLDv2 have in common on the wire: the kinds of a report's records, which differ
// in the length of an address alone, and what a query says (RFC 3376 4, RFC 3810 5).
#pragma once
#include "base/types.h"

namespace pinion {

// RFC 3376 4.2.12, RFC 3810 5.2.12.
enum class GroupRecord : uint8_t {
  is_include = 1,
  is_exclude = 2,
  to_include = 3,
  to_exclude = 4,
  allow = 5,
  block = 6
};

// The group follows, then the sources.
struct GroupRecordHdr {
  uint8_t type, aux_words;
  be16 sources;
};
static_assert(sizeof(GroupRecordHdr) == 4 && alignof(GroupRecordHdr) == 1);

inline constexpr uint8_t kRobustnessMask = 7;  // QRV of a query (RFC 3376 4.1.6, RFC 3810 5.1.8)

struct GroupQuery {
  Ip group;                // any: a general query
  uint8_t version = 0;     // of its own protocol
  uint8_t robustness = 0;  // of the newest version; 0: not told
  Nanos max_response = 0;
  Bytes sources;  // of the newest version; address_bytes each
};

constexpr size_t address_bytes(bool ipv4) { return ipv4 ? sizeof(be32) : 2 * sizeof(be64); }

inline Ip address_at(const std::byte* at, bool ipv4) {
  if (ipv4) return Ipv4{load<be32>(at).get()};
  return {load<be64>(at).get(), load<be64>(at + sizeof(be64)).get()};
}

inline void address_emit(Ip address, std::byte* at) {
  if (address.is_v4()) {
    const be32 wire = be32::of(address.v4().v);
    std::memcpy(at, &wire, sizeof wire);
    return;
  }
  const be64 wire[2] = {be64::of(address.hi), be64::of(address.lo)};
  std::memcpy(at, wire, sizeof wire);
}

}  // namespace pinion
