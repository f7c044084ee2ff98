// The reasons for which a frame is dropped (drop.def), and their names.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pinion {

enum class Drop : uint8_t {
  none = 0,
#define DROP(name, text) name,
#include "base/drop.def"
#undef DROP
  count
};
inline constexpr size_t kDropCount = static_cast<size_t>(Drop::count);

constexpr const char* drop_name(Drop d) {
  switch (d) {
    case Drop::none: return "none";
#define DROP(name, text) \
  case Drop::name: return #name;
#include "base/drop.def"
#undef DROP
    case Drop::count: break;
  }
  return "?";
}

constexpr const char* drop_text(Drop d) {
  switch (d) {
    case Drop::none: return "";
#define DROP(name, text) \
  case Drop::name: return text;
#include "base/drop.def"
#undef DROP
    case Drop::count: break;
  }
  return "?";
}

}  // namespace pinion
