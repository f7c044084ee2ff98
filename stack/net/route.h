// The routing table: static, longest prefix first. On-link prefixes come from the interfaces'
// addresses, the others from the configuration.
#pragma once
#include <vector>

#include "base/types.h"

namespace pinion {

struct Route {
  Ipv4 prefix;
  uint8_t prefix_length = 0;
  Ipv4 via;  // 0: on-link, the destination itself is the next hop
  uint32_t interface = 0;
};

constexpr uint32_t prefix_mask(uint8_t length) {
  return length ? ~uint32_t{0} << (32 - length) : 0;
}

// Could this be one host's address (RFC 1122 3.2.1.3)? A subnet's broadcast address looks like one.
constexpr bool is_host_address(Ipv4 a) {
  return a.v >> 24 != 0 && !a.is_loopback() && !a.is_multicast() && !a.is_reserved();
}

inline constexpr uint32_t kAnyInterface = UINT32_MAX;

class RouteTable {
 public:
  // At construction of Net only. A later route of the same prefix stands behind the earlier one.
  void add(const Route& route);
  // The most specific route to dst, of one interface if it is given; nullptr: none.
  const Route* lookup(Ipv4 dst, uint32_t interface = kAnyInterface) const;
  size_t size() const { return routes_.size(); }

 private:
  std::vector<Route> routes_;  // descending prefix length
};

}  // namespace pinion
