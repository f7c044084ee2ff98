// See load.h: bytes -> tree (config/yaml_tree.h) -> values (*_section.cpp) -> a whole
// (cross_check.cpp).
#include "gateway/config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "config/text_check.h"
#include "config/yaml_tree.h"
#include "gateway/config/draft.h"

namespace pinion::gateway {

namespace {

using config::Errors;
using config::Place;

void read(std::string_view text, Draft& draft, Errors& errors) {
  const std::optional<config::Node> root = config::read_tree(text, errors);
  if (!root) return;
  read_sections(*root, draft, errors);
  cross_check(draft, errors);
}

int read_text(const std::string& path, std::string& text, ConfigErrors& errors) {
  const int failure = config::read_file(path, text);
  if (failure != 0)
    errors = {{path, 1, 1, std::string("cannot be read: ") + std::strerror(-failure)}};
  return failure;
}

// The daemon's file stands beside ours, wherever the gateway is started.
void resolve(StackConfig& stack, const std::string& path) {
  const size_t slash = path.rfind('/');
  if (stack.transport != Transport::embed || stack.path.starts_with('/')) return;
  if (slash != std::string::npos) stack.path.insert(0, path, 0, slash + 1);
}

int finish(Errors& found, std::string_view file_name, ConfigErrors& errors) {
  errors = found.take(file_name);
  return errors.empty() ? 0 : -EINVAL;
}

// Where the section stands, or the file's begin if it is gone.
Place place_of_section(const Draft& draft, std::string_view key) {
  const auto found = std::ranges::find(draft.sections, key, &SectionPlace::key);
  return found == draft.sections.end() ? Place{1, 1} : found->place;
}

// Sections in the order of the file's README.
std::vector<std::string_view> changed_sections(const Config& now, const Config& running) {
  std::vector<std::string_view> changed;
  const auto compare = [&changed](std::string_view key, bool same) {
    if (!same) changed.push_back(key);
  };
  compare("instance", now.instance == running.instance);
  compare("stack", now.stack == running.stack);
  compare("cpu", now.cpu == running.cpu);
  compare("spin", now.spin == running.spin);
  compare("state_dir", now.state_dir == running.state_dir);
  compare("orders_per_day_max", now.orders_per_day_max == running.orders_per_day_max);
  compare("open_orders_max", now.open_orders_max == running.open_orders_max);
  compare("nics", now.nics == running.nics);
  compare("venues", now.venue == running.venue);
  compare("sessions", now.clients == running.clients);
  compare("journal", now.journal == running.journal);
  compare("metrics", now.metrics == running.metrics);
  return changed;
}

void check_reload(const Draft& draft, const Config& running, Errors& errors) {
  constexpr const char* kRestart =
      "; expected what runs: only 'risk' is reloaded, the rest needs a restart";
  for (const std::string_view key : changed_sections(draft.config, running)) {
    errors.add(place_of_section(draft, key),
               config::quoted(key) + " differs from what runs" + kRestart);
  }
  if (draft.config.risk.kill_file != running.risk.kill_file) {
    errors.add(draft.kill_file, "'file' of the kill switch differs from what runs; expected " +
                                    config::quoted(running.risk.kill_file) +
                                    ": another one needs a restart");
  }
  if (draft.config.risk.revision <= running.risk.revision) {
    errors.add(draft.revision, "'file_revision' " + std::to_string(draft.config.risk.revision) +
                                   " is not above that which runs, " +
                                   std::to_string(running.risk.revision) +
                                   "; expected a higher one with every change");
  }
}

}  // namespace

int load_text(std::string_view text, std::string_view file_name, Config& out,
              ConfigErrors& errors) {
  Errors found;
  Draft draft;
  read(text, draft, found);
  if (const int status = finish(found, file_name, errors); status != 0) return status;
  out = std::move(draft.config);
  return 0;
}

int load_file(const std::string& path, Config& out, ConfigErrors& errors) {
  std::string text;
  if (const int failure = read_text(path, text, errors); failure != 0) return failure;
  const int status = load_text(text, path, out, errors);
  if (status == 0) resolve(out.stack, path);
  return status;
}

int load_risk(const std::string& path, const Config& running, RiskFileConfig& out,
              ConfigErrors& errors) {
  std::string text;
  if (const int failure = read_text(path, text, errors); failure != 0) return failure;
  Errors found;
  Draft draft;
  read(text, draft, found);
  resolve(draft.config.stack, path);
  if (found.empty()) check_reload(draft, running, found);
  if (const int status = finish(found, path, errors); status != 0) return status;
  out = std::move(draft.config.risk);
  return 0;
}

}  // namespace pinion::gateway
