// Collects what is wrong with a file, by place; the readers and checks of config/ write into it.
// Bounded: a hostile file cannot make more than errors_max of them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace pinion::config {

// A place in the text, from 1; the default is "nowhere": the thing was absent or refused.
struct Place {
  uint32_t line = 0, column = 0;
  constexpr bool known() const { return line != 0; }
  friend constexpr auto operator<=>(const Place&, const Place&) = default;
};

class Errors {
 public:
  static constexpr size_t kErrorsMax = 1000;

  void add(Place place, std::string message);
  bool full() const { return found_.size() >= kErrorsMax; }
  bool empty() const { return found_.empty(); }
  // In the order of the file, each once.
  std::vector<ConfigError> take(std::string_view file_name);

 private:
  struct Found {
    Place place;
    std::string message;
    friend auto operator<=>(const Found&, const Found&) = default;
  };
  std::vector<Found> found_;
};

// The text with odd bytes shown as '?'.
std::string printable(std::string_view text);

// The user's text in single quotes, for a message: cut when long, and printable.
std::string quoted(std::string_view text);

}  // namespace pinion::config
