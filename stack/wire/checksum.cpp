#include "wire/checksum.h"

namespace pinion {
namespace {

// Fewer than eight bytes behind an even number of others. Pieces of fixed size: headers end here,
// and a copy of a size known at run time is a call.
uint64_t add_tail(uint64_t sum, const std::byte* from, size_t left) {
  if (left & 4) {
    sum = checksum_join(sum, load<uint32_t>(from));
    from += 4;
  }
  if (left & 2) {
    sum = checksum_join(sum, load<uint16_t>(from));
    from += 2;
  }
  return left & 1 ? checksum_join(sum, load<uint8_t>(from)) : sum;
}

}  // namespace

uint64_t checksum_add(uint64_t sum, Bytes bytes) {
  const std::byte* from = bytes.data();
  size_t left = bytes.size();
  uint64_t other = 0;  // a second chain of additions, independent of the first
  for (; left >= 16; left -= 16, from += 16) {
    sum = checksum_join(sum, load<uint64_t>(from));
    other = checksum_join(other, load<uint64_t>(from + 8));
  }
  sum = checksum_join(sum, other);
  if (left >= 8) {
    sum = checksum_join(sum, load<uint64_t>(from));
    left -= 8, from += 8;
  }
  return add_tail(sum, from, left);
}

uint64_t copy_and_sum(std::byte* dst, Bytes src, uint64_t sum) {
  const std::byte* from = src.data();
  size_t left = src.size();
  uint64_t other = 0;
  for (; left >= 16; left -= 16, from += 16, dst += 16) {
    const auto first = load<uint64_t>(from), second = load<uint64_t>(from + 8);
    std::memcpy(dst, &first, sizeof first);
    std::memcpy(dst + 8, &second, sizeof second);
    sum = checksum_join(sum, first);
    other = checksum_join(other, second);
  }
  sum = checksum_join(sum, other);
  if (left >= 8) {
    const auto word = load<uint64_t>(from);
    std::memcpy(dst, &word, sizeof word);
    sum = checksum_join(sum, word);
    left -= 8, from += 8, dst += 8;
  }
  if (left == 0) return sum;
  std::memcpy(dst, from, left);
  return add_tail(sum, dst, left);  // of the copy: the source may be an application's
}

uint16_t checksum_fold(uint64_t sum) {
  // A number and its halves exchanged: the upper half of the sum is theirs, with its carry.
  sum = (sum + (sum << 32 | sum >> 32)) >> 32;
  auto folded = static_cast<uint32_t>(sum);
  folded += folded << 16 | folded >> 16;
  const uint16_t native = static_cast<uint16_t>(folded >> 16);
  be16 wire;
  std::memcpy(&wire, &native, sizeof wire);
  return wire.get();
}

}  // namespace pinion
