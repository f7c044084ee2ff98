// Text <-> the small words of a configuration: decimal numbers, IPv4 addresses and prefixes, MAC
// addresses, port ranges. Strict: one spelling per value, the whole text, no spaces, no leading
// zeros. Pure; knows no YAML.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"

namespace pinion::config {

// An address and the length of its network: "10.20.0.5/24" keeps the host bits.
struct Ipv4Prefix {
  Ipv4 address;
  uint8_t length = 0;

  friend constexpr bool operator==(const Ipv4Prefix&, const Ipv4Prefix&) = default;
  constexpr uint32_t mask() const { return length == 0 ? 0 : UINT32_MAX << (32 - length); }
  constexpr Ipv4 network() const { return {address.v & mask()}; }
  constexpr Ipv4 broadcast() const { return {address.v | ~mask()}; }
  constexpr bool contains(Ipv4 a) const { return (a.v & mask()) == network().v; }
  // A /31 and a /32 have neither a network nor a broadcast address (RFC 3021 section 2.1).
  constexpr bool has_edges() const { return length < 31; }
  constexpr bool is_edge(Ipv4 a) const {
    return has_edges() && (a == network() || a == broadcast());
  }
};

struct PortRange {
  uint16_t first = 0, last = 0;
  friend constexpr bool operator==(const PortRange&, const PortRange&) = default;
};

// A local endpoint that a session may bind: "10.20.0.5:7000-7999", or "*:9000" for any address.
struct BindGrant {
  std::optional<Ipv4> address;
  PortRange ports;
  friend constexpr bool operator==(const BindGrant&, const BindGrant&) = default;
};

std::optional<uint64_t> parse_decimal(std::string_view text);
std::optional<Ipv4> parse_ipv4(std::string_view text);
std::optional<Ipv4Prefix> parse_prefix(std::string_view text);
// A group, or a prefix of groups: "239.1.2.3", "239.1.0.0/16". No bits behind the length.
std::optional<Ipv4Prefix> parse_groups(std::string_view text);
std::optional<Mac> parse_mac(std::string_view text);
std::optional<PortRange> parse_port_range(std::string_view text);
std::optional<BindGrant> parse_bind_grant(std::string_view text);
// "0660": a zero and three octal digits.
std::optional<uint32_t> parse_mode(std::string_view text);
// Whether the text was meant as IPv6: two colons, and only what an IPv6 address may hold.
bool looks_like_ipv6(std::string_view text);

std::string to_text(Ipv4 address);
std::string to_text(const Ipv4Prefix& prefix);
std::string to_text(const Mac& mac);

}  // namespace pinion::config
