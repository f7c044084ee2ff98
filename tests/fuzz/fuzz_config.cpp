// F8: any bytes as a configuration file. load() ends, either with a configuration that can be
// used or with errors that can be shown; it never does both, and it says the same twice.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "config/config.h"

namespace {

using namespace pinion::config;

// No account database: users are those with an even number of letters.
Lookups lookups() {
  const auto look_up = [](const std::string& name) -> std::optional<uint32_t> {
    if (name.size() % 2 != 0) return std::nullopt;
    return static_cast<uint32_t>(name.size());
  };
  return {look_up, look_up};
}

bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (c < ' ' || c > '~') return false;
  }
  return !text.empty();
}

void check_usable(const Config& config) {
  STACK_CHECK(!config.cores.empty() && !config.nics.empty());
  for (const Nic& nic : config.nics) {
    STACK_CHECK(!nic.cores.empty() && !nic.addresses.empty());
    STACK_CHECK(nic.cores.size() == 1 ||
                (nic.cores.size() == config.cores.size() && !nic.backup));
    STACK_CHECK(nic.core_indices.size() == nic.cores.size());
    for (size_t i = 0; i < nic.cores.size(); ++i)
      STACK_CHECK(config.cores.at(nic.core_indices[i]).name == nic.cores[i]);
  }
  for (const Route& route : config.routes) STACK_CHECK(route.nic_index < config.nics.size());
  for (const Neighbour& neighbour : config.neighbours) {
    STACK_CHECK(neighbour.nic_index < config.nics.size() && !neighbour.mac.is_group());
  }
  for (const Session& session : config.sessions) {
    STACK_CHECK(session.id.has_value() && session.core_index < config.cores.size());
    STACK_CHECK(session.core.empty() || config.cores[session.core_index].name == session.core);
  }
}

void check_showable(const std::vector<ConfigError>& errors, std::string_view text) {
  for (const ConfigError& error : errors) {
    STACK_CHECK(error.line >= 1 && error.line <= text.size() + 1);
    STACK_CHECK(error.column >= 1 && error.column <= text.size() + 1);
    STACK_CHECK(is_printable(error.message));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Config config;
  std::vector<ConfigError> errors;
  const int result = load(text, "fuzz.yaml", config, errors, lookups());
  STACK_CHECK(result == 0 || result == -EINVAL);
  STACK_CHECK((result == 0) == errors.empty());
  if (result == 0) check_usable(config);
  check_showable(errors, text);
  check_showable(config.warnings, text);

  Config again;
  std::vector<ConfigError> errors_again;
  STACK_CHECK(load(text, "fuzz.yaml", again, errors_again, lookups()) == result);
  STACK_CHECK(format_errors(errors_again) == format_errors(errors));
  return 0;
}
