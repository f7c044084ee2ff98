// Text <-> the small words of a configuration: decimal numbers, addresses and prefixes, MAC
// addresses, port ranges. Strict: the whole text, no spaces, no leading zeros; one spelling per
// value, but for IPv6, which has many (RFC 4291 2.2). Pure; knows no YAML.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/prefix.h"
#include "base/types.h"

namespace pinion::config {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// An address and the length of its network: "10.20.0.5/24" keeps the host bits.
struct Prefix {
  Ip address;
  uint8_t length = 0;

  friend constexpr bool operator==(const Prefix&, const Prefix&) = default;
  constexpr Ip mask() const { return prefix_mask(address, length); }
  constexpr Ip network() const { return {address.hi & mask().hi, address.lo & mask().lo}; }
  constexpr Ip broadcast() const { return {address.hi | ~mask().hi, address.lo | ~mask().lo}; }
  constexpr bool contains(Ip a) const { return is_within(a, address, length); }
  // A /31 and a /32 have neither a network nor a broadcast address (RFC 3021 section 2.1); IPv6 has
  // the subnet-router anycast address (RFC 4291 2.6.1), but not in a /127 or /128 (RFC 6164).
  constexpr bool has_edges() const { return length + 1 < prefix_length_max(address); }
  constexpr bool is_edge(Ip a) const {
    return has_edges() && (a == network() || (address.is_v4() && a == broadcast()));
  }
};

struct PortRange {
  uint16_t first = 0, last = 0;
  friend constexpr bool operator==(const PortRange&, const PortRange&) = default;
};

// A local endpoint that a session may bind: "10.20.0.5:7000-7999", "[2001:db8::5]:7000", or
// "*:9000" for any address of either family.
struct BindGrant {
  std::optional<Ip> address;
  PortRange ports;
  friend constexpr bool operator==(const BindGrant&, const BindGrant&) = default;
};

std::optional<uint64_t> parse_decimal(std::string_view text);
std::optional<Ipv4> parse_ipv4(std::string_view text);
std::optional<Ip> parse_address(std::string_view text);
std::optional<Prefix> parse_prefix(std::string_view text);
// A group, or a prefix of groups: "239.1.2.3", "239.1.0.0/16", "ff3e::/32". No bits behind the
// length.
std::optional<Prefix> parse_groups(std::string_view text);
std::optional<Mac> parse_mac(std::string_view text);
std::optional<PortRange> parse_port_range(std::string_view text);
std::optional<BindGrant> parse_bind_grant(std::string_view text);
// "0660": a zero and three octal digits.
std::optional<uint32_t> parse_mode(std::string_view text);

std::string to_text(Ip address);
std::string to_text(const Prefix& prefix);
std::string to_text(const Mac& mac);

}  // namespace pinion::config
