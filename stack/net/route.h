// The routing table: static, longest prefix first. On-link prefixes come from the interfaces'
// addresses, the others from the configuration. The families share it and never meet.
#pragma once
#include <vector>

#include "base/prefix.h"
#include "base/types.h"

namespace pinion {

struct Route {
  Ip prefix;
  uint8_t prefix_length = 0;  // of its own family: 0..32 or 0..128
  Ip via;                     // 0: on-link, the destination itself is the next hop
  uint32_t interface = 0;
};

inline constexpr uint32_t kAnyInterface = UINT32_MAX;

class RouteTable {
 public:
  // At construction of Net only. A later route of the same prefix stands behind the earlier one.
  void add(const Route& route);
  // The most specific route to dst, of one interface if it is given; nullptr: none.
  const Route* lookup(Ip dst, uint32_t interface = kAnyInterface) const;
  size_t size() const { return routes_.size(); }

 private:
  struct Entry {
    Route route;
    Ip mask;
    bool v4 = false;
  };
  std::vector<Entry> routes_;  // descending prefix length
};

}  // namespace pinion
