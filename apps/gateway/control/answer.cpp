// See answer.h.
#include "gateway/control/answer.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "base/check.h"

namespace pinion::control {

namespace {

bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

// What is cut ends with dots, so that nobody takes it for all of it.
size_t print(std::span<char> out, const char* format, va_list arguments) {
  const int n = std::vsnprintf(out.data(), out.size(), format, arguments);
  if (n < 0) return 0;
  if (static_cast<size_t>(n) < out.size()) return static_cast<size_t>(n);
  std::memcpy(&out[out.size() - 4], "...", 4);
  return out.size() - 1;
}

}  // namespace

Row::Row(Answer& answer, std::string_view kind, std::string_view title)
    : answer_(answer), begin_(answer.size_) {
  put("{\"");
  put(kind);
  put("\":");
  put_quoted(title);
}

Row::~Row() {
  put("}\n");
  ++answer_.rows_in_turn_;
  if (fits_) return;
  answer_.size_ = begin_;
  ++answer_.left_out_;
}

void Row::put(std::string_view bytes) {
  const size_t room = std::min(begin_ + Answer::kRowBytesMax, answer_.memory_.size());
  fits_ = fits_ && bytes.size() <= room - answer_.size_;
  if (!fits_ || bytes.empty()) return;
  std::memcpy(&answer_.memory_[answer_.size_], bytes.data(), bytes.size());
  answer_.size_ += bytes.size();
}

void Row::put_key(std::string_view key) {
  put(",\"");
  put(key);
  put("\":");
}

void Row::put_quoted(std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  put("\"");
  while (!value.empty()) {
    const auto odd = std::find_if_not(value.begin(), value.end(), is_plain);
    const auto plain = static_cast<size_t>(odd - value.begin());
    put(value.substr(0, plain));
    value.remove_prefix(plain);
    if (value.empty()) break;
    const auto byte = static_cast<uint8_t>(value.front());
    const char escaped[] = {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    put({escaped, sizeof escaped});
    value.remove_prefix(1);
  }
  put("\"");
}

Row& Row::text(std::string_view key, std::string_view value) {
  put_key(key);
  put_quoted(value);
  return *this;
}

Row& Row::format(std::string_view key, const char* format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  const size_t bytes = print(buffer, format, arguments);
  va_end(arguments);
  return text(key, {buffer, bytes});
}

Row& Row::signed_number(std::string_view key, int64_t value) {
  char digits[24];
  put_key(key);
  put({digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
  return *this;
}

Row& Row::unsigned_number(std::string_view key, uint64_t value) {
  char digits[24];
  put_key(key);
  put({digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
  return *this;
}

Row& Row::decimal(std::string_view key, int64_t value, int digits) {
  STACK_DCHECK(digits > 0 && digits < 19);
  // The digits from the right, at least one in front of the point.
  char buffer[32];
  char* at = buffer + sizeof buffer;
  uint64_t rest = value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  for (int i = 0; i <= digits || rest != 0; ++i, rest /= 10) {
    if (i == digits) *--at = '.';
    *--at = static_cast<char>('0' + rest % 10);
  }
  if (value < 0) *--at = '-';
  return text(key, {at, buffer + sizeof buffer});
}

Row& Row::flag(std::string_view key, bool value) {
  put_key(key);
  put(value ? "true" : "false");
  return *this;
}

void Answer::fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  failure_bytes_ = print(failure_, format, arguments);
  va_end(arguments);
  // It ends a line of the protocol: nothing in it may end it sooner.
  std::replace_if(
      failure_.data(), failure_.data() + failure_bytes_, [](char c) { return c < ' ' || c > '~'; },
      '?');
}

void Answer::clear() {
  size_ = failure_bytes_ = 0;
  left_out_ = 0;
  begin_turn(0);
}

void Answer::begin_turn(uint64_t cursor) {
  cursor_ = cursor;
  rows_in_turn_ = 0;
  more_ = false;
}

}  // namespace pinion::control
