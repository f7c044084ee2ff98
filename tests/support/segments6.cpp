// See segments6.h.
#include "support/segments6.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/check.h"

namespace pinion::testing {

namespace {

constexpr size_t kEth = 14, kIp = 40, kMin = 60;

void put_text(std::string& s, const Mac& mac) {
  for (const uint8_t b : mac.b) s.push_back(static_cast<char>(b));
}

size_t checksum_at(uint8_t protocol) {
  return protocol == kNextTcp ? 16 : protocol == kNextUdp ? 6 : 2;
}

bool has_checksum(uint8_t protocol) {
  return protocol == kNextTcp || protocol == kNextUdp || protocol == kNextIcmp6;
}

uint16_t sum_of(Ip src, Ip dst, uint8_t protocol, const std::string& payload) {
  const std::string all = text_of(src) + text_of(dst) +
                          be32_text(static_cast<uint32_t>(payload.size())) +
                          bytes8({0, 0, 0, protocol}) + payload;
  return internet_checksum(std::as_bytes(std::span{all}));
}

}  // namespace

Ip ip6(const char* text) {
  uint8_t b[16];
  STACK_CHECK(inet_pton(AF_INET6, text, b) == 1);
  uint64_t words[2] = {0, 0};
  for (size_t i = 0; i < sizeof b; ++i) words[i / 8] = words[i / 8] << 8 | b[i];
  return {words[0], words[1]};
}

std::string bytes8(std::initializer_list<unsigned> bytes) {
  std::string s;
  for (const unsigned b : bytes) s.push_back(static_cast<char>(b));
  return s;
}
std::string be16_text(unsigned v) { return bytes8({v >> 8 & 0xff, v & 0xff}); }
std::string be32_text(uint32_t v) { return be16_text(v >> 16) + be16_text(v & 0xffff); }
std::string text_of(Ip a) {
  return be32_text(static_cast<uint32_t>(a.hi >> 32)) + be32_text(static_cast<uint32_t>(a.hi)) +
         be32_text(static_cast<uint32_t>(a.lo >> 32)) + be32_text(static_cast<uint32_t>(a.lo));
}

Packet v6_frame(const V6& v, uint8_t protocol, std::string payload) {
  const size_t at = checksum_at(protocol);
  if (has_checksum(protocol) && payload.size() >= at + 2) {
    uint16_t sum = sum_of(v.src, v.dst, protocol, payload);
    if (sum == 0 && protocol == kNextUdp) sum = 0xffff;
    payload.replace(at, 2, be16_text(v.checksum.value_or(sum)));
  }
  const std::string behind = v.extensions + payload;
  std::string s;
  put_text(s, v.dst_mac), put_text(s, v.src_mac);
  s += bytes8({0x86, 0xdd, unsigned{v.version} << 4 & 0xff, 0, 0, 0});
  s += be16_text(v.payload_length.value_or(static_cast<uint16_t>(behind.size())));
  s += bytes8({v.next_header.value_or(protocol), v.hop_limit});
  s += text_of(v.src) + text_of(v.dst) + behind;
  if (s.size() < kMin) s.resize(kMin, '\0');
  const Bytes b = std::as_bytes(std::span{s});
  return {b.begin(), b.end()};
}

std::string icmp6_text(uint8_t type, uint8_t code, uint32_t rest, const std::string& body) {
  return bytes8({type, code, 0, 0}) + be32_text(rest) + body;
}

std::string udp6_text(uint16_t src, uint16_t dst, const std::string& data) {
  return be16_text(src) + be16_text(dst) + be16_text(static_cast<unsigned>(data.size() + 8)) +
         be16_text(0) + data;
}

std::string nd_text(uint8_t type, uint32_t flags, Ip target, std::optional<Mac> link_address) {
  std::string body = text_of(target);
  if (link_address) {
    body += bytes8({type == 135 ? 1u : 2u, 1});
    put_text(body, *link_address);
  }
  return icmp6_text(type, 0, flags, body);
}

Ip Sent6::address(size_t i) const {
  return {uint64_t{word(i)} << 32 | word(i + 4), uint64_t{word(i + 8)} << 32 | word(i + 12)};
}

Sent6 sent6(const Packet& frame) {
  Sent6 out;
  const std::string s(reinterpret_cast<const char*>(frame.data()), frame.size());
  if (s.size() < kMin || s.substr(12, 2) != bytes8({0x86, 0xdd})) {
    out.fault = "no frame of IPv6";
    return out;
  }
  std::copy_n(s.begin(), 6, reinterpret_cast<char*>(out.dst.b));
  std::copy_n(s.begin() + 6, 6, reinterpret_cast<char*>(out.src.b));
  out.payload = s.substr(kEth);
  if (out.at(0) >> 4 != 6) out.fault = "version";
  const size_t length = out.at(4) << 8 | out.at(5);
  out.next_header = static_cast<uint8_t>(out.at(6)),
  out.hop_limit = static_cast<uint8_t>(out.at(7));
  out.source = out.address(8), out.destination = out.address(24);
  const std::string pad = s.substr(std::min(s.size(), kEth + kIp + length));
  if (s.size() < kEth + kIp + length) out.fault = "payload length";
  if (pad.find_first_not_of('\0') != std::string::npos || (!pad.empty() && s.size() > kMin))
    out.fault = "pad";
  out.payload = s.substr(kEth + kIp, length);
  const bool alert = out.next_header == 0;  // hop-by-hop, of eight octets
  const uint8_t protocol = alert ? static_cast<uint8_t>(out.at(0)) : out.next_header;
  const std::string upper = alert ? out.payload.substr(8) : out.payload;
  if (has_checksum(protocol) && sum_of(out.source, out.destination, protocol, upper) != 0)
    out.fault = "checksum";
  return out;
}

void repair6(MutableBytes frame) {
  const auto at = [&](size_t i) { return std::to_integer<uint8_t>(frame[i]); };
  const auto set = [&](size_t i, size_t v) {
    frame[i] = static_cast<std::byte>(v >> 8), frame[i + 1] = static_cast<std::byte>(v);
  };
  if (frame.size() < kEth + kIp || at(12) != 0x86 || at(13) != 0xdd) return;
  const size_t length = frame.size() - kEth - kIp;
  set(kEth + 4, length);
  const uint8_t protocol = at(kEth + 6);
  const size_t field = kEth + kIp + checksum_at(protocol);
  if (!has_checksum(protocol) || field + 2 > frame.size()) return;
  if (protocol == kNextUdp) set(kEth + kIp + 4, length);
  set(field, 0);
  Sent6 addresses;
  addresses.payload.assign(reinterpret_cast<const char*>(frame.data()), frame.size());
  const uint16_t sum = sum_of(addresses.address(kEth + 8), addresses.address(kEth + 24), protocol,
                              addresses.payload.substr(kEth + kIp));
  set(field, sum == 0 && protocol == kNextUdp ? 0xffff : sum);
}

}  // namespace pinion::testing
