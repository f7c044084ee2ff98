// See values.h.
#include "gateway/config/values.h"

#include <algorithm>
#include <set>

#include "config/parse.h"

namespace pinion::gateway {

namespace {

using namespace pinion::config;

constexpr size_t kEnvironmentBytesMax = 63;
constexpr size_t kSymbolBytesMax = 8;  // of ITCH and OUCH
constexpr size_t kFirmBytesMax = 4;
constexpr size_t kCompIdBytesMax = 64;
constexpr size_t kStateDirBytesMax = 80;  // behind it stand the names of sockets, of 107 together
constexpr size_t kStackFileBytesMax = 1023;
constexpr size_t kZoneBytesMax = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_visible(char c) { return c > ' ' && c <= '~'; }

template <class Accepts>
bool is_word(std::string_view text, size_t bytes_max, Accepts accepts) {
  return !text.empty() && text.size() <= bytes_max &&
         std::all_of(text.begin(), text.end(), accepts);
}

bool is_environment(std::string_view text) {
  return is_word(text, kEnvironmentBytesMax,
                 [](char c) { return is_letter(c) || is_digit(c) || c == '_'; }) &&
         !is_digit(text[0]);
}

bool is_symbol(std::string_view text) {
  return is_word(text, kSymbolBytesMax, [](char c) { return is_visible(c) && !is_lower(c); });
}

bool is_firm(std::string_view text) {
  return is_word(text, kFirmBytesMax, [](char c) { return is_visible(c) && !is_lower(c); });
}

// No SOH, then, which would end the field, and no space at an end, which nobody would see.
bool is_comp_id(std::string_view text) {
  return is_word(text, kCompIdBytesMax, [](char c) { return c == ' ' || is_visible(c); }) &&
         text.front() != ' ' && text.back() != ' ';
}

bool is_state_dir(std::string_view text) {
  return kPathRule.accepts(text) && text.size() <= kStateDirBytesMax;
}

bool is_stack_file(std::string_view text) {
  return is_word(text, kStackFileBytesMax, is_visible) && text.back() != '/';
}

bool is_zone(std::string_view text) {
  return is_word(text, kZoneBytesMax,
                 [](char c) {
                   return is_letter(c) || is_digit(c) || c == '/' || c == '_' || c == '-' ||
                          c == '+';
                 }) &&
         is_letter(text[0]);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<Ipv4> address = parse_ipv4(text.substr(0, colon));
  const std::optional<PortRange> ports = parse_port_range(text.substr(colon + 1));
  if (!address || !ports || ports->first != ports->last) return std::nullopt;
  return Endpoint{.ip = to_text(*address), .port = ports->first};
}

Place check_ours(const Node& node, std::string_view key, Ipv4 address, Draft& draft,
                 Errors& errors) {
  if (address.is_loopback()) {
    draft.loopbacks.push_back({node.place, to_text(address)});
    return node.place;
  }
  return check_host(node, key, address, errors) ? node.place : Place{};
}

}  // namespace

const TextRule kEnvironmentRule = {
    is_environment,
    "the name of an environment variable: letters, digits and '_', no digit first; at most 63 "
    "bytes"};
const TextRule kSymbolRule = {is_symbol, "a symbol: 1 to 8 visible characters, in capitals"};
const TextRule kFirmRule = {is_firm, "a firm of the venue: 1 to 4 visible characters, in capitals"};
const TextRule kCompIdRule = {
    is_comp_id, "an identity of FIX: printable ASCII, no space at its ends; at most 64 bytes"};
const TextRule kStateDirRule = {is_state_dir,
                                "an absolute path of at most 80 bytes, without spaces"};
const TextRule kStackFileRule = {is_stack_file, "the path of a piniond.yaml, without spaces"};
const TextRule kZoneRule = {is_zone, "a time zone such as America/New_York"};

std::optional<int64_t> parse_time_of_day(std::string_view text) {
  constexpr std::string_view kForm = "dd:dd:dd";
  if (text.size() != kForm.size()) return std::nullopt;
  for (size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == 'd' ? !is_digit(text[i]) : text[i] != kForm[i]) return std::nullopt;
  const auto two = [text](size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
  if (two(0) > 23 || two(3) > 59 || two(6) > 59) return std::nullopt;
  return int64_t{two(0)} * 3600 + two(3) * 60 + two(6);
}

Place read_endpoint(const Node& node, std::string_view key, Endpoint& out, Draft& draft,
                    Errors& errors) {
  constexpr std::string_view kForm = "an IPv4 address and a port, such as \"10.20.0.5:9878\"";
  Endpoint endpoint;
  if (!parse_value(node, key, kForm, parse_endpoint, endpoint, errors)) return {};
  const Place place = check_ours(node, key, *parse_ipv4(endpoint.ip), draft, errors);
  if (place.known()) out = endpoint;
  return place;
}

Place read_host(const Node& node, std::string_view key, std::string& out, Draft& draft,
                Errors& errors) {
  Ipv4 address;
  if (!parse_value(node, key, "an IPv4 address such as 10.20.0.5", parse_ipv4, address, errors))
    return {};
  const Place place = check_ours(node, key, address, draft, errors);
  if (place.known()) out = to_text(address);
  return place;
}

const Node* read_int64(Section& section, std::string_view key, Range range, int64_t& out,
                       Need need) {
  uint64_t value = 0;
  const Node* node = section.number(key, range, value, need);
  if (node) out = static_cast<int64_t>(value);
  return node;
}

const Node* read_nanos(Section& section, std::string_view key, Range range, Nanos unit,
                       Nanos& out) {
  int64_t value = 0;
  const Node* node = read_int64(section, key, range, value);
  if (node) out = value * unit;
  return node;
}

void read_symbols(Section& section, std::string_view key, size_t symbols_max, Need need,
                  std::vector<std::string>& out) {
  const Node* list = section.list(key, symbols_max, need);
  if (!list) return;
  std::set<std::string> seen;
  for (const Node& item : list->items) {
    const std::string* text = scalar_text(item, key, kSymbolRule.expected, section.errors());
    if (!text) continue;
    if (!kSymbolRule.accepts(*text)) {
      report(item, key, kSymbolRule.expected, section.errors());
    } else if (!seen.insert(*text).second) {
      section.errors().add(item.place,
                           "symbol " + quoted(*text) + " is there already; expected each once");
    } else {
      out.push_back(*text);
    }
  }
}

}  // namespace pinion::gateway
