#include "wire/checksum.h"

namespace pinion {
namespace {

// Two words of 64 bits side by side, each the sum of many of 32 bits: no carry is lost before 2^32
// of them.
using Lanes = uint64_t __attribute__((vector_size(16)));
constexpr Lanes kLow{UINT32_MAX, UINT32_MAX};

// Where bytes are read, each once, and where a copy of them goes, if one is wanted.
template <bool kCopies>
struct Cursor {
  const std::byte* from;
  std::byte* to;

  template <class Word>
  Word next() {
    const auto word = load<Word>(from);
    from += sizeof word;
    if constexpr (kCopies) {
      std::memcpy(to, &word, sizeof word);
      to += sizeof word;
    }
    return word;
  }
};

// What is left at the end goes in pieces of fixed size: headers end there, and a copy of a size
// known at run time is a call.
template <bool kCopies>
uint64_t add(uint64_t sum, Cursor<kCopies> at, size_t left) {
  Lanes low{}, high{};
  const auto add_lanes = [&] {
    const auto words = at.template next<Lanes>();
    low += words & kLow;
    high += words >> 32;
  };
  for (; left >= 32; left -= 32) add_lanes(), add_lanes();
  if (left & 16) add_lanes();
  low += high;
  sum = checksum_join(checksum_join(sum, low[0]), low[1]);
  if (left == 0) return sum;
  if (left & 8) sum = checksum_join(sum, at.template next<uint64_t>());
  if (left & 4) sum = checksum_join(sum, at.template next<uint32_t>());
  if (left & 2) sum = checksum_join(sum, at.template next<uint16_t>());
  return left & 1 ? checksum_join(sum, at.template next<uint8_t>()) : sum;
}

}  // namespace

uint64_t checksum_add(uint64_t sum, Bytes bytes) {
  return add<false>(sum, {bytes.data(), nullptr}, bytes.size());
}

uint64_t copy_and_sum(std::byte* dst, Bytes src, uint64_t sum) {
  return add<true>(sum, {src.data(), dst}, src.size());
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
