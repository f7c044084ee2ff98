// Addresses as they stand in a slot and in a control message: 16 bytes and a family.
#pragma once
#include <rio/abi.h>

#include "base/types.h"

namespace pinion {

// IPv4's stands in the first four bytes. Of no family that there is: IPv4's 0.0.0.0.
inline Ip load_address(const uint8_t (&bytes)[16], uint16_t family) {
  if (family == RIO_FAMILY_IPV4) return Ipv4{load<be32>(bytes).get()};
  if (family == RIO_FAMILY_IPV6) return {load<be64>(bytes).get(), load<be64>(bytes + 8).get()};
  return {};
}
// Writes it; the bytes behind IPv4's stay as they are. Returns its family.
inline uint16_t store_address(Ip address, uint8_t (&bytes)[16]) {
  if (address.is_v4()) {
    const be32 wire = be32::of(address.v4().v);
    std::memcpy(bytes, wire.b, sizeof wire.b);
    return RIO_FAMILY_IPV4;
  }
  const be64 wire[2] = {be64::of(address.hi), be64::of(address.lo)};
  std::memcpy(bytes, wire, sizeof wire);
  return RIO_FAMILY_IPV6;
}

}  // namespace pinion
