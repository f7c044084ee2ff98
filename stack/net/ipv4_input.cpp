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
             .protocol = header.protocol};
  if (const Drop why = ipv4_check_addresses(in, link_group); why != Drop::none) return why;
  if (header.is_fragment() || header.reserved_flag)
    return ipv4_fragment_possible(packet) ? Drop::ipv4_fragment : Drop::ipv4_fragment_bad;
  // The TTL of a packet that is for us is not looked at (RFC 1122 3.2.1.7).
  switch (in.protocol) {
    case kProtocolIcmp: return icmp_input(in, now);
    case kProtocolUdp: return udp_input(in, now);
    case kProtocolTcp: return tcp_input(in, now);
    case kProtocolIgmp: return igmp_input(in, header, now);
  }
  icmp_error_output(in, kUnreachableProtocol, now);
  return Drop::ipv4_protocol;
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
  const Drop why = tcp_.input(seg, flow, now);
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
