#include "net/route.h"

#include <algorithm>

namespace pinion {

void RouteTable::add(const Route& route) {
  Route masked = route;
  masked.prefix.v &= prefix_mask(route.prefix_length);
  const auto shorter = [&](const Route& r) { return r.prefix_length < route.prefix_length; };
  routes_.insert(std::find_if(routes_.begin(), routes_.end(), shorter), masked);
}

const Route* RouteTable::lookup(Ipv4 dst, uint32_t interface) const {
  for (const Route& r : routes_) {
    if ((dst.v & prefix_mask(r.prefix_length)) != r.prefix.v) continue;
    if (interface == kAnyInterface || interface == r.interface) return &r;
  }
  return nullptr;
}

}  // namespace pinion
