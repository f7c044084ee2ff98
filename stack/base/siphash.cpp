#include "base/siphash.h"

#include <bit>

namespace pinion {
namespace {

struct State {
  uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
  }
  void compress(uint64_t word) {
    v3 ^= word;
    round(), round();
    v0 ^= word;
  }
};

// The definition reads words in little-endian order, whatever the machine.
uint64_t little_endian(const std::byte* from, size_t n) {
  uint64_t word = 0;
  for (size_t i = 0; i < n; ++i) word |= static_cast<uint64_t>(from[i]) << (8 * i);
  return word;
}

}  // namespace

uint64_t siphash(const SipKey& key, Bytes bytes) {
  // The initial state is the ASCII text "somepseudorandomlygeneratedbytes".
  State s{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d, key.k0 ^ 0x6c7967656e657261,
          key.k1 ^ 0x7465646279746573};
  const size_t whole = bytes.size() / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) s.compress(little_endian(bytes.data() + i, 8));
  const uint64_t rest = little_endian(bytes.data() + whole, bytes.size() - whole);
  s.compress(static_cast<uint64_t>(bytes.size()) << 56 | rest);
  s.v2 ^= 0xff;
  s.round(), s.round(), s.round(), s.round();
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

}  // namespace pinion
