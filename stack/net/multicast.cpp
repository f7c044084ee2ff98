// Multicast datagrams and the sockets that joined their groups.
#include <cerrno>

#include "net/net.h"

namespace pinion {
namespace {

bool is_source_specific(Ip group) {
  return group.is_v4() && group.v4().v >> 24 == 232;
}  // RFC 4607 1

// A bound socket gets what comes to its port, if it is bound to every address or to the group.
bool listens(const Socket& sk, const Endpoint& to) {
  return sk.bound && !sk.connected && sk.local.port == to.port &&
         (sk.local.address.is_any() || sk.local.address == to.address);
}

}  // namespace

uint32_t Net::interface_named(std::string_view name) const {
  for (const Interface& i : interfaces_)
    if (i.name == name) return i.index;
  return kAnyInterface;
}

// That of an address of ours, else of a route to the group or the source, else the first (RFC 1122
// 3.3.7). kAnyInterface: there is none.
uint32_t Net::group_interface(Ip local, Ip group, Ip source) const {
  if (!local.is_any() && !local.is_multicast()) {
    for (const Interface& i : interfaces_)
      if (owns(i, local)) return i.index;
    return kAnyInterface;
  }
  const Route* route = routes_.lookup(group);
  if (route == nullptr && !source.is_any()) route = routes_.lookup(source);
  if (route != nullptr) return route->interface;
  return interfaces_.empty() ? kAnyInterface : 0;
}

int Net::join(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now) {
  if (!group.is_multicast() || !group.is_v4() || group == Ip{kAllSystems}) return -EINVAL;
  if (!source.is_any() && !is_host_address(source)) return -EINVAL;
  if (is_source_specific(group) && source.is_any()) return -EINVAL;
  if (interface == kAnyInterface) interface = group_interface(sk.local.address, group, source);
  if (interface >= interfaces_.size()) return -ENODEV;
  return groups_.join(sk, interface, group, source, now);
}

int Net::leave(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now) {
  return groups_.leave(sk, interface, group, source, now);
}

// One copy for each socket that wants it. Dropped if none took it, by the reason of the last that
// would have, else by what it missed all of them by.
Drop Net::group_deliver(uint32_t interface, const Arrival& arrival, Nanos now) {
  Group* group = groups_.find(interface, arrival.to.address);
  if (group == nullptr) return Drop::udp_multicast_not_joined;
  Drop why = Drop::udp_multicast_port;
  bool taken = false;
  for (GroupMember* m = group->members.front(); m != nullptr; m = group->members.next(m)) {
    ++more_work_;
    if (!listens(*m->sk, arrival.to)) continue;
    if (!m->source.is_any() && m->source != arrival.from.address) {
      if (why == Drop::udp_multicast_port) why = Drop::udp_multicast_source;
      continue;
    }
    const Drop refused = socket_deliver(*m->sk, arrival, now);
    if (refused == Drop::none) taken = true;
    else why = refused;
  }
  if (!taken) {
    ++group->not_wanted;
    return why;
  }
  ++group->received;
  return Drop::none;
}

}  // namespace pinion
