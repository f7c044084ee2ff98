// See metrics.h. The page's names become families: "udp_sent" one of its own, "veth.rx_frames" the
// NIC's, "handed_over.udp" one with a reason, and what is left is a group, by its address.
#include "pinionctl/metrics.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>

namespace pinion::ctl {
namespace {

enum class Type { gauge, counter, untyped };

struct Family {
  Type type;
  std::string help;
  std::map<std::string, uint64_t> samples;  // by label; what has the same one is added up
};
using Families = std::map<std::string, Family>;

// \ and line ends, and quotes inside of them.
std::string escaped(const std::string& text, bool quoted) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || (quoted && c == '"')) out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string label(const char* name, const std::string& value) {
  return std::string("{") + name + "=\"" + escaped(value, true) + "\"}";
}

bool is_word(const std::string& text) {
  const auto fits = [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '_'; };
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), fits);
}

void add(Families& out, const std::string& name, Type type, const std::string& help,
         const std::string& labels, uint64_t value) {
  const std::string whole = "pinion_" + name + (type == Type::counter ? "_total" : "");
  Family& family = out.try_emplace(whole, Family{type, help, {}}).first->second;
  family.samples[labels] += value;
}

void add_named(Families& out, const std::string& name, Type type, const std::string& help,
               uint64_t value) {
  if (is_word(name)) return add(out, name, type, help, "", value);
  for (const char* family : {"handed_over", "copied"})
    if (name.starts_with(family + std::string(".")))
      return add(out, family, type, help, label("reason", name.substr(std::strlen(family) + 1)),
                 value);
  const size_t dot = name.rfind('.');
  // What a NIC has now is said with its state, which is no help for all.
  if (dot != std::string::npos && is_word(name.substr(dot + 1)))
    return add(out, "nic_" + name.substr(dot + 1), type, type == Type::gauge ? "" : help,
               label("nic", name.substr(0, dot)), value);
  add(out, "group_datagrams", type, "taken, of each group that is joined", label("group", name),
      value);
}

// Of a core's rows some say what is in use now, others what was counted.
void add_core(Families& out, const std::string& name, const std::string& help, uint64_t value) {
  const size_t dot = std::min(name.rfind('.'), name.size() - 1);
  add(out, "core_" + name.substr(dot + 1), Type::untyped, help, label("core", name.substr(0, dot)),
      value);
}

void add_entry(Families& out, const rio_status_entry& e) {
  const std::string name(e.name, strnlen(e.name, sizeof e.name));
  const std::string text(e.text, strnlen(e.text, sizeof e.text));
  if (name.empty()) return;
  switch (e.section) {
    case RIO_STATUS_GAUGE: return add_named(out, name, Type::gauge, text, e.value);
    case RIO_STATUS_COUNTER: return add_named(out, name, Type::counter, text, e.value);
    case RIO_STATUS_DROP:
      return add(out, "dropped_frames", Type::counter, "by reason: see pinionctl drops",
                 label("reason", name), e.value);
    case RIO_STATUS_CORE: return add_core(out, name, text, e.value);
    default: return;
  }
}

const char* name_of(Type type) {
  return type == Type::gauge ? "gauge" : type == Type::counter ? "counter" : "untyped";
}

}  // namespace

std::string metrics_of(const rio_status_page* page) {
  Families families;
  add(families, "up", Type::gauge, "the daemon runs", "", page != nullptr);
  for (uint32_t i = 0; page != nullptr && i < page->entries; ++i)
    add_entry(families, page->entry[i]);
  std::string out;
  for (const auto& [name, family] : families) {
    if (!family.help.empty()) out += "# HELP " + name + " " + escaped(family.help, false) + "\n";
    out += "# TYPE " + name + " " + name_of(family.type) + "\n";
    for (const auto& [labels, value] : family.samples)
      out += name + labels + " " + std::to_string(value) + "\n";
  }
  return out;
}

}  // namespace pinion::ctl
