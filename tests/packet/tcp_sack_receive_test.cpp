// RFC 2018 3, 4 and RFC 2883: what came out of order is told, the newest block first; what came
// twice is told first of all.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions sack_agreed() {
  TcpBedOptions options;
  options.syn_options = mss(1460) + sack_permitted();
  return options;
}

std::vector<SackBlock> blocks_of(TcpBed& bed, const Seg& seg, uint32_t ack) {
  bed.remote.sends(seg);
  const Decoded d = bed.remote.expects({.seq = 1, .ack = ack});
  std::vector<SackBlock> out;
  if (!d.tcp) return out;
  for (const SackBlock& b : options_of(*d.tcp).sack)
    out.push_back({b.left - bed.remote.iss, b.right - bed.remote.iss});
  return out;
}

using Blocks = std::vector<SackBlock>;
const std::string kTen(10, 't');

TEST(TcpInput, NewestBlockFirst) {
  TcpBed bed(TcpState::established, sack_agreed());
  EXPECT_EQ(blocks_of(bed, {.seq = 11, .ack = 1, .data = kTen}, 1), (Blocks{{11, 21}}));
  EXPECT_EQ(blocks_of(bed, {.seq = 31, .ack = 1, .data = kTen}, 1), (Blocks{{31, 41}, {11, 21}}));
  EXPECT_EQ(blocks_of(bed, {.seq = 51, .ack = 1, .data = kTen}, 1),
            (Blocks{{51, 61}, {31, 41}, {11, 21}}));
  EXPECT_EQ(blocks_of(bed, {.seq = 21, .ack = 1, .data = kTen}, 1), (Blocks{{11, 41}, {51, 61}}));
  EXPECT_EQ(blocks_of(bed, {.seq = 1, .ack = 1, .data = kTen}, 41), (Blocks{{51, 61}}));
  EXPECT_EQ(blocks_of(bed, {.seq = 41, .ack = 1, .data = kTen}, 61), Blocks{});
}

TEST(TcpInput, FourBlocksAtMost) {
  TcpBed bed(TcpState::established, sack_agreed());
  for (uint32_t i = 1; i <= 6; ++i) {
    const Blocks b = blocks_of(bed, {.seq = 20 * i, .ack = 1, .data = kTen}, 1);
    ASSERT_EQ(b.size(), std::min(i, 4u));
    EXPECT_EQ(b.front(), (SackBlock{20 * i, 20 * i + 10}));
  }
}

TEST(TcpInput, NoneIfItWasNotAgreed) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(blocks_of(bed, {.seq = 11, .ack = 1, .data = kTen}, 1), Blocks{});
}

// RFC 2883 4: below the acknowledgment, and inside a block.
TEST(TcpInput, DuplicateIsTold) {
  TcpBed bed(TcpState::established, sack_agreed());
  EXPECT_EQ(blocks_of(bed, {.seq = 1, .ack = 1, .data = kTen}, 11), Blocks{});
  EXPECT_EQ(blocks_of(bed, {.seq = 1, .ack = 1, .data = kTen}, 11), (Blocks{{1, 11}}));
  EXPECT_EQ(blocks_of(bed, {.seq = 21, .ack = 1, .data = kTen}, 11), (Blocks{{21, 31}}));
  EXPECT_EQ(blocks_of(bed, {.seq = 21, .ack = 1, .data = kTen}, 11), (Blocks{{21, 31}, {21, 31}}));
}

}  // namespace
}  // namespace pinion::testing
