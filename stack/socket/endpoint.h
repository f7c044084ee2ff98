// An address and a port, of either end.
#pragma once
#include "base/types.h"

namespace pinion {

struct Endpoint {
  Ipv4 address;
  uint16_t port = 0;
  friend constexpr bool operator==(const Endpoint&, const Endpoint&) = default;
};

}  // namespace pinion
