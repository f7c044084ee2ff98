// See yaml_tree.h. Reads yaml-cpp's events rather than its nodes: only the events still tell
// quoted from plain and a repeated key from a single one. Events arrive before yaml-cpp descends,
// so refusing a level there bounds its recursion, too.
#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <set>
#include <sstream>
#include <utility>

#include "config/text_check.h"

namespace pinion::config {
namespace {

// Leaves yaml-cpp in the middle of a text, after its error has been added.
struct Abandon : std::exception {};

Place place_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {1, 1};
  return {static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1};
}

// Where a syntax error is; yaml-cpp may count a little past the end of the text.
Place place_within(std::string_view text, const YAML::Mark& mark) {
  if (mark.is_null() || static_cast<size_t>(mark.pos) <= text.size()) return place_of(mark);
  const auto lines = std::count(text.begin(), text.end(), '\n');
  const size_t line_start = text.rfind('\n') + 1;  // 0 when there is only one line
  return {static_cast<uint32_t>(lines) + 1, static_cast<uint32_t>(text.size() - line_start) + 1};
}

bool is_quote(char c) { return c == '"' || c == '\''; }

// Whether the quoted text that text begins with ends on its line. yaml-cpp closes an open quote
// at the end of the file by itself, and so would accept a file that was cut off.
bool is_closed(std::string_view text) {
  const char quote = text[0];
  text = text.substr(1, text.find('\n') - 1);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool doubled = quote == '\'' && text.substr(i, 2) == "''";
    if (text[i] == quote && !doubled) return true;
    if (doubled || (quote == '"' && text[i] == '\\')) ++i;  // and what it protects
  }
  return false;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, Errors& errors) : text_(text), errors_(errors) {}

  // After the last event of a document.
  std::optional<Node> take_root() { return std::exchange(root_, std::nullopt); }

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override { close(); }

 private:
  // A list or mapping whose end has not been seen.
  struct Open {
    Node node;
    std::set<std::string> keys;
    bool has_key = false;  // mapping: the next value belongs to key
    bool key_refused = false;
    std::string key;
    Place key_place;
  };

  char first_char(const YAML::Mark& mark) const;
  bool has_properties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor);
  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor);
  void close();
  void attach(Node node);
  void take_key(Open& mapping, Node node);

  std::string_view text_;
  Errors& errors_;
  std::vector<Open> open_;
  std::optional<Node> root_;
  bool seen_document_ = false;
};

void TreeBuilder::OnDocumentStart(const YAML::Mark& mark) {
  if (seen_document_) {
    errors_.add(place_of(mark), "a second document begins here; expected one document a file");
    throw Abandon{};
  }
  seen_document_ = true;
}

void TreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  Node node;
  node.place = place_of(mark);
  if (!has_properties(mark, "?", anchor)) node.kind = Node::Kind::null;
  attach(std::move(node));
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t) {
  Node node;
  node.place = place_of(mark);
  errors_.add(node.place, "aliases (*name) are not accepted; expected the value itself");
  attach(std::move(node));
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
  Node node;
  node.place = place_of(mark);
  const char first = first_char(mark);
  if (first == '|' || first == '>') {
    errors_.add(node.place, "block text (| and >) is not accepted; expected a value on one line");
  } else if (is_quote(first) && !is_closed(text_.substr(static_cast<size_t>(mark.pos)))) {
    errors_.add(node.place, "this quote has no end; expected another one on the same line");
  } else if (!has_properties(mark, tag, anchor)) {
    node.kind = Node::Kind::scalar;
    node.quoted = is_quote(first);
    node.text = value;
  }
  attach(std::move(node));
}

void TreeBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                                  YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  open(Node::Kind::list, mark, tag, anchor);
}

void TreeBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             YAML::EmitterStyle::value) {
  open(Node::Kind::mapping, mark, tag, anchor);
}

