// See message.h.
#include "gateway/fix/message.h"

#include <algorithm>

#include "gateway/fix/value.h"

namespace pinion::fix {

namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kTrailerBytes = 7;  // 10=ccc and its SOH

// Fields that hold any bytes, SOH too, and the field in front of each that tells how many.
struct Counted {
  int32_t length, data;
};
constexpr Counted kCounted[] = {
    {90, 91},   {93, 89},   {95, 96},   {212, 213}, {348, 349}, {350, 351}, {352, 353}, {354, 355},
    {356, 357}, {358, 359}, {360, 361}, {362, 363}, {364, 365}, {445, 446}, {618, 619}, {621, 622}};

int32_t data_tag_of(int32_t length_tag) {
  for (const Counted& c : kCounted)
    if (c.length == length_tag) return c.data;
  return 0;
}

// Where the message's body begins, and where it says that the body ends. When there is no
// BodyLength to believe, both are where the search for a trailer begins.
struct Extent {
  bool complete = false;  // the buffer reaches far enough to tell
  bool credible = false;
  size_t body = 0, end = 0;
};

Extent extent_of(std::string_view buffer) {
  const size_t first = buffer.find(kSoh);
  if (first == kNone) return {};
  Extent e{.complete = true, .credible = false, .body = first + 1, .end = first + 1};
  const std::string_view rest = buffer.substr(first + 1);
  if (!std::string_view("9=").starts_with(rest.substr(0, 2))) return e;
  const size_t second = rest.find(kSoh);
  if (second == kNone) {
    e.complete = rest.size() > 2 + kUintDigits;
    return e;
  }
  uint64_t length = 0;
  if (second < 2 || !parse_uint(rest.substr(2, second - 2), length) || length > kMessageMax)
    return e;
  e.credible = true;
  e.body = first + 1 + second + 1;
  e.end = e.body + length;
  return e;
}

bool checksum_ok(std::string_view frame) {
  unsigned sum = 0;
  for (const char c : frame.substr(0, frame.size() - kTrailerBytes))
    sum += static_cast<unsigned char>(c);
  uint64_t told = 0;
  return parse_uint(frame.substr(frame.size() - 4, 3), told) && told == sum % 256;
}

bool is_sound(std::string_view buffer, const Extent& e) {
  return e.credible && e.end > e.body && buffer[e.end - 1] == kSoh &&
         buffer.substr(e.end, 3) == "10=" && buffer[e.end + kTrailerBytes - 1] == kSoh &&
         buffer.substr(e.body, 3) == "35=" && checksum_ok(buffer.substr(0, e.end + kTrailerBytes));
}

// From where on the front of a buffer may be a message.
size_t garbage_before_message(std::string_view buffer) {
  const size_t at = buffer.find("8=");
  if (at != kNone) return at;
  return buffer.back() == '8' ? buffer.size() - 1 : buffer.size();
}

}  // namespace

Frame next_frame(std::string_view buffer) {
  if (buffer.empty()) return {};
  if (const size_t garbage = garbage_before_message(buffer); garbage != 0)
    return {FrameStatus::garbled, garbage};
  const Frame unfinished =
      buffer.size() < kMessageMax ? Frame{} : Frame{FrameStatus::garbled, buffer.size()};
  const Extent e = extent_of(buffer);
  if (!e.complete || buffer.size() < e.end) return unfinished;
  if (buffer.size() >= e.end + kTrailerBytes && is_sound(buffer, e))
    return {FrameStatus::message, e.end + kTrailerBytes};
  const size_t trailer = buffer.find(
      "\x01"
      "10=",
      e.end - 1);
  if (trailer == kNone) return unfinished;
  const size_t end = buffer.find(kSoh, trailer + 1);
  if (end == kNone) return unfinished;
  return {FrameStatus::garbled, end + 1};
}

// Volume 2, "Standard message header" and "trailer".
bool is_header_tag(int32_t tag) {
  switch (tag) {
    case 8:
    case 9:
    case 34:
    case 35:
    case 43:
    case 49:
    case 50:
    case 52:
    case 56:
    case 57:
    case 90:
    case 91:
    case 97:
    case 115:
    case 116:
    case 122:
    case 128:
    case 129:
    case 142:
    case 143:
    case 144:
    case 145:
    case 212:
    case 213:
    case 347:
    case 369:
    case 370:
    case 627:
    case 628:
    case 629:
    case 630: return true;
    default: return false;
  }
}

bool is_trailer_tag(int32_t tag) { return tag == 10 || tag == 89 || tag == 93; }

bool Message::parse(std::string_view frame) {
  count_ = 0;
  overflow_ = false;
  int32_t data_tag = 0;  // of the field that must come next, if the last one was its length
  size_t data_bytes = 0;
  while (!frame.empty()) {
    const size_t equals = frame.find('=');
    if (equals == kNone || equals == 0) return false;
    int64_t tag = 0;
    if (!parse_int(frame.substr(0, equals), tag) || tag > INT32_MAX || tag < INT32_MIN)
      return false;
    frame.remove_prefix(equals + 1);
    size_t end;
    if (data_tag != 0 && tag == data_tag) {
      if (data_bytes >= frame.size() || frame[data_bytes] != kSoh) return false;
      end = data_bytes;
    } else if ((end = frame.find(kSoh)) == kNone) {
      return false;
    }
    if (count_ == kFieldsMax) {
      overflow_ = true;
      return false;
    }
    const Field field{static_cast<int32_t>(tag), frame.substr(0, end)};
    fields_[count_++] = field;
    data_tag = data_tag_of(field.tag);
    uint64_t length = 0;
    if (data_tag != 0 && !parse_uint(field.value, length)) data_tag = 0;
    data_bytes = length;
    frame.remove_prefix(end + 1);
  }
  return count_ >= 4;  // 8, 9, 35 and 10 are there
}

const Field* Message::find(int32_t tag) const {
  const auto all = fields();
  const auto at = std::ranges::find(all, tag, &Field::tag);
  return at == all.end() ? nullptr : &*at;
}

std::string_view Message::value(int32_t tag) const {
  const Field* field = find(tag);
  return field == nullptr ? std::string_view() : field->value;
}

bool is_session_type(std::string_view type) {
  return type.size() == 1 && std::string_view("012345A").find(type[0]) != kNone;
}

}  // namespace pinion::fix
