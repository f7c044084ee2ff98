// Frames for tests, in literals: built with the wire/ emitters, whole and correct unless a field
// says otherwise. What is to be wrong is made wrong by the test, byte by byte.
#pragma once
#include <string_view>
#include <vector>

#include "base/types.h"
#include "wire/arp.h"
#include "wire/ipv4.h"

namespace pinion::testing {

using Packet = std::vector<std::byte>;

inline Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

struct LinkEnds {
  Mac dst, src;
  int vlan_id = -1;  // -1: no tag
};

struct Flow {
  Ipv4 source, destination;
  uint16_t source_port = 0, destination_port = 0;
};

// An Ethernet frame, unpadded.
Packet eth_frame(const LinkEnds& link, uint16_t type, Bytes payload);
Packet arp_frame(const LinkEnds& link, const ArpPacket& arp);
// header.total_length is filled in.
Packet ipv4_frame(const LinkEnds& link, Ipv4Header header, Bytes payload, Bytes options = {});
Packet ipv4_frame(const LinkEnds& link, Ipv4 source, Ipv4 destination, uint8_t protocol,
                  Bytes payload);
Packet udp_frame(const LinkEnds& link, const Flow& flow, Bytes payload);
Packet echo_frame(const LinkEnds& link, Ipv4 source, Ipv4 destination, uint32_t rest,
                  Bytes payload);
// An ICMP error of that type and code whose body is given.
Packet icmp_frame(const LinkEnds& link, Ipv4 source, Ipv4 destination, uint8_t type, uint8_t code,
                  Bytes body);

// The IPv4 header's checksum, after a test has changed a byte of the header.
void fix_ipv4_checksum(Packet& frame, size_t at = 14);

}  // namespace pinion::testing
