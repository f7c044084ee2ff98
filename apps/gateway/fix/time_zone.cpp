// See time_zone.h. RFC 8536, section 3: a header of 44 bytes and a data block with 32-bit times,
// and from version 2 on both again with 64-bit times. Only the second is read.
#include "gateway/fix/time_zone.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace pinion::fix {

namespace {

constexpr size_t kHeader = 44;

uint64_t big_endian(std::string_view bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

struct Counts {
  uint64_t is_utc, is_standard, leaps, times, types, chars;
  uint64_t bytes(uint64_t time_bytes) const {
    return times * (time_bytes + 1) + types * 6 + chars + leaps * (time_bytes + 4) + is_standard +
           is_utc;
  }
};

bool read_header(std::string_view file, Counts& out) {
  if (file.size() < kHeader || file.substr(0, 4) != "TZif" || file[4] < '2') return false;
  out = {big_endian(file, 20, 4), big_endian(file, 24, 4), big_endian(file, 28, 4),
         big_endian(file, 32, 4), big_endian(file, 36, 4), big_endian(file, 40, 4)};
  return true;
}

}  // namespace

bool TimeZone::parse(std::string_view file) {
  Counts counts;
  if (!read_header(file, counts)) return false;
  if (counts.bytes(4) > file.size() - kHeader) return false;
  file.remove_prefix(kHeader + counts.bytes(4));
  if (!read_header(file, counts)) return false;
  file.remove_prefix(kHeader);
  if (counts.bytes(8) > file.size() || counts.types == 0) return false;
  const size_t indexes = counts.times * 8, types = indexes + counts.times;
  const auto offset_of = [&](uint64_t type) {
    return static_cast<int64_t>(static_cast<int32_t>(big_endian(file, types + type * 6, 4)));
  };
  std::vector<Transition> read;
  for (size_t i = 0; i < counts.times; ++i) {
    const auto type = static_cast<unsigned char>(file[indexes + i]);
    if (type >= counts.types) return false;
    read.push_back({static_cast<int64_t>(big_endian(file, i * 8, 8)), offset_of(type)});
    if (i > 0 && read[i].from <= read[i - 1].from) return false;
  }
  transitions_ = std::move(read);
  first_offset_ = offset_of(0);
  return true;
}

int TimeZone::load(std::string_view name) {
  if (name.empty() || name[0] == '/' || name.find("..") != std::string_view::npos) return -EINVAL;
  const std::string path = "/usr/share/zoneinfo/" + std::string(name);
  std::error_code failure;  // "a directory such as America opens and cannot be read
  if (!std::filesystem::is_regular_file(path, failure)) return -ENOENT;
  std::ifstream in(path, std::ios::binary);
  if (!in) return -ENOENT;
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  return parse(bytes) ? 0 : -EINVAL;
}

int64_t TimeZone::offset_seconds(int64_t utc_seconds) const {
  const auto after = std::ranges::upper_bound(transitions_, utc_seconds, {}, &Transition::from);
  return after == transitions_.begin() ? first_offset_ : std::prev(after)->offset;
}

}  // namespace pinion::fix
