// What the cold calls share: handles, addresses and refusals, as they stand in a control message.
#pragma once
#include "kernel/message.h"
#include "rio/slot_address.h"
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
  return {load_address(a.bytes, a.family), a.port};
}

inline rio_address address_of(const Endpoint& e) {
  rio_address a{};
  a.family = store_address(e.address, a.bytes);
  a.port = e.port;
  return a;
}

}  // namespace pinion
