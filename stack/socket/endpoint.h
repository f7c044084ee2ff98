// An address and a port, of either end.
#pragma once
#include "base/rng.h"
#include "base/types.h"

namespace pinion {

struct Endpoint {
  Ip address;
  uint16_t port = 0;
  friend constexpr bool operator==(const Endpoint& a, const Endpoint& b) {
    return ((a.address.hi ^ b.address.hi) | (a.address.lo ^ b.address.lo) |
            static_cast<uint64_t>(a.port ^ b.port)) == 0;
  }
};

// Where a table of all ports of both families has this one.
inline constexpr size_t kPortPlaces = size_t{2} << 16;
constexpr size_t port_place(const Endpoint& e) {
  return size_t{e.address.is_v4() ? 0u : 1u} << 16 | e.port;
}

// Bytes of an IP header without options or extensions.
constexpr uint16_t ip_header_bytes(Ip address) { return address.is_v4() ? 20 : 40; }

// What hash tables mix on: both words in one multiplication, with secrets, so that nobody outside
// can aim at a bucket; and the port, which cannot make up for a word whose product nobody knows.
inline uint64_t endpoint_key(const Endpoint& e, const uint64_t (&secret)[2]) {
  return mix_words(e.address.hi, e.address.lo, secret[0], secret[1]) + e.port;
}
// The wildcard of the address's family: the families share no port.
constexpr Ip any_of(Ip address) { return address.is_v4() ? Ip{} : kAnyIpv6; }

}  // namespace pinion
