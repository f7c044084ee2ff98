// A time zone's offsets from UTC, read once at start from the system's zone files (RFC 8536), so
// that the session's schedule is arithmetic and knows no clock and no file.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pinion::fix {

class TimeZone {
 public:
  TimeZone() = default;  // UTC

  // The contents of a TZif file. False: it is not one. Moments after the last transition that the
  // file holds keep its offset: Debian's files reach to 2037.
  bool parse(std::string_view file);
  // From /usr/share/zoneinfo. 0, or a negative errno (-EINVAL: no such form, or the name).
  int load(std::string_view name);

  int64_t offset_seconds(int64_t utc_seconds) const;  // to be added to UTC

 private:
  struct Transition {
    int64_t from;    // UTC seconds
    int64_t offset;  // seconds
  };
  std::vector<Transition> transitions_;
  int64_t first_offset_ = 0;
};

}  // namespace pinion::fix
