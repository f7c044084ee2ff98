// A small seeded generator (xoshiro256**, seeded by splitmix64) for simulation and tests, and the
// mixing function that keyed hash tables use. Chance is an argument: there is no global generator.
#pragma once
#include <bit>
#include <cstdint>

namespace pinion {

// The finaliser of splitmix64: every bit of the input moves every bit of the output.
constexpr uint64_t mix64(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

__extension__ typedef unsigned __int128 Wide;  // NOLINT(modernize-use-using): has no such form

// Of two words that a peer may choose, with two that it does not know: the halves of one product.
constexpr uint64_t mix_words(uint64_t a, uint64_t b, uint64_t secret_a, uint64_t secret_b) {
  const Wide product =
      Wide{a ^ secret_a ^ 0x9e3779b97f4a7c15} * (b ^ secret_b ^ 0xd6e8feb86659fd93);
  return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
}

// Who sees enough numbers can compute the seed: a secret is none (base/secret.h makes one of it).
class Rng {
 public:
  explicit Rng(uint64_t seed) {
    for (uint64_t& word : state_) word = mix64(seed += 0x9e3779b97f4a7c15);
  }

  uint64_t next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0], state_[3] ^= state_[1];
    state_[1] ^= state_[2], state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // 0..n-1, n > 0. The bias is below n / 2^32.
  uint32_t below(uint32_t n) { return static_cast<uint32_t>((next() >> 32) * n >> 32); }
  bool chance(double probability) {
    return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
  }

 private:
  uint64_t state_[4];
};

}  // namespace pinion
