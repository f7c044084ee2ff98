// The IPv6 header and the headers that may follow it (RFC 8200). What an address means is net's
// business, but for one thing: ::ffff:a.b.c.d, which stands for IPv4 inside, never comes from the
// wire (RFC 4291 2.5.5.2).
#pragma once
#include "base/drop.h"
#include "base/types.h"

namespace pinion {

struct Ipv6Hdr {
  be32 version_class_label;
  be16 payload_length;
  uint8_t next_header, hop_limit;
  be64 source[2], destination[2];
};
static_assert(sizeof(Ipv6Hdr) == 40 && alignof(Ipv6Hdr) == 1);

inline constexpr uint8_t kProtocolIcmp6 = 58;
inline constexpr uint16_t kIpv6MtuMin = 1280;  // RFC 8200 5

// As many headers as a host of today meets, and no more work than that (RFC 8504 5.3).
inline constexpr uint32_t kExtensionHeadersMax = 8;
inline constexpr uint32_t kExtensionBytesMax = 512;

inline Ip ip_of(const be64 (&wire)[2]) { return {wire[0].get(), wire[1].get()}; }

struct Ipv6Header {
  uint8_t traffic_class = 0;
  uint32_t flow_label = 0;
  uint16_t payload_length = 0;  // extension headers count
  uint8_t next_header = 0;
  uint8_t hop_limit = 0;
  Ip source = kAnyIpv6, destination = kAnyIpv6;
  friend bool operator==(const Ipv6Header&, const Ipv6Header&) = default;
};

struct Ipv6Packet {
  Ipv6Header header;
  Bytes payload;  // as long as the payload length says: padding is not in it
};

// What follows the header, up to the upper layer.
struct Ipv6Chain {
  uint8_t protocol = 0;
  Bytes payload;              // of that protocol
  bool has_fragment = false;  // a fragment header, if only of a packet that is whole (RFC 6946)
  bool router_alert = false;  // RFC 2711
  // Of a chain that was refused: the ICMPv6 parameter problem that its sender is told.
  bool tell = false;
  bool tell_if_group = false;  // also if the packet went to many (option type 10, RFC 8200 4.2)
  uint8_t code = 0;
  uint32_t pointer = 0;  // from the beginning of the IPv6 header
};

Drop ipv6_parse(Bytes packet, Ipv6Packet& out);
// Walks the extension headers in their order. A fragment that is not the whole packet is
// Drop::ipv6_fragment.
Drop ipv6_walk(const Ipv6Packet& packet, Ipv6Chain& out);
void ipv6_emit(const Ipv6Header& header, MutableBytes out);

}  // namespace pinion
