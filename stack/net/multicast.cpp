// Multicast datagrams and the sockets that joined their groups.
#include <cerrno>

#include "net/mesh_state.h"
#include "net/net.h"

namespace pinion {
namespace {

// RFC 4607 1: 232/8, and ff3x::/32.
bool is_source_specific(Ip group) {
  if (group.is_v4()) return group.v4().v >> 24 == 232;
  return (group.hi >> 32 & 0xfff0'ffff) == 0xff30'0000;
}

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

// That of an address of ours, else of a route to the group or the source, else the first that
// speaks its family (RFC 1122 3.3.7). No route says where a group of the link's scope is.
// kAnyInterface: there is none.
uint32_t Net::group_interface(Ip local, Ip group, Ip source) const {
  if (!local.is_any() && !local.is_multicast()) {
    for (const Interface& i : interfaces_)
      if (owns(i, local)) return i.index;
    return kAnyInterface;
  }
  const Route* route = is_group_of_link(group) ? nullptr : routes_.lookup(group);
  if (route == nullptr && !source.is_any()) route = routes_.lookup(source);
  if (route != nullptr) return route->interface;
  for (const Interface& i : interfaces_)
    if (group.is_v4() ? !address_towards(i, group).is_any() : i.ipv6) return i.index;
  return kAnyInterface;
}

int Net::group_path(Ip source, Ip group, Path& out) {
  if (!group.is_v4() && group_scope(group) < kScopeOfLink) return -ENETUNREACH;
  const uint32_t index = group_interface(source, group, {});
  if (index == kAnyInterface) return -ENETUNREACH;
  out.interface = &interfaces_[index];
  out.source = source.is_any() ? address_towards(*out.interface, group) : source;
  out.next_hop = group;
  out.group = true;
  return out.source.is_any() ? -ENETUNREACH : 0;
}

int Net::join(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now) {
  if (!may_be_joined(group)) return -EINVAL;
  if (!source.is_any() && (!is_host_address(source) || source.is_v4() != group.is_v4()))
    return -EINVAL;
  if (is_source_specific(group) && source.is_any()) return -EINVAL;
  if (interface == kAnyInterface) {
    const bool bound = !sk.local.address.is_any() && !sk.local.address.is_multicast();
    if (is_group_of_link(group) && !bound) return -ENODEV;  // there is one on each link
    interface = group_interface(sk.local.address, group, source);
  }
  if (interface >= interfaces_.size()) return -ENODEV;
  if (!group.is_v4() && !interfaces_[interface].ipv6) return -ENODEV;
  if (mesh_ != nullptr && !mesh_->groups.has_room()) return -ENOBUFS;
  const int status = groups_.join(sk, interface, group, source, now);
  if (mesh_ != nullptr && status == 0) tell_group(interface, group);
  return status;
}

int Net::leave(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now) {
  for (const GroupMember* m = sk.groups; m != nullptr; m = m->of_socket) {
    if (m->group->address != group || m->source != source) continue;
    if (interface != kAnyInterface && interface != m->group->interface) continue;
    interface = m->group->interface;
    break;
  }
  const int status = groups_.leave(sk, interface, group, source, now);
  if (mesh_ != nullptr && status == 0) tell_group(interface, group);
  return status;
}

void Net::leave_groups(Socket& sk, Nanos now) {
  if (mesh_ == nullptr) return groups_.leave_all(sk, now);
  while (sk.groups != nullptr) {
    const Group& g = *sk.groups->group;
    leave(sk, g.interface, g.address, sk.groups->source, now);
  }
}

// One copy for each socket that wants it. Dropped if none took it, by the reason of the last that
// would have, else by what it missed all of them by.
Drop Net::group_deliver(uint32_t interface, const Arrival& arrival, Nanos now) {
  Group* group = groups_.find(interface, arrival.to.address);
  if (group == nullptr || group->members.empty()) return Drop::udp_multicast_not_joined;
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
