// IPv4 input (RFC 1122 3.2.1): what is for us, by whom, and to which protocol it goes.
#include <algorithm>

#include "net/net.h"
#include "wire/tcp.h"

namespace pinion {

Drop Net::ipv4_input(Interface& interface, const Frame& frame, Bytes bytes, bool link_group,
                     Nanos now) {
  Ipv4Packet packet;
  const bool known_good = frame.rx_ipv4_csum == RxCsum::good;
  if (const Drop why = ipv4_parse(bytes, packet, known_good); why != Drop::none) return why;
  const Ipv4Header& header = packet.header;
  IpInput in{.source = header.source,
             .destination = header.destination,
             .payload = packet.payload,
             .raw = bytes.first(header.total_length),
             .frame = &frame,
             .interface = &interface,
             .protocol = header.protocol,
             .hop_limit = header.ttl,
             .router_alert = header.router_alert};
  if (const Drop why = ipv4_check_addresses(in, link_group); why != Drop::none) return why;
  if (header.is_fragment() || header.reserved_flag) [[unlikely]]
    return ipv4_fragment_input(in, packet, now);
  return ipv4_deliver(in, now);
}

// A whole packet, to its protocol.
Drop Net::ipv4_deliver(const IpInput& in, Nanos now) {
  // The TTL of a packet that is for us is not looked at (RFC 1122 3.2.1.7).
  switch (in.protocol) {
    case kProtocolIcmp: return icmp_input(in, now);
    case kProtocolUdp: return udp_input(in, now);
    case kProtocolTcp: return tcp_input(in, now);
    case kProtocolIgmp: return igmp_input(in, now);
  }
  icmp_error_output(in, kIcmpUnreachable, kUnreachableProtocol, now);
  return Drop::ipv4_protocol;
}

// RFC 791 3.2, RFC 1122 3.3.2. The last fragment that was missing is the datagram. The packet comes
// by value: whose address nobody takes is never in memory on the way of all others.
Drop Net::ipv4_fragment_input(const IpInput& in, Ipv4Packet packet, Nanos now) {
  if (const Drop why = ipv4_check_fragment(packet); why != Drop::none) return why;
  if (in.destination.is_multicast() &&
      groups_.find(in.interface->index, in.destination) == nullptr &&
      !wanted_elsewhere(*in.interface, in.destination))
    return Drop::udp_multicast_not_joined;  // it would take the room of those that are wanted
  const Ipv4Header& header = packet.header;
  const size_t least = upper_header_least(header.protocol);
  if (least == 0 && reassembly_.enabled()) return Drop::ipv4_fragment_protocol;
  if (header.fragment_offset == 0 && packet.payload.size() < least) return Drop::fragment_tiny;
  Reassembly::Datagram whole;
  const Drop why = fragment_add({.key = {.source = header.source,
                                         .destination = header.destination,
                                         .interface = in.interface->index,
                                         .id = header.id,
                                         .protocol = header.protocol},
                                 .header = in.raw.first(in.raw.size() - packet.payload.size()),
                                 .payload = packet.payload,
                                 .offset = uint32_t{header.fragment_offset} * 8,
                                 .more = header.more_fragments},
                                whole, now);
  if (why != Drop::none || whole.packet.empty()) return why;
  Frame last;
  return ipv4_deliver(whole_input(in, whole, last), now);
}

// The last fragment that was missing makes `whole`.
Drop Net::fragment_add(const Reassembly::Fragment& fragment, Reassembly::Datagram& whole,
                       Nanos now) {
  const Drop why = reassembly_.add(fragment, whole, now);
  counters_.reassembly_evicted = reassembly_.evicted();
  if (why != Drop::none) return why;
  ++(whole.packet.empty() ? counters_.fragments_received : counters_.reassembled);
  return Drop::none;
}

// As if the whole had come where its last fragment, `in`, did. `frame`: no port has seen the whole,
// so none has summed it.
Net::IpInput Net::whole_input(const IpInput& in, const Reassembly::Datagram& whole, Frame& frame) {
  frame.hw_time = in.frame->hw_time;
  IpInput all = in;
  all.frame = &frame;
  all.raw = whole.packet, all.payload = whole.packet.subspan(whole.header_bytes);
  all.fragments = whole.fragments;
  return all;
}

// RFC 1122 3.3.2, RFC 8200 4.5: the source is told, if the first fragment has come.
void Net::reassembly_expire(Nanos now) {
  Reassembly::Datagram late;
  while (reassembly_.expire(late, now)) {
    ++counters_.reassembly_timeouts;
    if (late.packet.empty()) continue;
    Interface& interface = interfaces_[late.key.interface];
    const IpInput in{.source = late.key.source,
                     .destination = late.key.destination,
                     .payload = late.packet.subspan(late.header_bytes),
                     .raw = late.packet,
                     .interface = &interface,
                     .protocol = late.key.protocol,
                     .group = !owns(interface, late.key.destination)};
    if (!in.source.is_v4()) ipv6_tell_late(in, now);
    else if (in.protocol != kProtocolIcmp)
      icmp_error_output(in, kIcmpTimeExceeded, kTimeExceededReassembly, now);
  }
}

// RFC 1122 3.2.1.3 and 3.3.6; the strong model of 3.3.4.2: an address counts on its interface only.
Drop Net::ipv4_check_addresses(IpInput& in, bool link_group) const {
  const Ip source = in.source, destination = in.destination;
  // A switch that asks for the routers may have no address (RFC 4541 2.1.1).
  const bool switch_asks = source.is_any() && in.protocol == kProtocolIgmp;
  if ((source != in.interface->good_source || source.is_any()) && !switch_asks) {
    if (!may_be_source(*in.interface, source)) return Drop::ipv4_source;
    in.interface->good_source = source;
  }
  if (!link_group && owns(*in.interface, destination)) return Drop::none;
  in.group = destination.is_multicast() || destination.is_limited_broadcast() ||
             is_subnet_broadcast(*in.interface, destination);
  return in.group ? Drop::none : Drop::ipv4_destination;
}

// From a packet for this host to a segment that is whole: the rest is Tcp's.
Drop Net::tcp_input(const IpInput& in, Nanos now) {
  if (in.group) return Drop::tcp_group;  // RFC 9293 MUST-57
  TcpSegment seg;
  if (const Drop why = tcp_parse(in.payload, seg); why != Drop::none) return why;
  if (in.frame->rx_l4_csum != RxCsum::good &&
      !tcp_checksum_ok(in.payload, in.source, in.destination))
    return Drop::tcp_checksum;
  if (seg.source_port == 0 || seg.destination_port == 0) return Drop::tcp_port_zero;
  const FourTuple flow{{in.destination, seg.destination_port}, {in.source, seg.source_port}};
  seg.came = rx_time(*in.frame);
  Drop why = Drop::none;
  if (mesh_ != nullptr && pass_on_tcp(in, seg, flow, why, now)) return why;
  why = tcp_.input(seg, flow, now);
  if (why == Drop::none) ++counters_.tcp_received;
  return why;
}

bool Net::may_be_source(const Interface& interface, Ip source) const {
  return is_host_address(source) && !is_local(source) && !is_subnet_broadcast(interface, source);
}

bool Net::owns(const Interface& interface, Ip address) const {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const InterfaceAddress& a) { return a.address == address; });
}

// The highest address of a prefix, but a point-to-point prefix has none (RFC 3021).
bool Net::is_subnet_broadcast(const Interface& interface, Ip address) const {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const InterfaceAddress& a) {
                       return a.address.is_v4() && a.prefix_length < 31 &&
                              address == Ipv4{a.address.v4().v | ~prefix_mask(a.prefix_length)};
                     });
}

bool Net::is_local(Ip address) const {
  return std::any_of(interfaces_.begin(), interfaces_.end(),
                     [&](const Interface& i) { return owns(i, address); });
}

bool Net::is_broadcast(Ip address) const {
  return address.is_limited_broadcast() ||
         std::any_of(interfaces_.begin(), interfaces_.end(),
                     [&](const Interface& i) { return is_subnet_broadcast(i, address); });
}

}  // namespace pinion
