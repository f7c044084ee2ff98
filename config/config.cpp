// See config.h: bytes -> tree (yaml_tree) -> values (sections) -> a whole (cross_check).
#include "config/config.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <cstring>

#include "config/draft.h"
#include "config/text_check.h"
#include "config/yaml_tree.h"

namespace pinion::config {
namespace {

constexpr size_t kAccountBytesMax = 1u << 20;  // of one entry in the group file

// Asks getpwnam_r or getgrnam_r, with more room until the entry fits.
template <class Entry, class Ask>
std::optional<Entry> ask_account(const std::string& name, std::string& room, Ask ask) {
  for (size_t bytes = 1024; bytes <= kAccountBytesMax; bytes *= 4) {
    room.resize(bytes);
    Entry entry{};
    Entry* found = nullptr;
    if (ask(name.c_str(), &entry, room.data(), room.size(), &found) == ERANGE) continue;
    if (!found) return std::nullopt;
    return entry;
  }
  return std::nullopt;
}

std::optional<uint32_t> uid_of(const std::string& name) {
  std::string room;
  const std::optional<passwd> entry = ask_account<passwd>(name, room, getpwnam_r);
  if (!entry) return std::nullopt;
  return entry->pw_uid;
}

std::optional<uint32_t> gid_of(const std::string& name) {
  std::string room;
  const std::optional<group> entry = ask_account<group>(name, room, getgrnam_r);
  if (!entry) return std::nullopt;
  return entry->gr_gid;
}

}  // namespace

std::vector<Device> all_devices(const Config& config) {
  std::vector<Device> all;
  for (const Nic& nic : config.nics) {
    all.push_back(nic.device);
    if (nic.backup) all.push_back(*nic.backup);
  }
  return all;
}

Lookups system_lookups() { return {uid_of, gid_of}; }

int load(std::string_view text, std::string_view file_name, Config& out,
         std::vector<ConfigError>& errors, const Lookups& lookups) {
  Errors found;
  Draft draft;
  if (const std::optional<Node> root = read_tree(text, found)) {
    read_sections(*root, draft, found);
    cross_check(draft, lookups, found);
  }
  errors = found.take(file_name);
  if (!errors.empty()) return -EINVAL;
  out = std::move(draft.config);
  out.warnings = draft.warnings.take(file_name);
  return 0;
}

int load_file(const std::string& path, Config& out, std::vector<ConfigError>& errors,
              const Lookups& lookups) {
  std::string text;
  if (const int failure = read_file(path, text); failure != 0) {
    errors = {{path, 1, 1, std::string("cannot be read: ") + std::strerror(-failure)}};
    return failure;
  }
  return load(text, path, out, errors, lookups);
}

std::string format_errors(const std::vector<ConfigError>& errors) {
  std::string text;
  for (const ConfigError& error : errors) {
    text += error.file + ":" + std::to_string(error.line) + ":" + std::to_string(error.column) +
            ": " + error.message + "\n";
  }
  return text;
}

}  // namespace pinion::config
