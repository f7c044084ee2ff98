// See text_check.h. After this, one byte of the text is one byte for yaml-cpp, whose stream would
// otherwise guess UTF-16 or UTF-32 from zero bytes and end the file at a control byte.
#include "config/text_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace pinion::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

uint8_t byte_at(std::string_view text, size_t i) {
  return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
}

// Bytes of the well-formed UTF-8 sequence at the front of text, 0 if there is none. The second
// byte's bounds keep out overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629
// section 4), and here also the control characters U+0080 to U+009F.
size_t utf8_sequence(std::string_view text) {
  const uint8_t lead = byte_at(text, 0), second = byte_at(text, 1);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  uint8_t low = 0x80, high = 0xbf;
  if (lead == 0xe0 || lead == 0xc2) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  if (second < low || second > high) return 0;
  const size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  for (size_t i = 2; i < length; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

bool is_control(std::string_view line, size_t i) {
  const uint8_t c = byte_at(line, i);
  if (c == '\t') return false;
  if (c == '\r') return i + 1 != line.size();  // only as a part of the line's end
  return c < ' ' || c == 0x7f;
}

// Reports the first odd byte of a line (its end not included).
bool check_line(std::string_view line, uint32_t number, Errors& errors) {
  if (!line.empty() && line[0] == '%') {
    errors.add({number, 1}, "directives (%) are not accepted; expected 'key: value'");
    return false;
  }
  for (size_t i = 0; i < line.size();) {
    const Place place{number, static_cast<uint32_t>(i) + 1};
    if (is_control(line, i)) {
      errors.add(place,
                 "control byte " + std::to_string(byte_at(line, i)) + "; expected printable text");
      return false;
    }
    const size_t length = utf8_sequence(line.substr(i));
    if (length == 0) {
      errors.add(place, "byte " + std::to_string(byte_at(line, i)) + "; expected UTF-8 text");
      return false;
    }
    i += length;
  }
  return true;
}

int read_all(int fd, std::string& text) {
  std::array<char, 65536> chunk;
  while (text.size() <= kFileBytesMax) {
    const ssize_t bytes = read(fd, chunk.data(), chunk.size());
    if (bytes == 0) return 0;
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return -errno;
    text.append(chunk.data(), static_cast<size_t>(bytes));
  }
  return 0;
}

}  // namespace

int read_file(const std::string& path, std::string& text) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return -errno;
  const int result = read_all(fd, text);
  close(fd);
  return result;
}

bool check_text(std::string_view text, Errors& errors) {
  if (text.size() > kFileBytesMax) {
    errors.add({1, 1}, "the file is too large; expected at most " + std::to_string(kFileBytesMax) +
                           " bytes");
    return false;
  }
  if (text.starts_with(kByteOrderMark)) {
    errors.add({1, 1}, "byte order mark; expected UTF-8 text without one");
    return false;
  }
  bool good = true;
  for (uint32_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    good &= check_line(text.substr(0, end), number, errors);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return good;
}

}  // namespace pinion::config
