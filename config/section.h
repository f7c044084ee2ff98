// Reads one mapping, key by key. Whoever reads a mapping asks for every key it knows, then calls
// finish(): keys nobody asked for are unknown. Readers return the node of a value they
// accepted and null otherwise, having reported why; then the default stays.
#pragma once
#include <concepts>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "config/yaml_tree.h"

namespace pinion::config {

struct Range {
  uint64_t min, max;
};

// What a text value must look like, and how to say so.
struct TextRule {
  bool (*accepts)(std::string_view text);
  std::string_view expected;
};

extern const TextRule kNameRule;  // of cores, NICs and the instance
extern const TextRule kUserRule;  // of users and groups
extern const TextRule kPathRule;
extern const TextRule kVdevRule;
extern const TextRule kPciRule;

enum class Need : uint8_t { optional, required };

// Reports that the value of key is not what was expected.
void report(const Node& node, std::string_view key, std::string_view expected, Errors& errors);

// The text of a scalar, quoted or not; a bare yes, off, null, ... is reported.
const std::string* scalar_text(const Node& node, std::string_view key, std::string_view expected,
                               Errors& errors);

class Section {
 public:
  // what: how messages call this mapping ("a core"). The node must outlive the Section.
  Section(const Node& node, std::string_view what, Errors& errors);

  const Node* find(std::string_view key, Need need = Need::optional);
  // A list of at most items_max entries; required lists have at least one.
  const Node* list(std::string_view key, size_t items_max, Need need = Need::optional);
  const Node* boolean(std::string_view key, bool& out);
  const Node* text(std::string_view key, const TextRule& rule, std::string& out,
                   Need need = Need::optional);
  // A scalar whose text the caller parses: see report().
  const Node* scalar(std::string_view key, std::string_view expected, Need need = Need::optional);
  // A key that belongs to a later version; says so where it stands.
  void unsupported(std::string_view key, std::string_view sentence);
  void finish();

  template <std::unsigned_integral T>
  const Node* number(std::string_view key, Range range, T& out, Need need = Need::optional) {
    uint64_t value = 0;
    const Node* node = read_number(key, range, value, need);
    if (node) out = static_cast<T>(value);
    return node;
  }
  // One of words; out is the word's position in the list.
  template <class Enum>
  const Node* keyword(std::string_view key, std::span<const std::string_view> words, Enum& out) {
    size_t index = 0;
    const Node* node = read_keyword(key, words, index);
    if (node) out = static_cast<Enum>(index);
    return node;
  }

  Errors& errors() { return errors_; }
  Place place() const { return node_.place; }
  bool has(std::string_view key) const { return member_of(key) != nullptr; }

 private:
  const Node* read_number(std::string_view key, Range range, uint64_t& out, Need need);
  const Node* read_keyword(std::string_view key, std::span<const std::string_view> words,
                           size_t& index);
  const Member* member_of(std::string_view key) const;
  bool is_mapping() const { return node_.kind == Node::Kind::mapping; }

  const Node& node_;
  std::string_view what_;
  Errors& errors_;
  std::vector<std::string_view> known_;  // keys that were asked for
  std::vector<std::string_view> later_;  // keys of later versions: known, but never suggested
};

// Where an accepted value stood; nowhere if it was not accepted.
inline Place place_of(const Node* node) { return node ? node->place : Place{}; }

// The value behind a scalar's text, by one of the parsers of parse.h.
template <class T>
bool parse_value(const Node& node, std::string_view key, std::string_view expected,
                 std::optional<T> (*parse)(std::string_view), T& out, Errors& errors) {
  const std::string* text = scalar_text(node, key, expected, errors);
  if (!text) return false;
  const std::optional<T> value = parse(*text);
  if (value) {
    out = *value;
    return true;
  }
  report(node, key, expected, errors);
  return false;
}

// As parse_value(), of a key that must be there; the value's place, or nowhere.
template <class T>
Place parse_key(Section& section, std::string_view key, std::string_view expected,
                std::optional<T> (*parse)(std::string_view), T& out) {
  const Node* node = section.find(key, Need::required);
  if (!node || !parse_value(*node, key, expected, parse, out, section.errors())) return {};
  return node->place;
}

// Whether a host can have this address; if not, that is reported.
bool check_host(const Node& node, std::string_view key, Ip address, Errors& errors);

// The key 'version', which every file has.
void read_version(Section& root);

}  // namespace pinion::config
