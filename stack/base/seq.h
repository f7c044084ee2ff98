// Seq: a sequence number of TCP (RFC 9293 3.4), which has no order of its own: of two numbers less
// than 2^31 apart, the one that comes first is the smaller. It has no int, so that nobody compares
// the plain numbers.
#pragma once
#include <cstdint>

namespace pinion {

struct Seq {
  uint32_t v = 0;

  friend constexpr bool operator==(Seq, Seq) = default;
  friend constexpr bool operator<(Seq a, Seq b) { return static_cast<int32_t>(a.v - b.v) < 0; }
  friend constexpr bool operator<=(Seq a, Seq b) { return static_cast<int32_t>(a.v - b.v) <= 0; }
  friend constexpr bool operator>(Seq a, Seq b) { return b < a; }
  friend constexpr bool operator>=(Seq a, Seq b) { return b <= a; }

  friend constexpr Seq operator+(Seq a, uint32_t n) { return {a.v + n}; }
  friend constexpr Seq operator-(Seq a, uint32_t n) { return {a.v - n}; }
  // How far b lies before a. For b <= a; otherwise it is 2^32 less what it should be.
  friend constexpr uint32_t operator-(Seq a, Seq b) { return a.v - b.v; }
  constexpr Seq& operator+=(uint32_t n) { return v += n, *this; }
};

constexpr Seq max(Seq a, Seq b) { return a < b ? b : a; }
constexpr Seq min(Seq a, Seq b) { return a < b ? a : b; }
// left <= seq < right
constexpr bool in_range(Seq seq, Seq left, Seq right) { return seq - left < right - left; }

}  // namespace pinion
