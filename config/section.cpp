// See section.h.
#include "config/section.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>
#include <utility>

#include "config/parse.h"

namespace pinion::config {
namespace {

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_visible(char c) { return c > ' ' && c <= '~'; }

bool is_word(std::string_view text, size_t bytes_max, std::string_view also) {
  if (text.empty() || text.size() > bytes_max) return false;
  if (!is_alpha(text[0]) && text[0] != '_') return false;
  return std::all_of(text.begin(), text.end(), [also](char c) {
    return is_alpha(c) || is_digit(c) || also.find(c) != std::string_view::npos;
  });
}

constexpr size_t kNameBytesMax = 31;
constexpr size_t kUserBytesMax = 32;   // LOGIN_NAME_MAX of utmp
constexpr size_t kPathBytesMax = 107;  // sun_path of a UNIX socket, without its NUL
constexpr size_t kVdevBytesMax = 255;

bool is_name(std::string_view text) { return is_word(text, kNameBytesMax, "_-."); }
bool is_user(std::string_view text) { return is_word(text, kUserBytesMax, "_-.$@"); }

bool is_path(std::string_view text) {
  return text.size() >= 2 && text.size() <= kPathBytesMax && text[0] == '/' && text.back() != '/' &&
         std::all_of(text.begin(), text.end(), is_visible);
}

bool is_vdev(std::string_view text) {
  constexpr std::string_view kPrefix = "net_";
  return text.starts_with(kPrefix) && text.size() > kPrefix.size() &&
         text.size() <= kVdevBytesMax && std::all_of(text.begin(), text.end(), is_visible);
}

// Domain, bus, device (5 bits) and function (3 bits), as Linux writes them.
bool is_pci(std::string_view text) {
  constexpr std::string_view kForm = "xxxx:xx:xx.x";
  if (text.size() != kForm.size() || text[8] > '1' || text.back() > '7') return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool hex = is_digit(text[i]) || (text[i] >= 'a' && text[i] <= 'f');
    if (kForm[i] == 'x' ? !hex : text[i] != kForm[i]) return false;
  }
  return true;
}

// Words that YAML readers take for booleans or nothing.
bool is_yaml_word(std::string_view text) {
  constexpr std::array<std::string_view, 7> kWords = {"yes",  "no",    "on",  "off",
                                                      "true", "false", "null"};
  constexpr size_t kLongest = 5;
  if (text.size() > kLongest) return false;
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

std::string what_stands(const Node& node) {
  switch (node.kind) {
    case Node::Kind::refused: break;
    case Node::Kind::null: return "empty";
    case Node::Kind::scalar: return (node.quoted ? "the quoted text " : "") + quoted(node.text);
    case Node::Kind::list: return "a list";
    case Node::Kind::mapping: return "a mapping";
  }
  return "refused";
}

// Levenshtein's: insertions, deletions and replacements that turn a into b.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row[b.size()];
}

// The known key that was probably meant, or an empty one. A forgotten unit counts as near.
std::string_view nearest(std::string_view key, const std::vector<std::string_view>& known) {
  constexpr size_t kKeyBytesMax = 40;  // longer ones resemble nothing and cost time
  if (key.empty() || key.size() > kKeyBytesMax) return {};
  std::string_view best;
  size_t best_distance = kKeyBytesMax;
  for (const std::string_view candidate : known) {
    const bool longer = candidate.size() > key.size();
    if (longer && candidate.starts_with(key) && candidate[key.size()] == '_') return candidate;
    const size_t distance = edit_distance(key, candidate);
    const size_t allowed = std::max<size_t>(1, std::max(key.size(), candidate.size()) / 3);
    if (distance > allowed || distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

bool contains(const std::vector<std::string_view>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string join(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

// Why one host cannot have this address (RFC 1122 section 3.2.1.3; RFC 1112 section 4 for
// 240/4; RFC 4291 section 2.4 for IPv6); empty if it can.
std::string_view not_a_host(Ip ip) {
  if (!ip.is_v4()) {
    if (ip.is_multicast()) return "a multicast address";
    if (ip.is_any()) return "'::', the unspecified address";
    return is_host_address(ip) ? "" : "the loopback address, or in the reserved ::/96";
  }
  const Ipv4 address = ip.v4();
  if (address.is_limited_broadcast()) return "the broadcast address";
  if (address.v >> 24 == 0) return "in 0.0.0.0/8, 'this network'";
  if (address.is_loopback()) return "a loopback address";
  if (address.is_multicast()) return "a multicast address";
  if (address.is_reserved()) return "in the reserved 240.0.0.0/4";
  return {};
}

}  // namespace

const TextRule kNameRule = {
    is_name, "a name: a letter or _, then letters, digits, '_', '-' or '.'; at most 31 bytes"};
const TextRule kUserRule = {is_user, "a user or group name"};
const TextRule kPathRule = {is_path, "an absolute path of at most 107 bytes, without spaces"};
const TextRule kVdevRule = {is_vdev,
                            "a DPDK virtual device such as \"net_af_packet0,iface=veth0\""};
const TextRule kPciRule = {is_pci, "a PCI address such as \"0000:3b:00.0\""};

void report(const Node& node, std::string_view key, std::string_view expected, Errors& errors) {
  if (node.kind == Node::Kind::refused) return;
  errors.add(node.place, "'" + std::string(key) + "' is " + what_stands(node) + "; expected " +
                             std::string(expected));
}

const std::string* scalar_text(const Node& node, std::string_view key, std::string_view expected,
                               Errors& errors) {
  if (node.kind != Node::Kind::scalar) {
    report(node, key, expected, errors);
    return nullptr;
  }
  if (!node.quoted && is_yaml_word(node.text)) {
    errors.add(node.place, "'" + std::string(key) + "' is the bare word " + quoted(node.text) +
                               ", a boolean or nothing to YAML; expected " + std::string(expected) +
                               "; in quotes if that word is meant");
    return nullptr;
  }
  return &node.text;
}

Section::Section(const Node& node, std::string_view what, Errors& errors)
    : node_(node), what_(what), errors_(errors) {
  if (is_mapping() || node.kind == Node::Kind::refused) return;
  errors_.add(node.place,
              std::string(what) + " is " + what_stands(node) + "; expected a mapping of keys");
}

const Node* Section::find(std::string_view key, Need need) {
  if (!contains(known_, key)) known_.push_back(key);
  if (const Member* member = member_of(key)) return &member->value;
  if (!is_mapping()) return nullptr;
  if (need == Need::required) {
    errors_.add(node_.place,
                std::string(what_) + " has no key '" + std::string(key) + "'; expected one");
  }
  return nullptr;
}

const Node* Section::list(std::string_view key, size_t items_max, Need need) {
  const Node* node = find(key, need);
  if (!node) return nullptr;
  const size_t items_min = need == Need::required ? 1 : 0;
  const std::string expected =
      "a list of " + std::to_string(items_min) + " to " + std::to_string(items_max) + " entries";
  if (node->kind != Node::Kind::list) {
    report(*node, key, expected, errors_);
    return nullptr;
  }
  if (node->items.size() < items_min || node->items.size() > items_max) {
    errors_.add(node->place, "'" + std::string(key) + "' has " +
                                 std::to_string(node->items.size()) + " entries; expected " +
                                 expected);
    return nullptr;
  }
  return node;
}

const Node* Section::boolean(std::string_view key, bool& out) {
  const Node* node = find(key);
  if (!node) return nullptr;
  const bool plain = node->kind == Node::Kind::scalar && !node->quoted;
  if (!plain || (node->text != "true" && node->text != "false")) {
    report(*node, key, "true or false", errors_);
    return nullptr;
  }
  out = node->text == "true";
  return node;
}

const Node* Section::text(std::string_view key, const TextRule& rule, std::string& out, Need need) {
  const Node* node = scalar(key, rule.expected, need);
  if (!node) return nullptr;
  if (!rule.accepts(node->text)) {
    report(*node, key, rule.expected, errors_);
    return nullptr;
  }
  out = node->text;
  return node;
}

const Node* Section::scalar(std::string_view key, std::string_view expected, Need need) {
  const Node* node = find(key, need);
  return node && scalar_text(*node, key, expected, errors_) ? node : nullptr;
}

void Section::unsupported(std::string_view key, std::string_view sentence) {
  later_.push_back(key);
  const Member* member = member_of(key);
  if (!member) return;
  errors_.add(member->place, "'" + std::string(key) + "' " + std::string(sentence));
}

void Section::finish() {
  for (const Member& member : node_.members) {
    if (errors_.full()) return;
    if (contains(known_, member.key) || contains(later_, member.key)) continue;
    const std::string_view meant = nearest(member.key, known_);
    const std::string hint = meant.empty() ? "; expected one of: " + join(known_)
                                           : "; did you mean '" + std::string(meant) + "'?";
    errors_.add(member.place,
                "unknown key " + quoted(member.key) + " in " + std::string(what_) + hint);
  }
}

const Member* Section::member_of(std::string_view key) const {
  const auto is_key = [key](const Member& member) { return member.key == key; };
  const auto member = std::find_if(node_.members.begin(), node_.members.end(), is_key);
  return member == node_.members.end() ? nullptr : &*member;
}

const Node* Section::read_number(std::string_view key, Range range, uint64_t& out, Need need) {
  const Node* node = find(key, need);
  if (!node) return nullptr;
  const std::string bounds = std::to_string(range.min) + " to " + std::to_string(range.max);
  const bool plain = node->kind == Node::Kind::scalar && !node->quoted;
  const std::optional<uint64_t> value = plain ? parse_decimal(node->text) : std::nullopt;
  if (!value) {
    report(*node, key, "a number from " + bounds + ", in plain decimal digits", errors_);
    return nullptr;
  }
  if (*value < range.min || *value > range.max) {
    report(*node, key, "a number from " + bounds, errors_);
    return nullptr;
  }
  out = *value;
  return node;
}

const Node* Section::read_keyword(std::string_view key, std::span<const std::string_view> words,
                                  size_t& index) {
  const Node* node = find(key);
  if (!node) return nullptr;
  const auto word = std::find(words.begin(), words.end(), node->text);
  if (node->kind != Node::Kind::scalar || word == words.end()) {
    report(*node, key, "one of: " + join(words), errors_);
    return nullptr;
  }
  index = static_cast<size_t>(word - words.begin());
  return node;
}

bool check_host(const Node& node, std::string_view key, Ip address, Errors& errors) {
  const std::string_view fault = not_a_host(address);
  if (fault.empty()) return true;
  errors.add(node.place, "'" + std::string(key) + "' " + to_text(address) + " is " +
                             std::string(fault) + "; expected the address of a host");
  return false;
}

void read_version(Section& root) {
  const Node* node = root.find("version", Need::required);
  if (!node) return;
  const bool plain = node->kind == Node::Kind::scalar && !node->quoted;
  if (plain && parse_decimal(node->text) == kVersion) return;
  report(*node, "version", std::to_string(kVersion), root.errors());
}

}  // namespace pinion::config
