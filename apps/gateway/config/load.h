// The gateway's configuration file: YAML text in; values, or every error with its line and column,
// out. As strict as piniond's own file, by the same reader (config/). Called at start, by
// `gatewayctl check` and, for the risk limits alone, by a reload; never on the order path.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gateway/config/config.h"

namespace pinion::gateway {

using ConfigErrors = std::vector<config::ConfigError>;  // shown by config::format_errors()

// 0: `out` holds the configuration, and errors is empty. -EINVAL: errors holds everything that is
// wrong, in the order of the file, and `out` is untouched. file_name is only for the errors.
[[nodiscard]] int load_text(std::string_view text, std::string_view file_name, Config& out,
                            ConfigErrors& errors);

// As load_text(); the errno of the open or read when the file cannot be read (errors says so, too).
// A relative path of `stack: {embed: ...}` is taken from the file's directory.
[[nodiscard]] int load_file(const std::string& path, Config& out, ConfigErrors& errors);

// A reload: the same file, in which only the risk section may differ from what runs, and of that
// not the kill switch's file; its revision must be higher. Results as load_file(): each other
// section that changed is an error, since it would silently not take effect.
[[nodiscard]] int load_risk(const std::string& path, const Config& running, RiskFileConfig& out,
                            ConfigErrors& errors);

}  // namespace pinion::gateway
