// UDP input (RFC 768, RFC 1122 4.1): from a packet for this host to the socket that gets it.
#include "net/net.h"
#include "wire/udp.h"

namespace pinion {

Drop Net::udp_input(const IpInput& in, Nanos now) {
  UdpDatagram datagram;
  if (const Drop why = udp_parse(in.payload, datagram); why != Drop::none) return why;
  // IPv6 has no "none" (RFC 8200 8.1).
  if (datagram.checksum == 0 && !in.source.is_v4()) return Drop::udp_checksum;
  // The port is believed when it says "good"; "bad" is looked at again, as for IPv4 (HOSTILE W77).
  if (in.frame->rx_l4_csum != RxCsum::good &&
      !udp_checksum_ok(in.payload, datagram, in.source, in.destination))
    return Drop::udp_checksum;
  if (datagram.destination_port == 0) return Drop::udp_port_zero;
  const RxTime came = rx_time(*in.frame);
  // Its ends are made in their place: copied, they would wait for the stores that made them.
  const Arrival arrival{.payload = datagram.payload,
                        .from = {in.source, datagram.source_port},
                        .to = {in.destination, datagram.destination_port},
                        .time = came.at,
                        .time_is_hardware = came.is_hardware};
  const Endpoint& to = arrival.to;
  Drop why = Drop::none;
  if (in.destination.is_multicast()) {
    const bool copied = mesh_ != nullptr && copy_group(in);
    why = group_deliver(in.interface->index, arrival, now);
    if (copied && why == Drop::udp_multicast_not_joined) return Drop::none;
  } else if (Socket* sk = udp_.lookup(to, arrival.from)) {
    if (mesh_ != nullptr && in.group) copy_broadcast(in, to);
    why = socket_deliver(*sk, arrival, now);
  } else if (mesh_ != nullptr && pass_on_udp(in, to, why)) {
    return why;
  } else {
    port_unreachable(in, now);
    why = Drop::udp_no_socket;
  }
  if (why == Drop::none) ++counters_.udp_received;
  return why;
}

}  // namespace pinion
