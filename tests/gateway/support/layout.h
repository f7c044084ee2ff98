// What must hold for every message of a protocol's table, whatever it is for: its fields tile it,
// the reader finds it in place, every truncation is refused, a surplus is handed on, and each
// field survives the way to host order and back.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "gateway/wire/fields.h"

namespace pinion::testing {

template <size_t N>
void fill_field(Alpha<N>& field, uint8_t at) {
  for (size_t i = 0; i < N; ++i) field.c[i] = static_cast<char>('A' + (at + i) % 26);
}
inline void fill_field(Digits20& field, uint8_t at) {
  field = Digits20::of(12'345'678'901'234'567'000U + at);
}
template <class Word>
void fill_field(Word& field, uint8_t at) {
  uint8_t bytes[sizeof(Word)];
  for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = static_cast<uint8_t>(0xa1 + at + i);
  std::memcpy(&field, bytes, sizeof bytes);
}

// A message all of whose bytes differ from their neighbours.
template <class Message>
Message filled() {
  Message message{};
  for_each_field(message, [&](const char*, const auto& field) {
    using Word = std::decay_t<decltype(field)>;
    const auto at = reinterpret_cast<const char*>(&field) - reinterpret_cast<char*>(&message);
    fill_field(const_cast<Word&>(field), static_cast<uint8_t>(at));
  });
  message.type = Char::of(Message::kType);
  return message;
}

template <class Message>
void check_fields(const Message& message) {
  const char* next = reinterpret_cast<const char*>(&message);
  for_each_field(message, [&](const char* name, const auto& field) {
    using Word = std::decay_t<decltype(field)>;
    EXPECT_EQ(reinterpret_cast<const char*>(&field), next) << name;
    next += sizeof field;
    const Word again = Word::of(field.get());
    EXPECT_EQ(std::memcmp(&again, &field, sizeof field), 0) << name;
  });
  EXPECT_EQ(next, reinterpret_cast<const char*>(&message) + sizeof message);
}

// reader(bytes, on): the protocol's read().
template <class Message, class Reader>
void check_layout(const char* name, Reader reader) {
  SCOPED_TRACE(name);
  const Message message = filled<Message>();
  check_fields(message);
  std::vector<std::byte> wire(sizeof message + 3, std::byte{0x5a});
  std::memcpy(wire.data(), &message, sizeof message);
  for (size_t n = 0; n <= wire.size(); ++n) {
    const std::vector<std::byte> piece(wire.begin(), wire.begin() + static_cast<ptrdiff_t>(n));
    int calls = 0;
    const Read what = reader(Bytes{piece}, [&](const auto& found, Bytes rest) {
      ++calls;
      if constexpr (std::is_same_v<std::decay_t<decltype(found)>, Message>) {
        EXPECT_EQ(static_cast<const void*>(&found), piece.data());
        EXPECT_EQ(std::memcmp(&found, &message, sizeof found), 0);
        EXPECT_EQ(rest.size(), n - sizeof message);
      } else {
        ADD_FAILURE() << "read as another message";
      }
    });
    EXPECT_EQ(what, n == 0 ? Read::empty : n < sizeof message ? Read::too_short : Read::ok) << n;
    EXPECT_EQ(calls, what == Read::ok ? 1 : 0) << n;
  }
}

// Bytes from hexadecimal text with spaces.
inline std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> out;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<std::byte>(high << 4 | digit));
      high = -1;
    }
  }
  return out;
}

}  // namespace pinion::testing
