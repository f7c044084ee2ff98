// A small good file, spoilt one line at a time, and what load() must then say of it.
#pragma once
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "config/config.h"

namespace pinion::config {

struct BadLine {
  std::string text;    // takes the place of the good line with the same key, or is added as line 4
  std::string errors;  // "line:column: message", one a line, all of them
};

inline std::string spoilt_file(const std::string& text) {
  const std::string version = "version: 1\n";
  const std::string cores = "cores: [{name: c, cpu: 1}]\n";
  const std::string nics =
      "nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24]}]\n";
  if (text.starts_with("version: ") && text != "version: 1") return text + "\n" + cores + nics;
  if (text.starts_with("cores: ")) return version + text + "\n" + nics;
  if (text.starts_with("nics: ")) return version + cores + text + "\n";
  return version + cores + nics + text + "\n";
}

// Root is the only user and the only group there is.
inline std::vector<ConfigError> errors_of(const std::string& file) {
  const auto only_root = [](const std::string& name) -> std::optional<uint32_t> {
    if (name == "root") return 0;
    return std::nullopt;
  };
  Config config;
  std::vector<ConfigError> errors;
  EXPECT_EQ(load(file, "f", config, errors, {only_root, only_root}), -EINVAL) << file;
  return errors;
}

inline std::string shown(const std::vector<ConfigError>& errors) {
  std::string text;
  for (const ConfigError& error : errors) {
    if (!text.empty()) text += "\n";
    text += std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.message;
  }
  return text;
}

inline void expect_errors(const std::vector<BadLine>& lines) {
  for (const BadLine& line : lines) {
    EXPECT_EQ(shown(errors_of(spoilt_file(line.text))), line.errors) << line.text;
  }
}

}  // namespace pinion::config
