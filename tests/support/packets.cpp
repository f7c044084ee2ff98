#include "support/packets.h"

#include "wire/checksum.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/udp.h"
#include "wire/vlan.h"

namespace pinion::testing {
namespace {

void append(Packet& out, Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

}  // namespace

Packet eth_frame(const LinkEnds& link, uint16_t type, Bytes payload) {
  const bool tagged = link.vlan_id >= 0;
  Packet out(sizeof(EthHdr) + (tagged ? sizeof(VlanHdr) : 0));
  eth_emit({link.dst, link.src, tagged ? kEthTypeVlan : type, {}}, out);
  if (tagged) {
    VlanTag tag;
    tag.id = static_cast<uint16_t>(link.vlan_id);
    tag.type = type;
    vlan_emit(tag, MutableBytes{out}.subspan(sizeof(EthHdr)));
  }
  append(out, payload);
  return out;
}

Packet arp_frame(const LinkEnds& link, const ArpPacket& arp) {
  Packet packet(sizeof(ArpHdr));
  arp_emit(arp, packet);
  return eth_frame(link, kEthTypeArp, packet);
}

Packet ipv4_frame(const LinkEnds& link, Ipv4Header header, Bytes payload, Bytes options) {
  Packet packet(sizeof(Ipv4Hdr));
  header.total_length = static_cast<uint16_t>(sizeof(Ipv4Hdr) + options.size() + payload.size());
  ipv4_emit(header, packet);
  append(packet, options);
  packet[0] = static_cast<std::byte>(4 << 4 | (sizeof(Ipv4Hdr) + options.size()) / 4);
  append(packet, payload);
  Packet frame = eth_frame(link, kEthTypeIpv4, packet);
  fix_ipv4_checksum(frame, frame.size() - packet.size());
  return frame;
}

Packet ipv4_frame(const LinkEnds& link, Ipv4 source, Ipv4 destination, uint8_t protocol,
                  Bytes payload) {
  Ipv4Header header;
  header.ttl = 64;
  header.protocol = protocol;
  header.source = source;
  header.destination = destination;
  return ipv4_frame(link, header, payload);
}

Packet udp_frame(const LinkEnds& link, const Flow& flow, Bytes payload) {
  Packet packet(sizeof(UdpHdr));
  UdpDatagram datagram{flow.source_port, flow.destination_port, 0, payload};
  udp_emit(datagram, packet);
  append(packet, payload);
  const uint64_t pseudo = pseudo_header_sum(flow.source, flow.destination, kProtocolUdp,
                                            static_cast<uint16_t>(packet.size()));
  datagram.checksum = udp_checksum_field(checksum_add(pseudo, packet));
  udp_emit(datagram, packet);
  return ipv4_frame(link, flow.source, flow.destination, kProtocolUdp, packet);
}

Packet echo_frame(const LinkEnds& link, Ipv4 source, Ipv4 destination, uint32_t rest,
                  Bytes payload) {
  Packet packet(sizeof(IcmpHdr));
  append(packet, payload);
  icmp_emit({kIcmpEcho, 0, rest, {}}, packet);
  return ipv4_frame(link, source, destination, kProtocolIcmp, packet);
}

Packet icmp_frame(const LinkEnds& link, Ipv4 source, Ipv4 destination, uint8_t type, uint8_t code,
                  Bytes body) {
  Packet packet(sizeof(IcmpHdr));
  append(packet, body);
  icmp_emit({type, code, 0, {}}, packet);
  return ipv4_frame(link, source, destination, kProtocolIcmp, packet);
}

void fix_ipv4_checksum(Packet& frame, size_t at) {
  const size_t length = (static_cast<size_t>(frame[at]) & 0x0f) * 4;
  const size_t field = at + offsetof(Ipv4Hdr, checksum);
  frame[field] = frame[field + 1] = std::byte{0};
  const be16 sum = be16::of(checksum(Bytes{frame}.subspan(at, length)));
  std::memcpy(&frame[field], &sum, sizeof sum);
}

}  // namespace pinion::testing
