// Neighbor discovery (RFC 4861): answers for our addresses, and questions for the neighbour cache,
// as arp.cpp does for IPv4; and what others say of addresses that we are claiming (RFC 4862 5.4).
#include "wire/ndp.h"

#include "base/check.h"
#include "net/net.h"
#include "wire/eth.h"
#include "wire/ipv6.h"

namespace pinion {

Drop Net::nd_input(const IpInput& in, const IcmpMessage& message, Nanos now) {
  // 7.1: what crossed a router is not believed; nor are fragments (RFC 6980).
  if (in.hop_limit != kNdHopLimit) return Drop::nd_hop_limit;
  if (in.has_fragment) return Drop::nd_malformed;
  NdMessage nd;
  if (const Drop why = nd_parse(message, nd); why != Drop::none) return why;
  const Mac& mac = nd.link_address;
  if (nd.has_link_address && (mac.is_group() || mac.is_zero() || mac == in.interface->mac))
    return Drop::nd_sender;
  const Drop why =
      nd.advertisement ? nd_advertisement_input(in, nd, now) : nd_solicitation_input(in, nd, now);
  if (why == Drop::none) ++counters_.nd_received;
  return why;
}

// Only a station of this link can be a neighbour.
bool Net::is_on_link(const Interface& interface, Ip address) const {
  if (!is_host_address(address) || is_local(address)) return false;
  const Route* route = routes_.lookup(address, interface.index);
  return route != nullptr && route->via.is_any();
}

// 7.2.3, 7.2.4.
Drop Net::nd_solicitation_input(const IpInput& in, const NdMessage& nd, Nanos now) {
  Interface& interface = *in.interface;
  const bool probe = in.source == kAnyIpv6;  // another's duplicate address detection
  if (probe && (nd.has_link_address || in.destination != solicited_node(nd.target)))
    return Drop::nd_malformed;
  AddressClaim* claim = claim_of(interface, nd.target);
  if (claim == nullptr || claim->state == AddressState::duplicate) return Drop::nd_not_ours;
  if (claim->state == AddressState::tentative) {
    copy_to_all(in, Stray::neighbour);     // the claim is the first queue's core's
    if (!probe) return Drop::nd_not_ours;  // RFC 4862 5.4.3
    give_up_address(interface, *claim);
    return Drop::nd_conflict;
  }
  if (!probe && !is_on_link(interface, in.source)) return Drop::nd_sender;
  const bool taken = is_taken();  // the core to which it came answers
  if (!taken && !neighbour_replies_.take(now)) return Drop::nd_rate;
  copy_to_all(in, Stray::neighbour);
  if (!probe && nd.has_link_address) {
    const Learned learned =
        neighbours_.on_solicitation(interface.index, in.source, nd.link_address, now);
    if (const Drop why = nd_learned(interface, in.source, learned, now); why == Drop::nd_pinned)
      return why;
  }
  return taken ? Drop::none : nd_answer(interface, in, nd, probe);
}

Drop Net::nd_answer(Interface& interface, const IpInput& in, const NdMessage& nd, bool probe) {
  const Ip to = probe ? kAllNodes : in.source;
  Mac mac = group_mac(kAllNodes);
  if (!probe && nd.has_link_address) {
    mac = nd.link_address;
  } else if (!probe) {
    const Neighbour* n = neighbours_.find(interface.index, in.source);
    if (n == nullptr || !n->usable()) return Drop::nd_sender;  // it does not say where it is
    mac = n->mac;
  }
  const NdMessage answer{.advertisement = true,
                         .solicited = !probe,
                         .override_known = true,
                         .target = nd.target,
                         .has_link_address = true,
                         .link_address = interface.mac};
  const Drop why = nd_output(interface, answer, nd.target, to, mac);
  if (why == Drop::none) ++counters_.nd_advertisements_sent;
  return why;
}

// 7.2.5.
Drop Net::nd_advertisement_input(const IpInput& in, const NdMessage& nd, Nanos now) {
  Interface& interface = *in.interface;
  if (in.source == kAnyIpv6) return Drop::nd_sender;
  if (in.group && nd.solicited) return Drop::nd_malformed;  // 7.1.2
  copy_to_all(in, Stray::neighbour);
  if (AddressClaim* claim = claim_of(interface, nd.target)) {
    if (claim->state == AddressState::tentative) give_up_address(interface, *claim);
    return Drop::nd_conflict;
  }
  if (!is_on_link(interface, nd.target)) return Drop::nd_sender;
  const Learned learned =
      neighbours_.on_advertisement(interface.index, nd.target,
                                   {.mac = nd.has_link_address ? &nd.link_address : nullptr,
                                    .solicited = nd.solicited,
                                    .override_known = nd.override_known},
                                   now);
  return nd_learned(interface, nd.target, learned, now);
}

Drop Net::nd_learned(Interface& interface, Ip address, Learned learned, Nanos now) {
  switch (learned) {
    case Learned::accepted: neighbour_resolved(interface, address); return Drop::none;
    case Learned::suspicious: neighbour_doubt(interface, address, now); return Drop::nd_unsolicited;
    case Learned::pinned_conflict: return Drop::nd_pinned;
    case Learned::ignored:
      if (interface.shared) return Drop::none;  // another core may have asked
      break;
  }
  return Drop::nd_unsolicited;
}

// 7.2.2: to the group of the address, or to the station that had it (`known`).
void Net::nd_solicit(Interface& interface, Ip target, const Mac* known) {
  const Ip source = ipv6_address_towards(interface, target);
  if (source == kAnyIpv6) return;  // not ours yet: the timer asks again
  const Ip to = known != nullptr ? target : solicited_node(target);
  const NdMessage question{
      .target = target, .has_link_address = true, .link_address = interface.mac};
  const Drop why =
      nd_output(interface, question, source, to, known != nullptr ? *known : group_mac(to));
  if (why == Drop::none) ++counters_.nd_solicitations_sent;
  else counters_.drop(why);
}

// RFC 4862 5.4.2: from nobody, without a link address.
void Net::nd_ask_for_claim(Interface& interface, Ip address) {
  const Ip group = solicited_node(address);
  const Drop why = nd_output(interface, {.target = address, .link_address = {}}, kAnyIpv6, group,
                             group_mac(group));
  if (why == Drop::none) ++counters_.nd_solicitations_sent;
  else counters_.drop(why);
}

// RFC 4861 7.2.6: unsolicited, to all nodes. Switches learn from it as from an ARP announcement.
void Net::nd_announce(Interface& interface, Ip address) {
  const NdMessage here{.advertisement = true,
                       .override_known = true,
                       .target = address,
                       .has_link_address = true,
                       .link_address = interface.mac};
  const Drop why = nd_output(interface, here, address, kAllNodes, group_mac(kAllNodes));
  if (why == Drop::none) ++counters_.nd_advertisements_sent;
  else counters_.drop(why);
}

Drop Net::nd_output(Interface& interface, const NdMessage& nd, Ip source, Ip destination, Mac dst) {
  std::byte wire[kNdBytes];
  const size_t length = nd_emit(nd, source, destination, wire);
  return ipv6_send_own(interface,
                       {.next_header = kProtocolIcmp6,
                        .hop_limit = kNdHopLimit,
                        .source = source,
                        .destination = destination},
                       dst, {wire, length});
}

}  // namespace pinion
