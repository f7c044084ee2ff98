#include "net/route.h"

#include <algorithm>

namespace pinion {

void RouteTable::add(const Route& route) {
  Entry e{route, prefix_mask(route.prefix, route.prefix_length), route.prefix.is_v4()};
  e.route.prefix.hi &= e.mask.hi, e.route.prefix.lo &= e.mask.lo;
  const auto shorter = [&](const Entry& other) {
    return other.route.prefix_length < route.prefix_length;
  };
  routes_.insert(std::find_if(routes_.begin(), routes_.end(), shorter), e);
}

const Route* RouteTable::lookup(Ip dst, uint32_t interface) const {
  const bool v4 = dst.is_v4();
  for (const Entry& e : routes_) {
    const uint64_t other =
        ((dst.hi & e.mask.hi) ^ e.route.prefix.hi) | ((dst.lo & e.mask.lo) ^ e.route.prefix.lo);
    if (other != 0 || e.v4 != v4) continue;
    if (interface == kAnyInterface || interface == e.route.interface) return &e.route;
  }
  return nullptr;
}

}  // namespace pinion