char TreeBuilder::first_char(const YAML::Mark& mark) const {
  const size_t position = mark.pos < 0 ? text_.size() : static_cast<size_t>(mark.pos);
  return position < text_.size() ? text_[position] : '\0';
}

// Tags and anchors stand in front of their value, so its mark points at them; yaml-cpp reports the
// non-specific tag "!" exactly as it reports quotes, and forgets the tag of an empty value.
bool TreeBuilder::has_properties(const YAML::Mark& mark, const std::string& tag,
                                 YAML::anchor_t anchor) {
  const char first = first_char(mark);
  const bool anchored = anchor != YAML::NullAnchor || first == '&';
  const bool tagged = first == '!' || (tag != "?" && tag != "!");
  const char* expected = "expected the value alone";
  if (anchored) {
    errors_.add(place_of(mark), std::string("anchors (&name) are not accepted; ") + expected);
  }
  if (tagged) {
    errors_.add(place_of(mark), std::string("tags (!type) are not accepted; ") + expected);
  }
  return anchored || tagged;
}

void TreeBuilder::open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor) {
  if (open_.size() >= static_cast<size_t>(kDepthMax)) {
    errors_.add(place_of(mark),
                "nested too deeply; expected at most " + std::to_string(kDepthMax) + " levels");
    throw Abandon{};
  }
  has_properties(mark, tag, anchor);  // reported; the contents can still be read
  Open& opened = open_.emplace_back();
  opened.node.kind = kind;
  opened.node.place = place_of(mark);
}

void TreeBuilder::close() {
  Node node = std::move(open_.back().node);
  open_.pop_back();
  attach(std::move(node));
}

void TreeBuilder::attach(Node node) {
  if (open_.empty()) {
    root_ = std::move(node);
    return;
  }
  Open& parent = open_.back();
  if (parent.node.kind == Node::Kind::list) {
    parent.node.items.push_back(std::move(node));
  } else if (!parent.has_key) {
    take_key(parent, std::move(node));
  } else {
    parent.has_key = false;
    if (parent.key_refused) return;
    // Nothing stands nowhere: yaml-cpp gives the place of what follows.
    if (node.kind == Node::Kind::null) node.place = parent.key_place;
    parent.node.members.push_back({std::move(parent.key), parent.key_place, std::move(node)});
  }
}

void TreeBuilder::take_key(Open& mapping, Node node) {
  mapping.has_key = true;
  mapping.key_refused = true;
  mapping.key_place = node.place;
  if (node.kind == Node::Kind::refused) return;
  if (node.kind != Node::Kind::scalar) {
    errors_.add(node.place, "this key is not a word; expected 'key: value'");
    return;
  }
  if (node.text == "<<") {
    errors_.add(node.place, "merge keys (<<) are not accepted; expected the keys themselves");
    return;
  }
  if (!mapping.keys.insert(node.text).second) {
    errors_.add(node.place, "duplicate key " + quoted(node.text) + "; expected each key once");
    return;
  }
  mapping.key_refused = false;
  mapping.key = std::move(node.text);
}

std::optional<Node> parse(std::string_view text, Errors& errors) {
  TreeBuilder builder(text, errors);
  std::istringstream in{std::string(text)};
  YAML::Parser parser(in);
  while (parser.HandleNextDocument(builder)) {
  }
  return builder.take_root();
}

}  // namespace

std::optional<Node> read_tree(std::string_view text, Errors& errors) {
  if (!check_text(text, errors)) return std::nullopt;
  try {
    std::optional<Node> root = parse(text, errors);
    if (!root) errors.add({1, 1}, "the file is empty; expected 'version: 1' and the sections");
    return root;
  } catch (const Abandon&) {
    return std::nullopt;
  } catch (const YAML::Exception& why) {
    errors.add(place_within(text, why.mark), "not valid YAML: " + printable(why.msg));
    return std::nullopt;
  } catch (const std::exception& why) {
    errors.add({1, 1}, std::string("the file cannot be read as YAML: ") + why.what());
    return std::nullopt;
  }
}

}  // namespace pinion::config
