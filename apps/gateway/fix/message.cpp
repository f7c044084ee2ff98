// See message.h.
#include "gateway/fix/message.h"

#include <algorithm>

#include "gateway/fix/value.h"

namespace pinion::fix {

namespace {

constexpr size_t kNone = std::string_view::npos;

// Fields that hold any bytes, SOH too, and the field in front of each that tells how many.
struct Counted {
  int32_t length, data;
};
constexpr Counted kCounted[] = {
    {90, 91},   {93, 89},   {95, 96},   {212, 213}, {348, 349}, {350, 351}, {352, 353}, {354, 355},
    {356, 357}, {358, 359}, {360, 361}, {362, 363}, {364, 365}, {445, 446}, {618, 619}, {621, 622}};

constexpr int32_t kSetEnd = 1024;
using Set = std::array<uint64_t, kSetEnd / 64>;  // of tags
constexpr void add(Set& set, int32_t tag) {
  set[static_cast<size_t>(tag) / 64] |= uint64_t{1} << (tag % 64);
}
constexpr bool has(const Set& set, int32_t tag) {
  return tag >= 0 && tag < kSetEnd && (set[static_cast<size_t>(tag) / 64] >> (tag % 64) & 1) != 0;
}
constexpr Set kLengthTags = [] {
  Set set{};
  for (const Counted& c : kCounted) add(set, c.length);
  return set;
}();

int32_t data_tag_of(int32_t length_tag) {
  if (!has(kLengthTags, length_tag)) return 0;
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
  const uint8_t sum = byte_sum(frame.substr(0, frame.size() - kTrailerBytes));
  uint64_t told = 0;
  return parse_uint(frame.substr(frame.size() - 4, 3), told) && told == sum;
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
static constexpr Set kHeaderTags = [] {
  Set set{};
  for (const int32_t tag :
       {8,   9,   34,  35,  43,  49,  50,  52,  56,  57,  90,  91,  97,  115, 116, 122,
        128, 129, 142, 143, 144, 145, 212, 213, 347, 369, 370, 627, 628, 629, 630})
    add(set, tag);
  return set;
}();

bool is_header_tag(int32_t tag) { return has(kHeaderTags, tag); }

bool is_trailer_tag(int32_t tag) { return tag == 10 || tag == 89 || tag == 93; }

// A number and its '='. How many bytes; 0: there is none.
static size_t read_tag(std::string_view text, int32_t& out) {
  const bool negative = text[0] == '-';
  int64_t tag = 0;
  size_t at = negative ? 1 : 0;
  const size_t first = at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    tag = tag * 10 + (text[at] - '0');
    if (tag > INT32_MAX) return 0;
  }
  if (at == first || at == text.size() || text[at] != '=') return 0;
  out = static_cast<int32_t>(negative ? -tag : tag);
  return at + 1;
}

bool Message::parse(std::string_view frame) {
  count_ = 0;
  overflow_ = false;
  int32_t data_tag = 0;  // of the field that must come next, if the last one was its length
  size_t data_bytes = 0;
  while (!frame.empty()) {
    int32_t tag = 0;
    const size_t tag_bytes = read_tag(frame, tag);
    if (tag_bytes == 0) return false;
    frame.remove_prefix(tag_bytes);
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
    const Field field{tag, frame.substr(0, end)};
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
