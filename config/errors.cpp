// See errors.h.
#include "config/errors.h"

#include <algorithm>

namespace pinion::config {

void Errors::add(Place place, std::string message) {
  if (full()) return;
  found_.push_back({place, std::move(message)});
  if (full()) found_.back().message = "there are more errors after this one; they are not shown";
}

std::vector<ConfigError> Errors::take(std::string_view file_name) {
  // By place only: at one place, the first finding explains the later ones.
  std::stable_sort(found_.begin(), found_.end(),
                   [](const Found& a, const Found& b) { return a.place < b.place; });
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  std::vector<ConfigError> errors;
  errors.reserve(found_.size());
  for (Found& found : found_) {
    errors.push_back({std::string(file_name), std::max(found.place.line, 1u),
                      std::max(found.place.column, 1u), std::move(found.message)});
  }
  found_.clear();
  return errors;
}

std::string printable(std::string_view text) {
  std::string shown(text);
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return shown;
}

std::string quoted(std::string_view text) {
  constexpr size_t kShownBytes = 48;
  return "'" + printable(text.substr(0, kShownBytes)) + (text.size() > kShownBytes ? "...'" : "'");
}

}  // namespace pinion::config
