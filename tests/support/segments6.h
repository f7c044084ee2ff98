// Frames of IPv6 for packet tests, as octets that this file writes by itself (RFC 8200, RFC 4443):
// nothing of stack/wire is in them, so a mistake there does not cancel out.
#pragma once
#include <optional>
#include <string>

#include "support/segments.h"

namespace pinion::testing {

// An address from its text; the text must be one.
Ip ip6(const char* text);

inline const Ip kOurIp6 = ip6("2001:db8::1"), kPeerIp6 = ip6("2001:db8::2");
inline const Ip kFarIp6 = ip6("2001:db8:77::7"), kAllNodes6 = ip6("ff02::1");
inline const Ip kOurGroup6 = ip6("ff02::1:ff00:1");  // the solicited nodes of kOurIp6
inline const Ip kOurLinkLocal = ip6("fe80::ff:fe00:1"), kPeerLinkLocal = ip6("fe80::ff:fe00:2");
inline constexpr Mac kOurGroupMac{{0x33, 0x33, 0xff, 0, 0, 1}};
inline constexpr Mac kAllNodesMac{{0x33, 0x33, 0, 0, 0, 1}};

inline constexpr uint8_t kNextTcp = 6, kNextUdp = 17, kNextIcmp6 = 58;

// A packet from the peer to us, unless fields say otherwise.
struct V6 {
  Mac dst_mac = kOurMac, src_mac = kPeerMac;
  Ip src = kPeerIp6, dst = kOurIp6;
  uint8_t version = 6, hop_limit = 64;
  std::optional<uint8_t> next_header = {};  // of the first header behind IPv6's
  std::optional<uint16_t> payload_length = {};
  std::string extensions = {};  // between the IPv6 header and the payload
  std::optional<uint16_t> checksum = {};
};

std::string bytes8(std::initializer_list<unsigned> bytes);
std::string be16_text(unsigned v);
std::string be32_text(uint32_t v);
std::string text_of(Ip address);

// With the checksum of TCP, UDP or ICMPv6 filled in. Padded to Ethernet's minimum.
Packet v6_frame(const V6& v, uint8_t protocol, std::string payload);
std::string icmp6_text(uint8_t type, uint8_t code, uint32_t rest, const std::string& body = "");
std::string udp6_text(uint16_t src, uint16_t dst, const std::string& data);
// A neighbour solicitation or advertisement with the option of its kind.
std::string nd_text(uint8_t type, uint32_t flags, Ip target, std::optional<Mac> link_address);

// Makes lengths and checksums right in a packet of IPv6 whose upper layer follows at once.
void repair6(MutableBytes frame);

// What left: checked for its lengths, its pad and its checksum; `fault` says what is wrong.
struct Sent6 {
  std::string fault;
  Mac dst, src;
  Ip source, destination;
  uint8_t next_header = 0, hop_limit = 0;
  std::string payload;  // behind the IPv6 header
  unsigned at(size_t i) const { return static_cast<uint8_t>(payload.at(i)); }
  uint32_t word(size_t i) const {
    return at(i) << 24 | at(i + 1) << 16 | at(i + 2) << 8 | at(i + 3);
  }
  Ip address(size_t i) const;
};
Sent6 sent6(const Packet& frame);

}  // namespace pinion::testing
