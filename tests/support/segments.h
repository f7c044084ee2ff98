// Frames in literals for tests/packet, tests/sim and tests/fuzz, and what leaves taken apart again.
// Written byte by byte from the RFCs, without stack/wire: a mistake there is not made here too.
// What a literal leaves out (lengths, checksums) is filled in right; what it states is sent as is.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"

namespace pinion::testing {

using Packet = std::vector<std::byte>;

// The stack under test and the peer beside it.
inline constexpr Mac kOurMac{{2, 0, 0, 0, 0, 1}}, kPeerMac{{2, 0, 0, 0, 0, 2}};
inline constexpr Mac kOtherMac{{2, 0, 0, 0, 0, 9}};
inline constexpr Ipv4 kOurIp = ipv4(10, 0, 0, 1), kPeerIp = ipv4(10, 0, 0, 2);
inline constexpr Ipv4 kGatewayIp = ipv4(10, 0, 0, 254), kSubnetBroadcast = ipv4(10, 0, 0, 255);
inline constexpr uint16_t kOurPort = 5000, kPeerPort = 7000;

struct EthFields {
  Mac dst = kOurMac, src = kPeerMac;
  std::optional<uint16_t> type = {};      // of the payload; with a tag, the one inside it
  std::optional<uint16_t> vlan_tci = {};  // 802.1Q tag
};

// RFC 826, names as there.
struct ArpFields {
  uint16_t hrd = 1, pro = 0x0800;
  uint8_t hln = 6, pln = 4;
  uint16_t op = 1;
  Mac sha = kPeerMac;
  Ipv4 spa = kPeerIp;
  Mac tha = {};
  Ipv4 tpa = kOurIp;
};

// RFC 791 3.1.
struct Ipv4Fields {
  uint8_t version = 4;
  std::optional<uint8_t> ihl = {};
  uint8_t tos = 0;
  std::optional<uint16_t> total_length = {};
  uint16_t id = 0;
  uint16_t flags_fragment = 0;
  uint8_t ttl = 64;
  std::optional<uint8_t> protocol = {};
  std::optional<uint16_t> checksum = {};
  Ipv4 src = kPeerIp, dst = kOurIp;
  std::string options = {};  // a multiple of 4 bytes
};
inline constexpr uint16_t kReservedFlag = 0x8000, kDontFragment = 0x4000, kMoreFragments = 0x2000;

// RFC 768.
struct UdpFields {
  uint16_t src = kPeerPort, dst = kOurPort;
  std::optional<uint16_t> length = {};
  std::optional<uint16_t> checksum = {};
};

// RFC 792.
struct IcmpFields {
  uint8_t type = 8, code = 0;
  std::optional<uint16_t> checksum = {};
  uint32_t rest = 0x12340001;
};

// RFC 9293 3.1. Options stand in order, as the helpers below write them; zeros fill them up to a
// multiple of 4 bytes.
struct TcpFields {
  uint16_t src = kPeerPort, dst = kOurPort;
  uint32_t seq = 0, ack = 0;
  std::optional<uint8_t> offset = {};  // in words
  uint8_t reserved = 0;                // the 4 bits behind it
  uint8_t flags = 0;
  uint16_t window = 0xffff;
  std::optional<uint16_t> checksum = {};
  uint16_t urgent = 0;
  std::string options = {};
};
inline constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32;
inline constexpr uint8_t kEce = 64, kCwr = 128;

// One option each; a length that is stated is sent as it is.
std::string tcp_option(uint8_t kind, const std::string& body, std::optional<uint8_t> length = {});
std::string mss(uint16_t bytes);
std::string window_scale(uint8_t shift);
std::string sack_permitted();
std::string timestamps(uint32_t value, uint32_t echo);
struct SackBlock {
  uint32_t left = 0, right = 0;
  friend bool operator==(const SackBlock&, const SackBlock&) = default;
};
std::string sack(const std::vector<SackBlock>& blocks);
inline const std::string kNop("\x01", 1), kEndOfOptions("\0", 1);

// The options of a segment, taken apart.
struct TcpOptionList {
  std::optional<uint16_t> mss = {};
  std::optional<uint8_t> window_scale = {};
  bool sack_permitted = false;
  std::optional<uint32_t> ts_value = {}, ts_echo = {};
  std::vector<SackBlock> sack = {};
  std::vector<uint8_t> others = {};  // kinds that none of these is
  std::string fault = {};            // a length that no sender may write
};
TcpOptionList options_of(const TcpFields& tcp);

struct ArpSegment {
  EthFields eth = {};
  ArpFields arp = {};
};
struct UdpSegment {
  EthFields eth = {};
  Ipv4Fields ip = {};
  UdpFields udp = {};
  std::string data = {};
  std::string trailer = {};  // behind the datagram, not counted in its lengths
};
struct IcmpSegment {
  EthFields eth = {};
  Ipv4Fields ip = {};
  IcmpFields icmp = {};
  std::string data = {};
  std::string trailer = {};
};
struct TcpSegment {
  EthFields eth = {};
  Ipv4Fields ip = {};
  TcpFields tcp = {};
  std::string data = {};
  std::string trailer = {};
};
// IPv4 with any payload; protocol 253 (RFC 3692: for experiments) unless it says otherwise.
struct Ipv4Segment {
  EthFields eth = {};
  Ipv4Fields ip = {};
  std::string data = {};
  std::string trailer = {};
};

Packet frame_of(const ArpSegment& s);
Packet frame_of(const UdpSegment& s);
Packet frame_of(const IcmpSegment& s);
Packet frame_of(const TcpSegment& s);
Packet frame_of(const Ipv4Segment& s);
Packet frame_of(const EthFields& eth, const std::string& payload);

// The IPv4 packet that frame_of would put behind the link header: what an ICMP error quotes.
std::string packet_of(const UdpSegment& s);
std::string packet_of(const TcpSegment& s);

// The Internet checksum (RFC 1071), the simple way.
uint16_t internet_checksum(Bytes bytes);

// Pads with zeros to the least Ethernet frame, as a sender does.
Packet padded(Packet frame);
// The first `length` bytes; a length over the frame's own is the frame.
Packet cut(const Packet& frame, size_t length);

// A frame taken apart. `fault` is empty, or says what no sender may do: a wrong checksum or length,
// a frame below the minimum, a pad that is not zero. Layers that are not there stay empty.
struct Decoded {
  EthFields eth = {};
  std::optional<ArpFields> arp = {};
  std::optional<Ipv4Fields> ip = {};
  std::optional<UdpFields> udp = {};
  std::optional<IcmpFields> icmp = {};
  std::optional<TcpFields> tcp = {};
  std::string data = {};  // of the innermost layer
  std::string fault = {};
};
Decoded decode(Bytes frame);

// Recomputes the lengths and checksums that stand in a frame, as far as its headers allow; for
// fuzzing behind the checksums.
void repair(MutableBytes frame);

}  // namespace pinion::testing
