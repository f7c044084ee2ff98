// The IPv4 header (RFC 791 3.1) and its options. What an address means is net's business.
#pragma once
#include "base/drop.h"
#include "base/types.h"

namespace pinion {

struct Ipv4Hdr {
  uint8_t version_ihl, tos;
  be16 total_length, id, flags_fragment;
  uint8_t ttl, protocol;
  be16 checksum;
  be32 source, destination;
  // Of flags_fragment.
  static constexpr uint16_t kReserved = 0x8000, kDontFragment = 0x4000, kMoreFragments = 0x2000,
                            kOffsetMask = 0x1fff;
};
static_assert(sizeof(Ipv4Hdr) == 20 && alignof(Ipv4Hdr) == 1);

inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint32_t kRouterAlertBytes = 4;

struct Ipv4Header {
  uint8_t tos = 0;
  uint16_t total_length = 0;
  uint16_t id = 0;
  bool reserved_flag = false;
  bool dont_fragment = false;
  bool more_fragments = false;
  uint16_t fragment_offset = 0;  // units of 8 bytes
  uint8_t ttl = 0;
  uint8_t protocol = 0;
  Ipv4 source, destination;
  bool router_alert = false;  // the option of RFC 2113

  // Of the header that ipv4_emit writes.
  uint32_t length() const { return sizeof(Ipv4Hdr) + (router_alert ? kRouterAlertBytes : 0); }
  bool is_fragment() const { return more_fragments || fragment_offset != 0; }
  friend bool operator==(const Ipv4Header&, const Ipv4Header&) = default;
};

struct Ipv4Packet {
  Ipv4Header header;
  Bytes options;
  Bytes payload;  // as long as the total length says: padding is not in it
};

// `checksum_known_good`: the port has verified it.
Drop ipv4_parse(Bytes packet, Ipv4Packet& out, bool checksum_known_good = false);
// Malformed, or a source route, which a host of ours never takes part in (RFC 7126 4.3, 4.4).
Drop ipv4_check_options(Bytes options);
// Fragments that no sender can have meant (RFC 791 3.2), or that reach beyond the longest packet.
Drop ipv4_check_fragment(const Ipv4Packet& packet);
// Bytes of its upper header that a first fragment must hold (RFC 1858, RFC 3128): whoever looks at
// ports or flags before reassembly sees what will be delivered. 0: never in fragments.
size_t upper_header_least(uint8_t protocol);
// Writes a header without options but Router Alert. Its checksum is 0 if the port fills it in.
void ipv4_emit(const Ipv4Header& header, MutableBytes out, bool with_checksum = true);

}  // namespace pinion
