// See table.h.
#include "gateway/ctl/table.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace pinion::gatewayctl {

namespace {

constexpr size_t kNameWidth = 26;  // pinionctl's

using Json = nlohmann::ordered_json;

// Rows or facts of one name that follow each other.
struct Group {
  std::string kind, title;
  std::vector<Json> objects;
};

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

std::string value_text(const Json& value) {
  return printable(value.is_string() ? value.get<std::string>() : value.dump());
}

bool is_number(const std::string& text) {
  return text == "-" ||
         (!text.empty() && text.find_first_not_of("0123456789.-") == std::string::npos);
}

void append_padded(std::string& out, const std::string& text, size_t width, bool right) {
  const std::string padding(width - std::min(width, text.size()), ' ');
  out += right ? padding + text : text + padding;
}

void end_line(std::string& out) {
  while (out.ends_with(' ')) out.pop_back();
  out += '\n';
}

void append_facts(std::string& out, const Group& group) {
  for (const Json& object : group.objects) {
    for (auto field = std::next(object.begin()); field != object.end(); ++field) {
      append_padded(out, printable(field.key()), kNameWidth, false);
      out += ' ' + value_text(field.value());
      end_line(out);
    }
  }
}

struct Column {
  std::string key;
  std::vector<std::string> cells;  // its name first
  bool numbers = true;
  size_t width = 0;

  void add(std::string cell) {
    if (!cells.empty()) numbers = numbers && is_number(cell);
    width = std::max(width, cell.size());
    cells.push_back(std::move(cell));
  }
};

// Every name that any row has, where it first comes up; "-" where a row has none.
std::vector<Column> columns_of(const Group& group) {
  std::vector<Column> columns;
  for (const Json& object : group.objects) {
    for (auto field = std::next(object.begin()); field != object.end(); ++field) {
      const bool known = std::any_of(columns.begin(), columns.end(),
                                     [&](const Column& c) { return c.key == field.key(); });
      if (known) continue;
      columns.push_back({.key = field.key(), .cells = {}});
      columns.back().add(printable(field.key()));
    }
  }
  for (const Json& object : group.objects) {
    for (Column& column : columns) {
      const auto field = object.find(column.key);
      column.add(field == object.end() ? "-" : value_text(*field));
    }
  }
  return columns;
}

void append_table(std::string& out, const Group& group) {
  const std::vector<Column> columns = columns_of(group);
  for (size_t line = 0; line <= group.objects.size(); ++line) {
    for (const Column& column : columns) {
      append_padded(out, column.cells[line], column.width, column.numbers);
      out += "  ";
    }
    end_line(out);
  }
}

std::vector<Group> groups_of(const std::vector<std::string>& lines) {
  std::vector<Group> groups;
  for (const std::string& line : lines) {
    Json object = Json::parse(line, nullptr, false);
    const bool good = object.is_object() && !object.empty() && object.begin()->is_string() &&
                      (object.begin().key() == "row" || object.begin().key() == "facts");
    if (!good) object = Json{{"facts", ""}, {"unreadable", line}};
    const std::string kind = object.begin().key(), title = object.begin()->get<std::string>();
    if (groups.empty() || groups.back().kind != kind || groups.back().title != title)
      groups.push_back({kind, title, {}});
    groups.back().objects.push_back(std::move(object));
  }
  return groups;
}

}  // namespace

std::string to_text(const std::vector<std::string>& lines) {
  const std::vector<Group> groups = groups_of(lines);
  std::string out;
  for (const Group& group : groups) {
    if (!out.empty()) out += '\n';
    if (groups.size() > 1 && !group.title.empty()) out += printable(group.title) + '\n';
    if (group.kind == "facts") append_facts(out, group);
    else append_table(out, group);
  }
  return out;
}

}  // namespace pinion::gatewayctl
