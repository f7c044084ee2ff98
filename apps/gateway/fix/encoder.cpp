// See encoder.h.
#include "gateway/fix/encoder.h"

#include <cstring>

#include "gateway/fix/tags.h"
#include "gateway/fix/value.h"

namespace pinion::fix {

namespace {

constexpr size_t kLengthDigits = 6;
constexpr size_t kTagBytes = 13;  // of the longest: sign, ten digits, '='
constexpr size_t kNumberBytes = 24;

}  // namespace

Encoder::Encoder(std::span<char> memory, std::string_view begin_string, std::string_view type)
    : memory_(memory), begin_string_(begin_string) {
  body_ = 2 + begin_string.size() + 1 + 2 + kLengthDigits + 1;  // 8=..., 9=..., as long as can be
  at_ = body_;
  full_ = memory_.size() < body_ + kTrailerBytes || type.size() > kTypeMax;
  type_bytes_ = type.copy(type_, kTypeMax);
  text(kMsgType, type);
}

char* Encoder::begin_field(int32_t tag, size_t value_bytes) {
  if (full_ || memory_.size() - at_ < kTagBytes + value_bytes + 1 + kTrailerBytes) {
    full_ = true;
    return nullptr;
  }
  at_ += write_decimal(tag, 0, memory_.subspan(at_));
  memory_[at_++] = '=';
  return memory_.data() + at_;
}

void Encoder::end_field(size_t value_bytes) {
  at_ += value_bytes;
  memory_[at_++] = kSoh;
}

void Encoder::text(int32_t tag, std::string_view value) {
  char* to = begin_field(tag, value.size());
  if (to == nullptr) return;
  if (!value.empty()) std::memcpy(to, value.data(), value.size());
  end_field(value.size());
}

void Encoder::number(int32_t tag, uint64_t value) {
  char* to = begin_field(tag, kNumberBytes);
  if (to != nullptr) end_field(write_uint(value, {to, kNumberBytes}));
}

void Encoder::signed_number(int32_t tag, int64_t value) { decimal(tag, value, 0); }

void Encoder::decimal(int32_t tag, int64_t value, int decimals) {
  char* to = begin_field(tag, kNumberBytes);
  if (to != nullptr) end_field(write_decimal(value, decimals, {to, kNumberBytes}));
}

void Encoder::time(int32_t tag, int64_t utc_ns) {
  char* to = begin_field(tag, kTimestampBytes);
  if (to != nullptr) end_field(write_timestamp(utc_ns, {to, kTimestampBytes}));
}

std::string_view Encoder::finish() {
  if (full_) return {};
  full_ = true;  // nothing is added any more
  char digits[kUintDigits];
  const size_t count = write_uint(at_ - body_, digits);
  if (count > kLengthDigits) return {};
  // From the body to the left: the length, then BeginString.
  size_t front = body_;
  memory_[--front] = kSoh;
  std::memcpy(&memory_[front -= count], digits, count);
  std::memcpy(&memory_[front -= 2], "9=", 2);
  memory_[--front] = kSoh;
  std::memcpy(&memory_[front -= begin_string_.size()], begin_string_.data(), begin_string_.size());
  std::memcpy(&memory_[front -= 2], "8=", 2);
  const unsigned sum = byte_sum({memory_.data() + front, at_ - front});
  const char trailer[kTrailerBytes] = {'1',
                                       '0',
                                       '=',
                                       static_cast<char>('0' + sum / 100),
                                       static_cast<char>('0' + sum / 10 % 10),
                                       static_cast<char>('0' + sum % 10),
                                       kSoh};
  std::memcpy(&memory_[at_], trailer, kTrailerBytes);
  return {memory_.data() + front, at_ + kTrailerBytes - front};
}

}  // namespace pinion::fix
