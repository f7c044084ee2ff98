#include "port/rss.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace pinion {

// For each bit of the input, from the left, that is set: the 32 bits of the key that begin there.
uint32_t toeplitz(std::span<const uint8_t> key, std::span<const uint8_t> input) {
  STACK_CHECK(key.size() >= input.size() + 4);
  uint32_t hash = 0;
  uint64_t window = 0;  // of the key: 32 bits that count, and 8 to come
  for (size_t i = 0; i < 4; ++i) window = window << 8 | key[i];
  for (size_t i = 0; i < input.size(); ++i) {
    window = window << 8 | (i + 4 < key.size() ? key[i + 4] : 0);
    for (unsigned bit = 0; bit < 8; ++bit)
      if ((input[i] >> (7 - bit) & 1) != 0) hash ^= static_cast<uint32_t>(window >> (8 - bit));
  }
  return hash;
}

uint32_t rss_hash(const Rss& rss, const RssTuple& tuple) {
  uint8_t input[2 * 16 + 2 * 2];
  size_t length = 0;
  const auto put = [&](const void* bytes, size_t n) {
    std::memcpy(input + length, bytes, n);
    length += n;
  };
  for (const Ip& address : {tuple.source, tuple.destination}) {
    if (address.is_v4()) {
      const be32 v4 = be32::of(address.v4().v);
      put(&v4, sizeof v4);
    } else {
      const be64 hi = be64::of(address.hi), lo = be64::of(address.lo);
      put(&hi, sizeof hi), put(&lo, sizeof lo);
    }
  }
  for (const uint16_t port : {tuple.source_port, tuple.destination_port}) {
    const be16 wire = be16::of(port);
    put(&wire, sizeof wire);
  }
  return toeplitz(rss.key, {input, length});
}

uint16_t rss_queue(const Rss& rss, const RssTuple& tuple) {
  STACK_DCHECK(std::has_single_bit(rss.table.size()));
  return rss.table[rss_hash(rss, tuple) & (rss.table.size() - 1)];
}

}  // namespace pinion
