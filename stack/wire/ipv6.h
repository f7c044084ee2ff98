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

struct Ipv6FragmentHdr {
  uint8_t next_header, reserved;
  be16 offset_flags;  // offset / 8 in the upper 13 bits
  be32 id;
};
static_assert(sizeof(Ipv6FragmentHdr) == 8 && alignof(Ipv6FragmentHdr) == 1);

inline constexpr uint8_t kNextHeaderFragment = 44;
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

// What a fragment says of itself (RFC 8200 4.5).
struct Ipv6Part {
  uint32_t id = 0, offset = 0;  // offset: bytes
  bool more = false;            // fragments follow
  uint32_t begin = 0;           // of its data, from the beginning of the IPv6 header
  uint32_t next_header_at = 0;  // of the field that names the fragment header, likewise
};

// What follows the header, up to the upper layer.
struct Ipv6Chain {
  uint8_t protocol = 0;
  Bytes payload;              // of that protocol
  bool has_fragment = false;  // a fragment header, if only of a packet that is whole (RFC 6946)
  bool is_part = false;       // the packet is a fragment: part says of what
  bool router_alert = false;  // RFC 2711
  Ipv6Part part;
  // Of a chain that was refused: the ICMPv6 parameter problem that its sender is told.
  bool tell = false;
  bool tell_if_group = false;  // also if the packet went to many (option type 10, RFC 8200 4.2)
  uint8_t code = 0;
  uint32_t pointer = 0;  // from the beginning of the IPv6 header
};

Drop ipv6_parse(Bytes packet, Ipv6Packet& out);
// Walks the extension headers in their order: of a first fragment all of them, which it must hold
// (RFC 7112), of a later one as far as its fragment header. With out.has_fragment set from the
// beginning, of a packet that was put together, no other fragment header may come.
Drop ipv6_walk(const Ipv6Packet& packet, Ipv6Chain& out);
void ipv6_emit(const Ipv6Header& header, MutableBytes out);
// The header in front of a fragment's data: of part, id, offset and more count.
void ipv6_emit_fragment(const Ipv6Part& part, uint8_t next_header, MutableBytes out);

}  // namespace pinion
