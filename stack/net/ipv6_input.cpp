// IPv6 input (RFC 8200): what is for us, by whom, and to which protocol it goes.
#include "net/net.h"
#include "wire/ipv6.h"
#include "wire/ndp.h"
#include "wire/tcp.h"

namespace pinion {
namespace {

// From a fragment's data back to its offset field.
constexpr uint32_t kOffsetBeforeData =
    sizeof(Ipv6FragmentHdr) - offsetof(Ipv6FragmentHdr, offset_flags);

// RFC 4443 2.4 (e.1, e.2): an error about an error or a redirect is never sent, as far as the chain
// shows what it is. Of a later fragment it does not.
bool holds_icmp6_error(const Ipv6Chain& chain) {
  if (chain.protocol != kProtocolIcmp6) return false;
  if (chain.is_part && chain.part.offset != 0) return true;
  return !chain.payload.empty() && (static_cast<uint8_t>(chain.payload[0]) <= kIcmp6ErrorLast ||
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
  if (const Drop why = ipv6_walk_input(in, packet, chain, now); why != Drop::none) return why;
  if (chain.is_part) [[unlikely]]
    return ipv6_fragment_input(in, chain, now);
  return ipv6_deliver(in, now);
}

// The headers up to the upper layer, and what their sender is told if they are refused.
Drop Net::ipv6_walk_input(IpInput& in, const Ipv6Packet& packet, Ipv6Chain& chain, Nanos now) {
  if (const Drop why = ipv6_walk(packet, chain); why != Drop::none) {
    if (chain.tell && !holds_icmp6_error(chain) && (!in.group || chain.tell_if_group))
      icmp6_error_output(in, {kIcmp6ParameterProblem, chain.code, chain.pointer, {}}, now);
    return why;
  }
  in.protocol = chain.protocol;
  in.payload = chain.payload;
  in.has_fragment = chain.has_fragment;
  in.router_alert = chain.router_alert;
  // Of a later fragment it is the first one that says what it belongs to.
  if (chain.is_part && chain.part.offset != 0) return Drop::none;
  if (in.protocol == kProtocolIcmp6 || in.protocol == kProtocolUdp || in.protocol == kProtocolTcp)
    return Drop::none;
  if (!in.group && in.source != kAnyIpv6)
    icmp6_error_output(in, {kIcmp6ParameterProblem, kIcmp6UnknownNextHeader, chain.pointer, {}},
                       now);
  return in.source == kAnyIpv6 ? Drop::ipv6_source : Drop::ipv6_next_header;
}

// A whole packet, to its protocol.
Drop Net::ipv6_deliver(const IpInput& in, Nanos now) {
  if (in.protocol == kProtocolIcmp6) return icmp6_input(in, now);
  if (in.source == kAnyIpv6) return Drop::ipv6_source;
  return in.protocol == kProtocolUdp ? udp_input(in, now) : tcp_input(in, now);
}

// RFC 8200 4.5. The last fragment that was missing is the datagram, whose headers are walked anew:
// what follows the fragment header is now its own.
Drop Net::ipv6_fragment_input(const IpInput& in, const Ipv6Chain& chain, Nanos now) {
  if (in.source == kAnyIpv6) return Drop::ipv6_source;
  const Ipv6Part& part = chain.part;
  Reassembly::Datagram whole;
  const Drop why = fragment_add({.key = {.source = in.source,
                                         .destination = in.destination,
                                         .interface = in.interface->index,
                                         .id = part.id,
                                         .protocol = kNextHeaderFragment},
                                 .header = in.raw.first(part.begin),
                                 .payload = in.raw.subspan(part.begin),
                                 .offset = part.offset,
                                 .more = part.more,
                                 .next_header_at = part.next_header_at},
                                whole, now);
  // Too long by the headers of the first fragment: the field that said so is this one's offset.
  if (why == Drop::fragment_too_long && !in.group && !holds_icmp6_error(chain))
    icmp6_error_output(
        in, {kIcmp6ParameterProblem, kIcmp6ErroneousField, part.begin - kOffsetBeforeData, {}},
        now);
  if (why != Drop::none || whole.packet.empty()) return why;
  Frame last;
  IpInput all = whole_input(in, whole, last);
  Ipv6Packet packet;
  if (const Drop bad = ipv6_parse(all.raw, packet); bad != Drop::none) return bad;
  Ipv6Chain upper;
  upper.has_fragment = true;
  if (const Drop bad = ipv6_walk_input(all, packet, upper, now); bad != Drop::none) return bad;
  return ipv6_deliver(all, now);
}

// Reassembly took too long: 3/1, unless the first fragment, `in`, is of an error.
void Net::ipv6_tell_late(const IpInput& in, Nanos now) {
  Ipv6Packet packet;
  Ipv6Chain chain;
  if (in.group || ipv6_parse(in.raw, packet) != Drop::none) return;
  if (ipv6_walk(packet, chain) != Drop::none || holds_icmp6_error(chain)) return;
  icmp6_error_output(in, {kIcmp6TimeExceeded, kIcmp6ReassemblyTime, 0, {}}, now);
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
  if (is_member(interface, in.destination) || wanted_elsewhere(interface, in.destination))
    return Drop::none;
  return may_be_joined(in.destination) ? Drop::ipv6_group_not_joined : Drop::ipv6_destination;
}

bool Net::is_member(const Interface& interface, Ip group) const {
  return group == kAllNodes || groups_.find(interface.index, group) != nullptr;
}

}  // namespace pinion
