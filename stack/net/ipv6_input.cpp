// IPv6 input (RFC 8200): what is for us, by whom, and to which protocol it goes.
#include "net/net.h"
#include "wire/ipv6.h"
#include "wire/ndp.h"
#include "wire/tcp.h"

namespace pinion {
namespace {

// RFC 4443 2.4 (e.1, e.2): an error about an error or a redirect is never sent, as far as the chain
// shows what it is.
bool holds_icmp6_error(const Ipv6Chain& chain) {
  return chain.protocol == kProtocolIcmp6 && !chain.payload.empty() &&
         (static_cast<uint8_t>(chain.payload[0]) <= kIcmp6ErrorLast ||
          static_cast<uint8_t>(chain.payload[0]) == kIcmp6Redirect);
}

}  // namespace

Drop Net::ipv6_input(Interface& interface, const Frame& frame, Bytes bytes, bool link_group,
                     Nanos now) {
  Ipv6Packet packet;
  if (const Drop why = ipv6_parse(bytes, packet); why != Drop::none) return why;
  const Ipv6Header& header = packet.header;
  IpInput in{.source = header.source,
             .destination = header.destination,
             .payload = {},
             .raw = bytes.first(sizeof(Ipv6Hdr) + header.payload_length),
             .frame = &frame,
             .interface = &interface,
             .hop_limit = header.hop_limit};
  if (const Drop why = ipv6_check_addresses(in, link_group); why != Drop::none) return why;
  Ipv6Chain chain;
  if (const Drop why = ipv6_walk(packet, chain); why != Drop::none) {
    if (chain.tell && !holds_icmp6_error(chain) && (!in.group || chain.tell_if_group))
      icmp6_error_output(in, {kIcmp6ParameterProblem, chain.code, chain.pointer, {}}, now);
    return why;
  }
  in.protocol = chain.protocol;
  in.payload = chain.payload;
  in.has_fragment = chain.has_fragment;
  in.router_alert = chain.router_alert;
  if (in.protocol == kProtocolIcmp6) return icmp6_input(in, now);
  if (in.source.is_any()) return Drop::ipv6_source;
  switch (in.protocol) {
    case kProtocolUdp: return udp_input(in, now);
    case kProtocolTcp: return tcp_input(in, now);
  }
  if (!in.group)
    icmp6_error_output(in, {kIcmp6ParameterProblem, kIcmp6UnknownNextHeader, chain.pointer, {}},
                       now);
  return Drop::ipv6_next_header;
}

// RFC 4291 2.5 to 2.8; the strong model: an address counts on its interface only. "::" is nobody
// yet: ICMPv6 decides what it may say.
Drop Net::ipv6_check_addresses(IpInput& in, bool link_group) const {
  Interface& interface = *in.interface;
  if (in.source != interface.good_source && in.source != kAnyIpv6) {
    if (!is_host_address(in.source) || is_local(in.source)) return Drop::ipv6_source;
    interface.good_source = in.source;
  }
  if (!link_group && owns(interface, in.destination)) return Drop::none;
  if (!in.destination.is_multicast()) {
    // Of an address that is being claimed, only neighbour discovery is heard, and that is sent to
    // its group (RFC 4862 5.4).
    return Drop::ipv6_destination;
  }
  in.group = true;
  if (is_member(interface, in.destination)) return Drop::none;
  return may_be_joined(in.destination) ? Drop::ipv6_group_not_joined : Drop::ipv6_destination;
}

bool Net::is_member(const Interface& interface, Ip group) const {
  return group == kAllNodes || groups_.find(interface.index, group) != nullptr;
}

}  // namespace pinion
