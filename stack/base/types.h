// The small words everything is written in: time, bytes, network order, results, checks.
// Knows nothing of the project.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace pinion {

using Nanos = int64_t;  // of Pinion's monotonic clock; also durations
inline constexpr Nanos kMicro = 1'000, kMilli = 1'000'000, kSecond = 1'000'000'000;
inline constexpr Nanos kNever = INT64_MAX;

// When something came in, and who says so: the device, or software that found it there.
struct RxTime {
  Nanos at = 0;
  bool is_hardware = false;

  void at_least(const RxTime& other) {
    if (other.at > at) *this = other;
  }
};

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

// A copy of what stands there, at any alignment.
template <class Word>
Word load(const void* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Integers as they stand on the wire: alignment 1, big-endian. Each way is one mov and one bswap:
// said byte by byte, compilers find that out for one number, but not for those of a whole header.
inline constexpr bool kTurned = std::endian::native == std::endian::little;
struct be16 {
  uint8_t b[2];
  constexpr uint16_t get() const { return turn(std::bit_cast<uint16_t>(*this)); }
  static constexpr be16 of(uint16_t v) { return std::bit_cast<be16>(turn(v)); }
  static constexpr uint16_t turn(uint16_t v) { return kTurned ? __builtin_bswap16(v) : v; }
};
struct be32 {
  uint8_t b[4];
  constexpr uint32_t get() const { return turn(std::bit_cast<uint32_t>(*this)); }
  static constexpr be32 of(uint32_t v) { return std::bit_cast<be32>(turn(v)); }
  static constexpr uint32_t turn(uint32_t v) { return kTurned ? __builtin_bswap32(v) : v; }
};
struct be64 {
  uint8_t b[8];
  constexpr uint64_t get() const { return turn(std::bit_cast<uint64_t>(*this)); }
  static constexpr be64 of(uint64_t v) { return std::bit_cast<be64>(turn(v)); }
  static constexpr uint64_t turn(uint64_t v) { return kTurned ? __builtin_bswap64(v) : v; }
};
static_assert(sizeof(be16) == 2 && alignof(be16) == 1 && sizeof(be32) == 4 && alignof(be32) == 1);

// An IPv4 address in host order: 10.0.0.1 is 0x0a000001.
struct Ipv4 {
  uint32_t v = 0;
  friend constexpr bool operator==(Ipv4, Ipv4) = default;
  constexpr bool is_any() const { return v == 0; }
  constexpr bool is_loopback() const { return v >> 24 == 127; }
  constexpr bool is_multicast() const { return v >> 28 == 0xe; }
  constexpr bool is_limited_broadcast() const { return v == 0xffffffff; }
  constexpr bool is_reserved() const { return v >> 28 == 0xf; }  // 240/4, with 255.255.255.255
};
constexpr Ipv4 ipv4(unsigned a, unsigned b, unsigned c, unsigned d) {
  return {a << 24 | b << 16 | c << 8 | d};
}

// An address of either family in two words, in host order. IPv4's stand as ::ffff:a.b.c.d (RFC 4291
// 2.5.5.2), so that everything above the wire compares, hashes and sums both alike; in a packet of
// IPv6 such an address is refused. The default is IPv4's 0.0.0.0; Ip{0, 0} is "::".
struct Ip {
  static constexpr uint64_t kMapped = uint64_t{0xffff} << 32;
  uint64_t hi = 0, lo = kMapped;

  constexpr Ip() = default;
  constexpr Ip(Ipv4 a) : lo(kMapped | a.v) {}  // NOLINT(google-explicit-constructor): no loss
  constexpr Ip(uint64_t high, uint64_t low) : hi(high), lo(low) {}
  friend constexpr bool operator==(Ip a, Ip b) { return ((a.hi ^ b.hi) | (a.lo ^ b.lo)) == 0; }

  constexpr bool is_v4() const { return (hi | (lo >> 32 ^ 0xffff)) == 0; }
  constexpr Ipv4 v4() const { return {static_cast<uint32_t>(lo)}; }
  constexpr bool is_any() const { return hi == 0 && (lo == 0 || lo == kMapped); }
  constexpr bool is_loopback() const { return is_v4() ? v4().is_loopback() : hi == 0 && lo == 1; }
  constexpr bool is_multicast() const { return is_v4() ? v4().is_multicast() : hi >> 56 == 0xff; }
  constexpr bool is_limited_broadcast() const { return is_v4() && v4().is_limited_broadcast(); }
  constexpr bool is_link_local() const { return hi >> 54 == 0xfe80 >> 6; }  // fe80::/10
};
static_assert(sizeof(Ip) == 16);
inline constexpr Ip kAnyIpv6{0, 0};

struct Mac {
  uint8_t b[6] = {};
  // Every frame received compares three: in two words each, and without a call.
  friend bool operator==(const Mac& x, const Mac& y) { return x.word() == y.word(); }
  constexpr bool is_group() const { return b[0] & 1; }
  bool is_zero() const { return word() == 0; }

 private:
  [[gnu::always_inline]] uint64_t word() const {
    return uint64_t{load<uint16_t>(b + 4)} << 32 | load<uint32_t>(b);
  }
};
static_assert(sizeof(Mac) == 6 && alignof(Mac) == 1);
inline constexpr Mac kBroadcastMac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

}  // namespace pinion
