// RSS: the hash against Microsoft's vectors ("Verifying the RSS Hash Calculation"), bit for bit at
// keys of other lengths, and the queue that the table makes of it.
#include "port/rss.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "base/rng.h"

namespace pinion {
namespace {

const std::vector<uint8_t> kMicrosoft = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

uint32_t of_addresses(const RssTuple& tuple) {
  std::array<uint8_t, 32> bytes{};
  size_t n = 0;
  for (const Ip& a : {tuple.source, tuple.destination}) {
    const bool v4 = a.is_v4();
    for (int i = v4 ? 3 : 15; i >= 0; --i)
      bytes[n++] = static_cast<uint8_t>((i < 8 ? a.lo >> 8 * i : a.hi >> 8 * (i - 8)) & 0xff);
  }
  return toeplitz(kMicrosoft, {bytes.data(), n});
}

struct Vector {
  RssTuple tuple;
  uint32_t of_addresses, with_ports;
};

TEST(Rss, MicrosoftsVectors) {
  const Vector vectors[] = {
      {{ipv4(66, 9, 149, 187), ipv4(161, 142, 100, 80), 2794, 1766}, 0x323e8fc2, 0x51ccc178},
      {{ipv4(199, 92, 111, 2), ipv4(65, 69, 140, 83), 14230, 4739}, 0xd718262a, 0xc626b0ea},
      {{ipv4(24, 19, 198, 95), ipv4(12, 22, 207, 184), 12898, 38024}, 0xd2d0a5de, 0x5c2b394a},
      {{ipv4(38, 27, 205, 30), ipv4(209, 142, 163, 6), 48228, 2217}, 0x82989176, 0xafc7327f},
      {{ipv4(153, 39, 163, 191), ipv4(202, 188, 127, 2), 44251, 1303}, 0x5d1809c5, 0x10e828a2},
      {{Ip{0x3ffe'2501'0200'1fff, 0x7}, Ip{0x3ffe'2501'0200'0003, 0x1}, 2794, 1766},
       0x2cc18cd5,
       0x40207d3d},
      {{Ip{0x3ffe'0501'0008'0000, 0x0260'97ff'fe40'efab}, Ip{0xff02'0000'0000'0000, 0x1}, 14230,
        4739},
       0x0f0c461c,
       0xdde51bbf},
      {{Ip{0x3ffe'1900'4545'0003, 0x0200'f8ff'fe21'67cf},
        Ip{0xfe80'0000'0000'0000, 0x0200'f8ff'fe21'67cf}, 44251, 38024},
       0x4b61e985,
       0x02d1feef}};
  const Rss rss{.tuples = kRssTcp4, .key = kMicrosoft, .table = {0}};
  for (const Vector& v : vectors) {
    EXPECT_EQ(of_addresses(v.tuple), v.of_addresses);
    EXPECT_EQ(rss_hash(rss, v.tuple), v.with_ports);
  }
}

// The definition, one bit after the other.
uint32_t slowly(std::span<const uint8_t> key, std::span<const uint8_t> input) {
  const auto bit = [&](std::span<const uint8_t> bytes, size_t i) {
    return uint32_t{bytes[i / 8]} >> (7 - i % 8) & 1;
  };
  uint32_t hash = 0;
  for (size_t i = 0; i < input.size() * 8; ++i)
    for (size_t j = 0; bit(input, i) != 0 && j < 32; ++j) hash ^= bit(key, i + j) << (31 - j);
  return hash;
}

TEST(Rss, AsDefinedForKeysAndInputsOfEachLength) {
  Rng rng(1);
  for (const size_t key_bytes : {40, 44, 52, 60}) {
    std::vector<uint8_t> key(key_bytes), input(36);
    for (int round = 0; round < 200; ++round) {
      for (uint8_t& b : key) b = static_cast<uint8_t>(rng.next());
      for (uint8_t& b : input) b = static_cast<uint8_t>(rng.next());
      const std::span<const uint8_t> some{input.data(), 1 + rng.below(36)};
      ASSERT_EQ(toeplitz(key, some), slowly(key, some));
    }
  }
}

// A key of 16 bits over and over gives both directions of a connection one hash; others do not.
TEST(Rss, TheOtherDirectionIsAnotherQuestion) {
  const RssTuple there{ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2), 1000, 2000};
  const RssTuple back{there.destination, there.source, 2000, 1000};
  Rss rss{.tuples = kRssTcp4, .key = kMicrosoft, .table = {0}};
  EXPECT_NE(rss_hash(rss, there), rss_hash(rss, back));
  for (size_t i = 0; i < rss.key.size(); ++i) rss.key[i] = i % 2 == 0 ? 0x6d : 0x5a;
  EXPECT_EQ(rss_hash(rss, there), rss_hash(rss, back));
}

TEST(Rss, TheTableSaysTheQueueByTheLowBits) {
  Rss rss{.tuples = kRssTcp4, .key = kMicrosoft, .table = std::vector<uint16_t>(128)};
  std::iota(rss.table.begin(), rss.table.end(), uint16_t{0});
  const RssTuple tuple{ipv4(66, 9, 149, 187), ipv4(161, 142, 100, 80), 2794, 1766};
  EXPECT_EQ(rss_queue(rss, tuple), 0x51ccc178 % 128);
}

}  // namespace
}  // namespace pinion
