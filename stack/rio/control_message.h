// What the cold calls share: handles, addresses and refusals, as they stand in a control message.
#pragma once
#include "kernel/message.h"
#include "socket/endpoint.h"

namespace pinion {

inline constexpr uint32_t kHandleMask = RIO_BUFFER_INDEX_MASK;
inline uint32_t handle_of(uint32_t index, uint32_t generation) {
  return index | generation << RIO_BUFFER_INDEX_BITS;
}

inline int refuse(KernelMessage& m, int status, const char* why) {
  std::strncpy(m.app.why, why, sizeof m.app.why - 1);
  return status;
}

inline Endpoint endpoint_of(const rio_address& a) {
  return {{uint32_t{a.bytes[0]} << 24 | uint32_t{a.bytes[1]} << 16 | uint32_t{a.bytes[2]} << 8 |
           a.bytes[3]},
          a.port};
}

inline rio_address address_of(const Endpoint& e) {
  rio_address a{};
  a.family = RIO_FAMILY_IPV4;
  a.port = e.port;
  const be32 wire = be32::of(e.address.v);
  std::memcpy(a.bytes, wire.b, sizeof wire.b);
  return a;
}

}  // namespace pinion
