// See parse.h. Each parser takes its text from the left and refuses at the first surprise.
#include "config/parse.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace pinion::config {
namespace {

constexpr size_t kDecimalDigitsMax = 19;  // every number of 19 digits fits in 64 bits

bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::optional<uint64_t> decimal_up_to(std::string_view text, uint64_t max) {
  const std::optional<uint64_t> value = parse_decimal(text);
  if (!value || *value > max) return std::nullopt;
  return value;
}

std::optional<uint16_t> parse_port(std::string_view text) {
  const std::optional<uint64_t> port = decimal_up_to(text, UINT16_MAX);
  if (!port || *port == 0) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

}  // namespace

std::optional<uint64_t> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > kDecimalDigitsMax) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<uint64_t>(c - '0');
  return value;
}

std::optional<Ipv4> parse_ipv4(std::string_view text) {
  uint32_t address = 0;
  for (int octet = 0; octet < 4; ++octet) {
    const bool last = octet == 3;
    const size_t end = last ? text.size() : text.find('.');
    if (end == std::string_view::npos) return std::nullopt;
    const std::optional<uint64_t> value = decimal_up_to(text.substr(0, end), UINT8_MAX);
    if (!value) return std::nullopt;
    address = address << 8 | static_cast<uint32_t>(*value);
    text.remove_prefix(last ? end : end + 1);
  }
  return Ipv4{address};
}

// IPv6 in hexadecimal groups alone: a tail in IPv4's form would be IPv4 by another name, or an
// address that no host has (RFC 4291 2.5.5).
std::optional<Ip> parse_address(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return parse_ipv4(text);
  be64 wire[2];
  if (text.find('.') != std::string_view::npos || text.find('\0') != std::string_view::npos ||
      inet_pton(AF_INET6, std::string(text).c_str(), wire) != 1)
    return std::nullopt;
  const Ip address{wire[0].get(), wire[1].get()};
  if (address.is_v4()) return std::nullopt;
  return address;
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<Ip> address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const std::optional<uint64_t> length =
      decimal_up_to(text.substr(slash + 1), prefix_length_max(*address));
  if (!length) return std::nullopt;
  return Prefix{*address, static_cast<uint8_t>(*length)};
}

std::optional<Prefix> parse_groups(std::string_view text) {
  std::optional<Prefix> prefix = parse_prefix(text);
  if (const std::optional<Ip> one = parse_address(text))
    prefix = Prefix{*one, prefix_length_max(*one)};
  if (!prefix || !prefix->address.is_multicast()) return std::nullopt;
  const uint8_t all_groups = prefix->address.is_v4() ? 4 : 8;  // 224.0.0.0/4, ff00::/8
  if (prefix->length < all_groups) return std::nullopt;
  return prefix->address == prefix->network() ? prefix : std::nullopt;
}

std::optional<Mac> parse_mac(std::string_view text) {
  constexpr size_t kMacTextBytes = 17;
  if (text.size() != kMacTextBytes) return std::nullopt;
  Mac mac;
  for (size_t i = 0; i < sizeof mac.b; ++i) {
    const char* pair = text.data() + 3 * i;
    if (!is_hex_digit(pair[0]) || !is_hex_digit(pair[1])) return std::nullopt;
    if (i + 1 < sizeof mac.b && pair[2] != ':') return std::nullopt;
    std::from_chars(pair, pair + 2, mac.b[i], 16);
  }
  return mac;
}

std::optional<PortRange> parse_port_range(std::string_view text) {
  const size_t dash = text.find('-');
  const std::optional<uint16_t> first = parse_port(text.substr(0, dash));
  const std::optional<uint16_t> last =
      dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{*first, *last};
}

std::optional<BindGrant> parse_bind_grant(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<PortRange> ports = parse_port_range(text.substr(colon + 1));
  if (!ports) return std::nullopt;
  std::string_view address_text = text.substr(0, colon);
  if (address_text == "*") return BindGrant{std::nullopt, *ports};
  const bool brackets = address_text.starts_with('[') && address_text.ends_with(']');
  if (brackets) address_text = address_text.substr(1, address_text.size() - 2);
  const std::optional<Ip> address = parse_address(address_text);
  if (address && address->is_v4() == brackets) return std::nullopt;  // RFC 3986 3.2.2
  if (!address) return std::nullopt;
  return BindGrant{*address, *ports};
}

std::optional<uint32_t> parse_mode(std::string_view text) {
  if (text.size() != 4 || text[0] != '0') return std::nullopt;
  uint32_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode << 3 | static_cast<uint32_t>(c - '0');
  }
  return mode;
}

std::string to_text(Ip ip) {
  if (!ip.is_v4()) {
    const be64 wire[2] = {be64::of(ip.hi), be64::of(ip.lo)};
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(AF_INET6, wire, text, sizeof text);
  }
  const Ipv4 address = ip.v4();
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += std::to_string(address.v >> shift & UINT8_MAX);
    if (shift > 0) text += '.';
  }
  return text;
}

std::string to_text(const Prefix& prefix) {
  return to_text(prefix.address) + "/" + std::to_string(prefix.length);
}

std::string to_text(const Mac& mac) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t octet : mac.b) {
    if (!text.empty()) text += ':';
    text += kHex[octet >> 4];
    text += kHex[octet & 0xf];
  }
  return text;
}

}  // namespace pinion::config
