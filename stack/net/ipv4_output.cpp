// IPv4 output: the path to a destination, and a packet on its way along it (RFC 1122 3.3.1).
#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "wire/eth.h"

namespace pinion {

// 0, -EINVAL or -ENETUNREACH. A source that is given decides the interface (RFC 1122 3.3.4.2).
int Net::find_path(Ip source, Ip dst, Path& out, uint32_t only) {
  if (dst.is_any()) return -EINVAL;
  if (dst.is_limited_broadcast()) return broadcast_path(source, out);
  if (dst.is_multicast()) return group_path(source, dst, out);
  if (!is_host_address(dst) || is_local(dst)) return -ENETUNREACH;
  if (source.is_v4() != dst.is_v4() && !source.is_any()) return -ENETUNREACH;
  if (!source.is_any() && only == kAnyInterface) {
    const Interface* owner = owner_of(source);
    if (!owner) return -ENETUNREACH;
    only = owner->index;
  }
  const Route* route = routes_.lookup(dst, only);
  if (!route) return -ENETUNREACH;
  out.interface = &interfaces_[route->interface];
  out.next_hop = route->via.is_any() ? dst : route->via;
  out.source = source.is_any() ? source_towards(*out.interface, dst, out.next_hop) : source;
  out.broadcast = route->via.is_any() && is_subnet_broadcast(*out.interface, dst);
  return out.source.is_any() ? -ENETUNREACH : 0;
}

// The limited broadcast has no route: the source's interface, else the first one (RFC 1122 3.3.6).
int Net::broadcast_path(Ip source, Path& out) {
  out.interface =
      source.is_any() ? (interfaces_.empty() ? nullptr : &interfaces_.front()) : owner_of(source);
  if (!out.interface) return -ENETUNREACH;
  out.source = source.is_any() ? address_towards(*out.interface, Ipv4{UINT32_MAX}) : source;
  out.broadcast = true;
  return out.source.is_any() ? -ENETUNREACH : 0;  // it may speak IPv6 alone
}

Net::Interface* Net::owner_of(Ip address) {
  for (Interface& i : interfaces_)
    if (owns(i, address)) return &i;
  return nullptr;
}

// An address of the interface in the destination's own prefix, else its first; 0 if it has none.
Ip Net::address_towards(const Interface& interface, Ip dst) const {
  if (!dst.is_v4()) return ipv6_address_towards(interface, dst);
  for (const InterfaceAddress& a : interface.addresses)
    if (is_within(dst, a.address, a.prefix_length)) return a.address;
  for (const InterfaceAddress& a : interface.addresses)
    if (a.address.is_v4()) return a.address;
  return {};
}

// Of IPv4 an address in the gateway's network, of IPv6 one in the destination's scope.
Ip Net::source_towards(const Interface& interface, Ip dst, Ip next_hop) const {
  return address_towards(interface, dst.is_v4() ? next_hop : dst);
}

Ip Net::source_for(Ip dst) const {
  if (dst.is_limited_broadcast())
    return interfaces_.empty() ? Ip{} : address_towards(interfaces_.front(), dst);
  if (dst.is_multicast()) {
    const uint32_t index = group_interface({}, dst, {});
    return index == kAnyInterface ? any_of(dst) : address_towards(interfaces_[index], dst);
  }
  const Route* route = routes_.lookup(dst);
  if (!route) return any_of(dst);
  return source_towards(interfaces_[route->interface], dst, route->via.is_any() ? dst : route->via);
}

// Looks whether a packet could be taken, before a frame is spent on it.
int Net::admit(Path& path, uint32_t owner, Nanos now) {
  path.owner = owner;
  PortState& p = ports_[path.interface->port];
  if (!p.link_up) look_at_link(p, now);  // it may have come up since
  if (!p.link_up) return -ENETDOWN;
  if (p.queued >= tx_queue_max_) return -EAGAIN;
  path.ready = true;
  if (path.broadcast || path.group) return 0;
  path.neighbour = neighbours_.find(path.interface->index, path.next_hop);
  if (path.neighbour && path.neighbour->usable()) {
    if (path.neighbour->state == NeighbourState::stale)
      neighbours_.start_delay(*path.neighbour, now);
    return 0;
  }
  path.ready = false;
  if (path.neighbour && path.neighbour->state == NeighbourState::failed) return -EHOSTUNREACH;
  return neighbours_.may_park(path.neighbour, owner) ? 0 : -ENOBUFS;
}

// Never fragmented on the way, so its identification may be any (RFC 6864 4.1).
int Net::ip_output(const Path& path, Frame* frame, const IpFields& fields, Nanos now) {
  if (!fields.destination.is_v4()) return ipv6_output(path, frame, fields, now);
  const auto length = static_cast<uint16_t>(sizeof(Ipv4Hdr) + frame->total_length());
  return ipv4_output(path, frame,
                     {.tos = fields.tos,
                      .total_length = length,
                      .dont_fragment = true,
                      .ttl = fields.ttl,
                      .protocol = fields.protocol,
                      .source = path.source.v4(),
                      .destination = fields.destination.v4()},
                     now);
}

// Puts the headers in front of the frame and sends it, or parks it until its neighbour is known.
// Takes the frame, also when it fails: 0 or -ENOBUFS. After admit, with nothing in between.
int Net::ipv4_output(const Path& path, Frame* frame, const Ipv4Header& header, Nanos now) {
  STACK_DCHECK(frame->total_length() + sizeof(Ipv4Hdr) == header.total_length);
  STACK_DCHECK(header.total_length <= path.interface->mtu_bytes);
  const Interface& interface = *path.interface;
  const bool offload = (interface.tx_offload & kTxIpv4Csum) != 0;
  if (offload) frame->tx_offload |= kTxIpv4Csum;
  frame->l3_length = sizeof(Ipv4Hdr);
  frame->push(sizeof(Ipv4Hdr));
  ipv4_emit(header, frame->bytes(), !offload);
  return link_output(path, frame, kEthTypeIpv4, now);
}

// The same of either family.
int Net::link_output(const Path& path, Frame* frame, uint16_t type, Nanos now) {
  Interface& interface = *path.interface;
  Neighbour* n = path.neighbour;
  const Mac dst = path.broadcast ? kBroadcastMac
                  : path.group   ? group_mac(path.next_hop)
                  : path.ready   ? n->mac
                                 : Mac{};
  eth_emit(interface, *frame, dst, type);
  if (n) n->last_used = now;
  if (path.ready) {
    enqueue(interface, frame);
    return 0;
  }
  if (!n) {
    n = neighbours_.ask(interface.index, path.next_hop, now);
    if (!n) {
      frame_free(interface, frame);
      return -ENOBUFS;
    }
    neighbour_request(interface, path.next_hop, nullptr);
  }
  neighbours_.park(*n, frame, path.owner);
  return 0;
}

}  // namespace pinion
