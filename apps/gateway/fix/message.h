// A FIX message, read in place: where it lies in a buffer of received bytes, and its fields as
// views into that buffer. Pure; copies nothing and allocates nothing.
//
//   8=FIX.4.2 | 9=61 | 35=A | 34=1 | 49=... | ... | 10=123 |
//   ^ frame           ^ BodyLength counts from here ^ to here
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "gateway/fix/tags.h"

namespace pinion::fix {

struct Field {
  int32_t tag = 0;
  std::string_view value;
};

inline constexpr size_t kMessageMax = 8192;  // bytes; what is longer is garbled
inline constexpr size_t kFieldsMax = 256;    // of a message; one with more is rejected

enum class FrameStatus : uint8_t {
  more,     // the buffer ends inside of it
  message,  // 8, 9 and 35 come first, length and checksum are right
  garbled,  // anything else up to where the next message may begin: to be ignored (volume 2,
            // "Receipt of garbled messages")
};
struct Frame {
  FrameStatus status = FrameStatus::more;
  size_t bytes = 0;  // at the front of the buffer that this is about; 0 with `more`
};

// A message ends with the first trailer at or behind the end that BodyLength tells. So a length
// that is too small costs that message alone; one that is too large costs all that it covers.
Frame next_frame(std::string_view buffer);

bool is_header_tag(int32_t tag);
bool is_trailer_tag(int32_t tag);

class Message {
 public:
  // The fields of a frame with status `message`. False: something in it is no field (garbled), or
  // there is no room for all of them; then overflow() tells.
  bool parse(std::string_view frame);
  bool overflow() const { return overflow_; }

  std::span<const Field> fields() const { return {fields_.data(), count_}; }
  // The first with this tag, or null.
  const Field* find(int32_t tag) const;
  std::string_view value(int32_t tag) const;  // "" if it is not there
  bool is_yes(int32_t tag) const { return value(tag) == "Y"; }

  std::string_view begin_string() const { return fields_[0].value; }
  std::string_view type() const { return fields_[2].value; }
  bool is_type(char type) const { return this->type().size() == 1 && this->type()[0] == type; }

 private:
  std::array<Field, kFieldsMax> fields_;
  size_t count_ = 0;
  bool overflow_ = false;
};

// The messages of the session layer; all others are the application's (volume 2).
bool is_session_type(std::string_view type);

}  // namespace pinion::fix
