// The field types of the venue protocols: big-endian integers, characters, text padded with
// spaces, decimal digits. All have alignment 1 and consist of single bytes, so a message is read
// where it lies: a struct of them may be laid over any bytes that are long enough.
#pragma once
#include <string_view>

#include "base/types.h"

namespace pinion {

// ITCH timestamps: nanoseconds since midnight in six bytes.
struct be48 {
  uint8_t b[6];
  constexpr uint64_t get() const {
    uint64_t v = 0;
    for (const uint8_t byte : b) v = v << 8 | byte;
    return v;
  }
  static constexpr be48 of(uint64_t v) {
    be48 out{};
    for (int i = 5; i >= 0; --i, v >>= 8) out.b[i] = static_cast<uint8_t>(v);
    return out;
  }
};
struct Char {
  char v;
  constexpr char get() const { return v; }
  static constexpr Char of(char c) { return {c}; }
};
struct Byte {
  uint8_t v;
  constexpr uint8_t get() const { return v; }
  static constexpr Byte of(uint8_t b) { return {b}; }
};

constexpr std::string_view trim_spaces(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Text in N bytes, padded with spaces: on the right as a rule, which is what of() writes. What is
// read is trimmed at both ends, since SoupBinTCP's sessions come padded on either side.
template <size_t N>
struct Alpha {
  char c[N];
  constexpr std::string_view get() const { return trim_spaces({c, N}); }
  static constexpr Alpha of(std::string_view text) {
    Alpha out{};
    for (size_t i = 0; i < N; ++i) out.c[i] = i < text.size() ? text[i] : ' ';
    return out;
  }
  static constexpr Alpha right_aligned(std::string_view text) {
    Alpha out{};
    const size_t n = text.size() < N ? text.size() : N;
    for (size_t i = 0; i < N; ++i) out.c[i] = i < N - n ? ' ' : text[i - (N - n)];
    return out;
  }
  friend constexpr bool operator==(const Alpha& a, const Alpha& b) = default;
};

// A number as text in 20 bytes, padded on either side (SoupBinTCP, GLIMPSE). get() says kBad for
// what is no number or does not fit 64 bits; blanks alone are 0.
struct Digits20 {
  static constexpr uint64_t kBad = UINT64_MAX;
  Alpha<20> text;
  constexpr uint64_t get() const {
    uint64_t v = 0;
    for (const char c : text.get()) {
      if (c < '0' || c > '9') return kBad;
      const auto digit = static_cast<uint64_t>(c - '0');
      if (v > (UINT64_MAX - digit) / 10) return kBad;
      v = v * 10 + digit;
    }
    return v;
  }
  static constexpr Digits20 of(uint64_t v) {
    char digits[20]{};
    size_t n = 0;
    do {
      digits[19 - n++] = static_cast<char>('0' + v % 10);
    } while (v /= 10);
    return {Alpha<20>::right_aligned({digits + 20 - n, n})};
  }
};
static_assert(sizeof(be48) == 6 && alignof(be48) == 1);
static_assert(sizeof(Alpha<14>) == 14 && alignof(Alpha<14>) == 1 && sizeof(Digits20) == 20);

// The message that lies at the front of these bytes, or null if they are too few. Every field
// accesses single bytes, so neither alignment nor aliasing rules are in the way.
template <class Message>
const Message* in_place(Bytes bytes) {
  static_assert(alignof(Message) == 1);
  if (bytes.size() < sizeof(Message)) return nullptr;
  return reinterpret_cast<const Message*>(bytes.data());
}

template <class Message>
Bytes bytes_of_message(const Message& message) {
  static_assert(alignof(Message) == 1);
  return std::as_bytes(std::span{&message, 1});
}

inline Bytes bytes_of_text(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

// What a reader found. A message that is longer than its layout is good: newer revisions of the
// protocols append fields, and the reader hands the surplus on.
enum class Read : uint8_t { ok, empty, unknown_type, too_short };

}  // namespace pinion
