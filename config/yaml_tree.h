// YAML text -> a small tree that remembers where each value stood and how it was written. What a
// configuration must not contain (tags, aliases, second documents, ...) is reported here, so the
// readers see only mappings, lists and text. yaml-cpp is known to yaml_tree.cpp alone.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/errors.h"

namespace pinion::config {

struct Member;

struct Node {
  enum class Kind : uint8_t {
    refused,  // already reported: readers pass over it in silence
    null,     // nothing, or a plain ~ or null
    scalar,
    list,
    mapping
  };
  Kind kind = Kind::refused;
  Place place;
  bool quoted = false;          // scalar: 'x' or "x", which is never a number or a boolean
  std::string text;             // scalar
  std::vector<Node> items;      // list
  std::vector<Member> members;  // mapping; keys are unique
};

struct Member {
  std::string key;
  Place place;
  Node value;
};

// The document's root, or nothing when the text is not such a document; then errors says why.
std::optional<Node> read_tree(std::string_view text, Errors& errors);

}  // namespace pinion::config
