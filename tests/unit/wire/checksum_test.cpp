// The Internet checksum against the plainest possible reading of RFC 1071, at every length and
// alignment that the unrolled loops treat differently.
#include "wire/checksum.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"

namespace pinion {
namespace {

uint16_t naive_checksum(Bytes bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<uint32_t>(bytes[i]);
    sum += i % 2 == 0 ? byte << 8 : byte;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

uint64_t naive_sum(uint64_t sum) {
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  return sum;
}
// As the number that stands on the wire: the sum was taken in this machine's order.
uint16_t naive_fold(uint64_t sum) {
  const auto native = static_cast<uint16_t>(naive_sum(sum));
  be16 wire;
  std::memcpy(&wire, &native, sizeof wire);
  return wire.get();
}

std::vector<std::byte> random_bytes(Rng& rng, size_t n) {
  std::vector<std::byte> out(n);
  for (std::byte& b : out) b = static_cast<std::byte>(rng.next());
  return out;
}

TEST(Checksum, MatchesNaiveAtEveryLengthAndAlignment) {
  Rng rng{1};
  for (size_t length = 0; length <= 200; ++length) {
    for (size_t offset = 0; offset < 8; ++offset) {
      const auto data = random_bytes(rng, offset + length);
      const Bytes bytes = Bytes{data}.subspan(offset);
      ASSERT_EQ(checksum(bytes), naive_checksum(bytes)) << length << " at " << offset;
    }
  }
}

TEST(Checksum, CopyAndSumCopiesExactlyAndSumsTheSame) {
  Rng rng{2};
  for (size_t length = 0; length <= 200; ++length) {
    for (size_t offset = 0; offset < 8; ++offset) {
      const auto data = random_bytes(rng, offset + length);
      const Bytes bytes = Bytes{data}.subspan(offset);
      std::vector<std::byte> copy(length + 2, std::byte{0xee});
      const uint64_t sum = copy_and_sum(copy.data() + 1, bytes, 0);
      ASSERT_EQ(checksum_finish(sum), naive_checksum(bytes));
      ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), copy.begin() + 1));
      ASSERT_EQ(copy.front(), std::byte{0xee});
      ASSERT_EQ(copy.back(), std::byte{0xee});
    }
  }
}

TEST(Checksum, AllOnesAndAllZeros) {
  const std::vector<std::byte> ones(65536, std::byte{0xff}), zeros(65536);
  EXPECT_EQ(checksum(ones), 0);
  EXPECT_EQ(checksum(zeros), 0xffff);
}

TEST(Checksum, PiecesOfEvenLengthAddUp) {
  Rng rng{3};
  const auto data = random_bytes(rng, 64);
  const Bytes all{data};
  for (size_t cut = 0; cut <= 64; cut += 2)
    EXPECT_EQ(checksum_finish(checksum_add(checksum_add(0, all.first(cut)), all.subspan(cut))),
              checksum(all));
}

// Words whose sums carry: the folding and the joining must bring every carry round.
TEST(Checksum, FoldsAnySum) {
  Rng rng{4};
  std::vector<uint64_t> sums = {0,          1,           0xffff,         0x10000,
                                0xffffffff, 0x100000000, 0xffff00000000, UINT64_MAX - 1,
                                UINT64_MAX};
  for (int i = 0; i < 10'000; ++i) sums.push_back(rng.next() >> i % 64);
  for (const uint64_t a : sums) {
    ASSERT_EQ(checksum_fold(a), naive_fold(a)) << a;
    for (size_t i = 0; i < 16; ++i)
      ASSERT_EQ(checksum_fold(checksum_join(a, sums[i])),
                naive_fold(naive_sum(a) + naive_sum(sums[i])))
          << a << " and " << sums[i];
  }
}

TEST(Checksum, ANumberIsItsTwoBytes) {
  Rng rng{5};
  for (uint32_t value = 0; value <= 0xffff; ++value) {
    const be16 wire = be16::of(static_cast<uint16_t>(value));
    const uint64_t sum = rng.next();
    ASSERT_EQ(checksum_finish(checksum_add(sum, static_cast<uint16_t>(value))),
              checksum_finish(checksum_add(sum, std::as_bytes(std::span{&wire, 1}))));
  }
}

TEST(Checksum, PseudoHeaderIsTheTwelveBytesOfRfc768) {
  const uint8_t header[12] = {10, 0, 0, 1, 192, 168, 7, 9, 0, 17, 0x12, 0x34};
  const uint64_t sum = pseudo_header_sum(ipv4(10, 0, 0, 1), ipv4(192, 168, 7, 9), 17, 0x1234);
  EXPECT_EQ(checksum_finish(sum), naive_checksum(std::as_bytes(std::span{header})));
}

}  // namespace
}  // namespace pinion
