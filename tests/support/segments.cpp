// See segments.h.
#include "support/segments.h"

#include <algorithm>

namespace pinion::testing {

namespace {

constexpr size_t kEthBytes = 14, kTagBytes = 4, kArpBytes = 28, kIpBytes = 20, kUdpBytes = 8;
constexpr size_t kIcmpBytes = 8, kFrameMin = 60;
constexpr uint16_t kTypeIpv4 = 0x0800, kTypeArp = 0x0806, kTypeVlan = 0x8100;
constexpr size_t kTcpBytes = 20;
constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kExperiment = 253;
constexpr size_t kIpChecksumAt = 10, kUdpChecksumAt = 6, kIcmpChecksumAt = 2, kTcpChecksumAt = 16;

Bytes bytes_of(const std::string& s) { return std::as_bytes(std::span{s}); }

// Big-endian, onto the end of a string.
void put8(std::string& s, unsigned v) { s.push_back(static_cast<char>(v)); }
void put16(std::string& s, unsigned v) { put8(s, v >> 8), put8(s, v & 0xff); }
void put32(std::string& s, uint32_t v) { put16(s, v >> 16), put16(s, v & 0xffff); }
void put(std::string& s, const Mac& mac) {
  for (const uint8_t b : mac.b) put8(s, b);
}
void set16(std::string& s, size_t at, unsigned v) {
  s[at] = static_cast<char>(v >> 8), s[at + 1] = static_cast<char>(v & 0xff);
}

unsigned get8(Bytes b, size_t at) { return static_cast<unsigned>(b[at]); }
uint16_t get16(Bytes b, size_t at) {
  return static_cast<uint16_t>(get8(b, at) << 8 | get8(b, at + 1));
}
uint32_t get32(Bytes b, size_t at) { return uint32_t{get16(b, at)} << 16 | get16(b, at + 2); }
Mac get_mac(Bytes b, size_t at) {
  Mac mac;
  for (size_t i = 0; i < sizeof mac.b; ++i) mac.b[i] = static_cast<uint8_t>(get8(b, at + i));
  return mac;
}
std::string text_of(Bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

Packet packet(const std::string& s) {
  const Bytes b = bytes_of(s);
  return {b.begin(), b.end()};
}

std::string eth_header(const EthFields& eth, uint16_t type) {
  std::string s;
  put(s, eth.dst), put(s, eth.src);
  if (eth.vlan_tci) put16(s, kTypeVlan), put16(s, *eth.vlan_tci);
  put16(s, eth.type.value_or(type));
  return s;
}

std::string ip_packet(const Ipv4Fields& ip, uint8_t protocol, const std::string& payload) {
  const size_t header = kIpBytes + ip.options.size();
  std::string s;
  put8(s, static_cast<unsigned>(ip.version << 4 | (ip.ihl.value_or(header / 4) & 0xf)));
  put8(s, ip.tos);
  put16(s, ip.total_length.value_or(static_cast<uint16_t>(header + payload.size())));
  put16(s, ip.id), put16(s, ip.flags_fragment);
  put8(s, ip.ttl), put8(s, ip.protocol.value_or(protocol));
  put16(s, 0);
  put32(s, ip.src.v), put32(s, ip.dst.v);
  s += ip.options;
  set16(s, kIpChecksumAt, ip.checksum.value_or(internet_checksum(bytes_of(s))));
  return s + payload;
}

// Over the pseudo header too.
uint16_t checksum_of(uint8_t protocol, Ipv4 src, Ipv4 dst, const std::string& datagram) {
  std::string s;
  put32(s, src.v), put32(s, dst.v), put16(s, protocol);
  put16(s, static_cast<unsigned>(datagram.size()));
  s += datagram;
  return internet_checksum(bytes_of(s));
}

uint16_t udp_checksum(Ipv4 src, Ipv4 dst, const std::string& datagram) {
  return checksum_of(kUdp, src, dst, datagram);
}

std::string tcp_text(const TcpSegment& segment) {
  const TcpFields& tcp = segment.tcp;
  std::string options = tcp.options;
  options.resize((options.size() + 3) / 4 * 4, '\0');
  const auto words = static_cast<uint8_t>((kTcpBytes + options.size()) / 4);
  std::string s;
  put16(s, tcp.src), put16(s, tcp.dst), put32(s, tcp.seq), put32(s, tcp.ack);
  put8(s, (tcp.offset.value_or(words) & 0xfu) << 4 | (tcp.reserved & 0xfu));
  put8(s, tcp.flags), put16(s, tcp.window), put16(s, 0), put16(s, tcp.urgent);
  s += options + segment.data;
  const uint16_t sum = checksum_of(kTcp, segment.ip.src, segment.ip.dst, s);
  set16(s, kTcpChecksumAt, tcp.checksum.value_or(sum));
  return s;
}

std::string udp_datagram(const UdpSegment& segment) {
  const UdpFields& udp = segment.udp;
  std::string s;
  put16(s, udp.src), put16(s, udp.dst);
  put16(s, udp.length.value_or(static_cast<uint16_t>(kUdpBytes + segment.data.size())));
  put16(s, 0);
  s += segment.data;
  const uint16_t sum = udp_checksum(segment.ip.src, segment.ip.dst, s);
  set16(s, kUdpChecksumAt, udp.checksum.value_or(sum == 0 ? 0xffff : sum));
  return s;
}

// The decoders: each takes the payload of the layer above, and says what is wrong with it.
std::string decode_arp(Bytes b, Decoded& out) {
  if (b.size() < kArpBytes) return "ARP cut short";
  out.arp = ArpFields{get16(b, 0),
                      get16(b, 2),
                      static_cast<uint8_t>(get8(b, 4)),
                      static_cast<uint8_t>(get8(b, 5)),
                      get16(b, 6),
                      get_mac(b, 8),
                      {get32(b, 14)},
                      get_mac(b, 18),
                      {get32(b, 24)}};
  return "";
}

std::string decode_udp(Bytes b, Decoded& out) {
  if (b.size() < kUdpBytes) return "UDP cut short";
  out.udp = UdpFields{get16(b, 0), get16(b, 2), get16(b, 4), get16(b, 6)};
  if (*out.udp->length != b.size()) return "UDP length is not the IP payload's";
  if (*out.udp->checksum == 0) return "UDP checksum 0 sent";
  if (udp_checksum(out.ip->src, out.ip->dst, text_of(b)) != 0) return "UDP checksum";
  out.data = text_of(b.subspan(kUdpBytes));
  return "";
}

std::string decode_tcp(Bytes b, Decoded& out) {
  if (b.size() < kTcpBytes) return "TCP cut short";
  const size_t header = (get8(b, 12) >> 4) * 4;
  if (header < kTcpBytes || header > b.size()) return "TCP data offset";
  out.tcp = TcpFields{.src = get16(b, 0),
                      .dst = get16(b, 2),
                      .seq = get32(b, 4),
                      .ack = get32(b, 8),
                      .offset = static_cast<uint8_t>(header / 4),
                      .reserved = static_cast<uint8_t>(get8(b, 12) & 0xf),
                      .flags = static_cast<uint8_t>(get8(b, 13)),
                      .window = get16(b, 14),
                      .checksum = get16(b, kTcpChecksumAt),
                      .urgent = get16(b, 18),
                      .options = text_of(b.subspan(kTcpBytes, header - kTcpBytes))};
  out.data = text_of(b.subspan(header));
  if (checksum_of(kTcp, out.ip->src, out.ip->dst, text_of(b)) != 0) return "TCP checksum";
  if (out.tcp->reserved != 0) return "TCP reserved bits";
  if ((out.tcp->flags & kAck) == 0 && out.tcp->ack != 0) return "TCP acknowledgment without ACK";
  return options_of(*out.tcp).fault;
}

std::string decode_icmp(Bytes b, Decoded& out) {
  if (b.size() < kIcmpBytes) return "ICMP cut short";
  out.icmp = IcmpFields{static_cast<uint8_t>(get8(b, 0)), static_cast<uint8_t>(get8(b, 1)),
                        get16(b, kIcmpChecksumAt), get32(b, 4)};
  out.data = text_of(b.subspan(kIcmpBytes));
  return internet_checksum(b) == 0 ? "" : "ICMP checksum";
}

std::string decode_ip(Bytes b, Decoded& out, size_t& used) {
  if (b.size() < kIpBytes) return "IPv4 cut short";
  const size_t header = (get8(b, 0) & 0xf) * 4;
  const uint16_t total = get16(b, 2);
  if (header < kIpBytes || total < header || total > b.size()) return "IPv4 lengths";
  used = total;
  out.ip = Ipv4Fields{.version = static_cast<uint8_t>(get8(b, 0) >> 4),
                      .ihl = static_cast<uint8_t>(header / 4),
                      .tos = static_cast<uint8_t>(get8(b, 1)),
                      .total_length = total,
                      .id = get16(b, 4),
                      .flags_fragment = get16(b, 6),
                      .ttl = static_cast<uint8_t>(get8(b, 8)),
                      .protocol = static_cast<uint8_t>(get8(b, 9)),
                      .checksum = get16(b, kIpChecksumAt),
                      .src = {get32(b, 12)},
                      .dst = {get32(b, 16)},
                      .options = text_of(b.subspan(kIpBytes, header - kIpBytes))};
  if (out.ip->version != 4) return "IPv4 version";
  if (internet_checksum(b.first(header)) != 0) return "IPv4 checksum";
  const Bytes payload = b.subspan(header, total - header);
  const bool fragment = (out.ip->flags_fragment & ~(kDontFragment | kReservedFlag)) != 0;
  if (fragment) {  // a part of what its protocol's checksum is over
    out.data = text_of(payload);
    return "";
  }
  if (*out.ip->protocol == kUdp) return decode_udp(payload, out);
  if (*out.ip->protocol == kTcp) return decode_tcp(payload, out);
  if (*out.ip->protocol == kIcmp) return decode_icmp(payload, out);
  out.data = text_of(payload);
  return "";
}

void store16(MutableBytes b, size_t at, unsigned v) {
  b[at] = static_cast<std::byte>(v >> 8), b[at + 1] = static_cast<std::byte>(v & 0xff);
}

// The option at `at`; returns where the next one begins, or 0: its length is wrong.
size_t decode_option(Bytes b, size_t at, TcpOptionList& out) {
  constexpr unsigned kMss = 2, kScale = 3, kPermitted = 4, kSack = 5, kTimestamps = 8;
  const unsigned kind = get8(b, at);
  if (at + 1 >= b.size()) return 0;
  const size_t length = get8(b, at + 1);
  if (length < 2 || at + length > b.size()) return 0;
  if (kind == kMss && length == 4) out.mss = get16(b, at + 2);
  else if (kind == kScale && length == 3) out.window_scale = get8(b, at + 2);
  else if (kind == kPermitted && length == 2) out.sack_permitted = true;
  else if (kind == kTimestamps && length == 10)
    out.ts_value = get32(b, at + 2), out.ts_echo = get32(b, at + 6);
  else if (kind == kSack && length % 8 == 2 && length > 2)
    for (size_t i = at + 2; i < at + length; i += 8)
      out.sack.push_back({get32(b, i), get32(b, i + 4)});
  else if (kind <= kSack || kind == kTimestamps) return 0;
  else out.others.push_back(static_cast<uint8_t>(kind));
  return at + length;
}

}  // namespace

std::string tcp_option(uint8_t kind, const std::string& body, std::optional<uint8_t> length) {
  std::string s;
  put8(s, kind), put8(s, length.value_or(static_cast<uint8_t>(body.size() + 2)));
  return s + body;
}

std::string mss(uint16_t bytes) {
  std::string body;
  put16(body, bytes);
  return tcp_option(2, body);
}

std::string window_scale(uint8_t shift) {
  return tcp_option(3, std::string(1, static_cast<char>(shift)));
}

std::string sack_permitted() { return tcp_option(4, ""); }

std::string timestamps(uint32_t value, uint32_t echo) {
  std::string body;
  put32(body, value), put32(body, echo);
  return tcp_option(8, body);
}

std::string sack(const std::vector<SackBlock>& blocks) {
  std::string body;
  for (const SackBlock& block : blocks) put32(body, block.left), put32(body, block.right);
  return tcp_option(5, body);
}

TcpOptionList options_of(const TcpFields& tcp) {
  TcpOptionList out;
  const Bytes b = bytes_of(tcp.options);
  size_t at = 0;
  while (at < b.size() && get8(b, at) != 0) {
    if (get8(b, at) == 1) {
      ++at;
      continue;
    }
    at = decode_option(b, at, out);
    if (at == 0) {
      out.fault = "TCP option length";
      return out;
    }
  }
  for (; at < b.size(); ++at)
    if (get8(b, at) != 0) out.fault = "bytes behind the end of the options";
  return out;
}

uint16_t internet_checksum(Bytes bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    const unsigned low = i + 1 < bytes.size() ? get8(bytes, i + 1) : 0;
    sum += get8(bytes, i) << 8 | low;
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Packet frame_of(const EthFields& eth, const std::string& payload) {
  return packet(eth_header(eth, 0) + payload);
}

Packet frame_of(const ArpSegment& segment) {
  const ArpFields& arp = segment.arp;
  std::string s = eth_header(segment.eth, kTypeArp);
  put16(s, arp.hrd), put16(s, arp.pro), put8(s, arp.hln), put8(s, arp.pln), put16(s, arp.op);
  put(s, arp.sha), put32(s, arp.spa.v), put(s, arp.tha), put32(s, arp.tpa.v);
  return packet(s);
}

std::string packet_of(const UdpSegment& s) { return ip_packet(s.ip, kUdp, udp_datagram(s)); }

std::string packet_of(const TcpSegment& s) { return ip_packet(s.ip, kTcp, tcp_text(s)); }

Packet frame_of(const TcpSegment& s) {
  return padded(packet(eth_header(s.eth, kTypeIpv4) + packet_of(s) + s.trailer));
}

Packet frame_of(const UdpSegment& s) {
  return packet(eth_header(s.eth, kTypeIpv4) + packet_of(s) + s.trailer);
}

Packet frame_of(const IcmpSegment& segment) {
  const IcmpFields& icmp = segment.icmp;
  std::string s;
  put8(s, icmp.type), put8(s, icmp.code), put16(s, 0), put32(s, icmp.rest);
  s += segment.data;
  set16(s, kIcmpChecksumAt, icmp.checksum.value_or(internet_checksum(bytes_of(s))));
  return packet(eth_header(segment.eth, kTypeIpv4) + ip_packet(segment.ip, kIcmp, s) +
                segment.trailer);
}

Packet frame_of(const Ipv4Segment& s) {
  return packet(eth_header(s.eth, kTypeIpv4) + ip_packet(s.ip, kExperiment, s.data) + s.trailer);
}

Packet padded(Packet frame) {
  if (frame.size() < kFrameMin) frame.resize(kFrameMin);
  return frame;
}

Packet cut(const Packet& frame, size_t length) {
  return {frame.begin(), frame.begin() + static_cast<ptrdiff_t>(std::min(length, frame.size()))};
}

Decoded decode(Bytes frame) {
  Decoded out;
  if (frame.size() < kFrameMin) out.fault = "frame below the minimum of Ethernet";
  if (frame.size() < kEthBytes + kTagBytes) return out;
  out.eth = {get_mac(frame, 0), get_mac(frame, 6), get16(frame, 12), {}};
  size_t at = kEthBytes;
  if (*out.eth.type == kTypeVlan) {
    out.eth.vlan_tci = get16(frame, 14), out.eth.type = get16(frame, 16);
    at += kTagBytes;
  }
  const Bytes payload = frame.subspan(at);
  size_t used = payload.size();
  std::string fault;
  if (*out.eth.type == kTypeArp) fault = decode_arp(payload, out), used = kArpBytes;
  else if (*out.eth.type == kTypeIpv4) fault = decode_ip(payload, out, used);
  if (out.fault.empty()) out.fault = fault;
  const Bytes pad = payload.subspan(std::min(used, payload.size()));
  const bool zero =
      std::all_of(pad.begin(), pad.end(), [](std::byte b) { return b == std::byte{}; });
  if (out.fault.empty() && !zero) out.fault = "pad is not zero";
  if (out.fault.empty() && frame.size() > kFrameMin && !pad.empty()) out.fault = "needless pad";
  return out;
}

void repair(MutableBytes frame) {
  if (frame.size() < kEthBytes + kTagBytes) return;
  const size_t at = get16(frame, 12) == kTypeVlan ? kEthBytes + kTagBytes : kEthBytes;
  if (get16(frame, at - 2) != kTypeIpv4 || frame.size() < at + kIpBytes) return;
  const MutableBytes ip = frame.subspan(at);
  const size_t header = (get8(ip, 0) & 0xf) * 4;
  if (header < kIpBytes || header > ip.size()) return;
  store16(ip, 2, static_cast<unsigned>(ip.size()));
  store16(ip, kIpChecksumAt, 0);
  store16(ip, kIpChecksumAt, internet_checksum(ip.first(header)));
  const MutableBytes payload = ip.subspan(header);
  if (get8(ip, 9) == kUdp && payload.size() >= kUdpBytes) {
    store16(payload, 4, static_cast<unsigned>(payload.size()));
    store16(payload, kUdpChecksumAt, 0);
    const uint16_t sum = udp_checksum({get32(ip, 12)}, {get32(ip, 16)}, text_of(payload));
    store16(payload, kUdpChecksumAt, sum == 0 ? 0xffff : sum);
  } else if (get8(ip, 9) == kTcp && payload.size() >= kTcpBytes) {
    store16(payload, kTcpChecksumAt, 0);
    const Ipv4 src{get32(ip, 12)}, dst{get32(ip, 16)};
    store16(payload, kTcpChecksumAt, checksum_of(kTcp, src, dst, text_of(payload)));
  } else if (get8(ip, 9) == kIcmp && payload.size() >= kIcmpBytes) {
    store16(payload, kIcmpChecksumAt, 0);
    store16(payload, kIcmpChecksumAt, internet_checksum(payload));
  }
}

}  // namespace pinion::testing
