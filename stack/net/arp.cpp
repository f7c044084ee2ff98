// ARP (RFC 826): answers for our addresses, and questions for the neighbour cache.
#include "wire/arp.h"

#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "wire/eth.h"

namespace pinion {

Drop Net::arp_input(Interface& interface, Bytes packet, Nanos now) {
  ArpPacket arp;
  if (const Drop why = arp_parse(packet, arp); why != Drop::none) return why;
  if (const Drop why = arp_check_sender(interface, arp); why != Drop::none) return why;
  // What is too much for us is too much for the other cores. The core to which it came answers.
  if (arp.op == ArpOp::request && owns(interface, arp.tpa) && !is_taken() &&
      !neighbour_replies_.take(now))
    return Drop::arp_rate;
  if (mesh_ != nullptr) copy_arp(interface, packet);
  const Drop why = arp.op == ArpOp::request ? arp_request_input(interface, arp, now)
                                            : arp_reply_input(interface, arp, now);
  if (why == Drop::none) ++counters_.arp_received;
  return why;
}

// Only a host on this link can be a neighbour (RFC 1812 3.3.2). Address 0 is a probe (RFC 5227
// 2.1.1), which asks and tells nothing.
Drop Net::arp_check_sender(const Interface& interface, const ArpPacket& arp) const {
  if (arp.sha.is_group() || arp.sha.is_zero() || arp.sha == interface.mac) return Drop::arp_sender;
  if (arp.spa.is_any()) return arp.op == ArpOp::request ? Drop::none : Drop::arp_sender;
  if (is_local(arp.spa)) return Drop::arp_conflict;
  if (!is_host_address(arp.spa) || is_subnet_broadcast(interface, arp.spa)) return Drop::arp_sender;
  const Route* route = routes_.lookup(arp.spa, interface.index);
  return route && route->via.is_any() ? Drop::none : Drop::arp_sender;
}

Drop Net::arp_request_input(Interface& interface, const ArpPacket& arp, Nanos now) {
  const bool to_us = owns(interface, arp.tpa);
  if (!arp.spa.is_any()) {
    switch (neighbours_.on_request(interface.index, arp.spa, arp.sha, to_us, now)) {
      case Learned::accepted: neighbour_resolved(interface, arp.spa); break;
      case Learned::suspicious: neighbour_doubt(interface, arp.spa, now); break;
      case Learned::pinned_conflict: return Drop::arp_pinned;
      case Learned::ignored: break;
    }
  }
  if (is_taken()) return Drop::none;
  if (!to_us) return Drop::arp_not_ours;
  const ArpPacket reply{ArpOp::reply, interface.mac, arp.tpa, arp.sha, arp.spa};
  const Drop why = arp_output(interface, reply, arp.sha);
  if (why == Drop::none) ++counters_.arp_replies_sent;
  return why;
}

Drop Net::arp_reply_input(Interface& interface, const ArpPacket& arp, Nanos now) {
  switch (neighbours_.on_reply(interface.index, arp.spa, arp.sha, now)) {
    case Learned::accepted: neighbour_resolved(interface, arp.spa); return Drop::none;
    case Learned::suspicious:
      neighbour_doubt(interface, arp.spa, now);
      return Drop::arp_unsolicited;
    case Learned::pinned_conflict: return Drop::arp_pinned;
    case Learned::ignored:
      if (interface.shared) return Drop::none;  // another core may have asked
      break;
  }
  return Drop::arp_unsolicited;
}

// Somebody claims the address of a neighbour that we know: ask the one we know (RFC 5227 lets an
// address move; a liar gains nothing while the old station answers).
void Net::neighbour_doubt(Interface& interface, Ip address, Nanos now) {
  Neighbour* n = neighbours_.find(interface.index, address);
  if (n && neighbours_.start_probe(*n, now)) neighbour_request(interface, address, &n->mac);
}

void Net::neighbour_request(Interface& interface, Ip address, const Mac* known) {
  if (address.is_v4())
    arp_request(interface, address_towards(interface, address).v4(), address.v4(),
                known ? *known : kBroadcastMac);
  else nd_solicit(interface, address, known);
}

void Net::arp_request(Interface& interface, Ipv4 source, Ipv4 target, Mac dst) {
  const ArpPacket request{ArpOp::request, interface.mac, source, Mac{}, target};
  const Drop why = arp_output(interface, request, dst);
  if (why == Drop::none) ++counters_.arp_requests_sent;
  else counters_.drop(why);
}

// RFC 5227 2.3: a request for one's own address.
void Net::arp_announce(Interface& interface, Ipv4 address) {
  arp_request(interface, address, address, kBroadcastMac);
}

Drop Net::arp_output(Interface& interface, const ArpPacket& arp, Mac dst) {
  if (ports_[interface.port].queued >= tx_queue_max_) return Drop::tx_port_full;
  Frame* frame = frame_alloc(interface);
  if (!frame) return Drop::tx_no_frame;
  arp_emit(arp, {frame->append(sizeof(ArpHdr)), sizeof(ArpHdr)});
  eth_emit(interface, *frame, dst, kEthTypeArp);
  enqueue(interface, frame);
  return Drop::none;
}

// The parked frames are complete but for the destination, which stands at their front.
void Net::neighbour_resolved(Interface& interface, Ip address) {
  Neighbour* n = neighbours_.find(interface.index, address);
  STACK_DCHECK(n && n->usable());
  for (Frame* f = neighbours_.unpark(*n); f;) {
    Frame* next = f->next;
    std::memcpy(f->data, &n->mac, sizeof n->mac);
    enqueue(interface, f);
    f = next;
  }
}

// RFC 1122 2.3.2.2: what waited is lost, and its senders are told.
void Net::neighbour_failed(Interface& interface, Neighbour& n, Nanos now) {
  for (Frame* f = neighbours_.unpark(n); f;) {
    Frame* next = f->next;
    const uint64_t token = f->token;
    frame_free(interface, f);
    counters_.drop(Drop::tx_neighbour_failed);
    if (token != 0) socket_sent(token, -EHOSTUNREACH, now, upcall_context_);
    f = next;
  }
}

}  // namespace pinion
