// The out-of-order queue: what is kept, what is told (RFC 2018, RFC 2883), what comes out; and at
// random against an array of bytes.
#include "tcp/ooo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tcp/fake_streams.h"

namespace pinion {
namespace {

using testing::FakeStream;

constexpr uint32_t kBase = 0xfffffc00;  // numbers of the tests are relative to it, and wrap
Seq at(uint32_t n) { return Seq{kBase} + n; }

struct Queue {
  FakeStream stream;
  OooQueue ooo;
  Seq rcv_nxt = at(0);
  uint32_t chunks_max = 1000;

  Queue() { stream.room = UINT32_MAX; }
  ~Queue() {
    ooo.clear(stream.sk);
    EXPECT_EQ(stream.chunks, 0u);
    EXPECT_EQ(ooo.chunks(), 0u);
  }
  static std::byte byte_at(uint32_t n) { return std::byte(n * 31 >> 3); }
  static std::vector<std::byte> bytes(uint32_t left, uint32_t right) {
    std::vector<std::byte> out;
    for (uint32_t n = left; n < right; ++n) out.push_back(byte_at(n));
    return out;
  }
  uint32_t insert(uint32_t left, uint32_t right, bool fin = false, RxTime came = {}) {
    const auto data = bytes(left, right);
    return ooo.insert(stream.sk, rcv_nxt, at(left), data, fin, chunks_max, came);
  }
  // [left, right) of each block, relative.
  std::vector<std::pair<uint32_t, uint32_t>> sack(uint32_t most = 4) {
    SackBlock out[4];
    const uint32_t count = ooo.sack_blocks(rcv_nxt, out, most);
    std::vector<std::pair<uint32_t, uint32_t>> blocks;
    for (const SackBlock& b : std::span{out, count}) {
      blocks.push_back({b.left - at(0), b.right - at(0)});
    }
    return blocks;
  }
  // As if everything below `right` had come in order.
  uint32_t arrived(uint32_t right) {
    rcv_nxt = at(right);
    const uint32_t bytes = ooo.deliver(stream.sk, rcv_nxt, 0);
    rcv_nxt += bytes;
    return bytes;
  }
};
using Blocks = std::vector<std::pair<uint32_t, uint32_t>>;

TEST(Ooo, OneHole) {
  Queue q;
  EXPECT_TRUE(q.ooo.empty());
  EXPECT_FALSE(q.ooo.has_sack(q.rcv_nxt));
  EXPECT_EQ(q.insert(100, 200), 100u);
  EXPECT_EQ(q.sack(), (Blocks{{100, 200}}));
  EXPECT_EQ(q.arrived(100), 100u);
  EXPECT_EQ(q.rcv_nxt, at(200));
  EXPECT_TRUE(q.ooo.empty());
  EXPECT_FALSE(q.ooo.has_sack(q.rcv_nxt));
  EXPECT_EQ(q.stream.received.size(), 100u);
}

TEST(Ooo, NewestRunFirst) {  // RFC 2018 section 4, and its third example
  Queue q;
  q.insert(500, 600);
  q.insert(900, 1000);
  q.insert(700, 800);
  EXPECT_EQ(q.sack(), (Blocks{{700, 800}, {900, 1000}, {500, 600}}));
  q.insert(600, 700);  // joins two
  EXPECT_EQ(q.sack(), (Blocks{{500, 800}, {900, 1000}}));
  q.insert(100, 200);
  EXPECT_EQ(q.sack(2), (Blocks{{100, 200}, {500, 800}}));
}

TEST(Ooo, AsManyRunsAsFit) {
  Queue q;
  for (uint32_t i = 6; i > 0; --i) q.insert(i * 200, i * 200 + 100);
  EXPECT_EQ(q.sack(4), (Blocks{{200, 300}, {400, 500}, {600, 700}, {800, 900}}));
  EXPECT_EQ(q.sack(3).size(), 3u);
}

TEST(Ooo, DuplicatesAreToldOnceAndFirst) {  // RFC 2883
  Queue q;
  q.insert(500, 1000);
  q.sack();
  EXPECT_EQ(q.insert(600, 700), 0u);
  EXPECT_EQ(q.sack(), (Blocks{{600, 700}, {500, 1000}}));
  EXPECT_EQ(q.sack(), (Blocks{{500, 1000}}));
  EXPECT_EQ(q.insert(900, 1100), 100u);  // only a part came twice
  EXPECT_EQ(q.sack(), (Blocks{{900, 1000}, {500, 1100}}));
  q.ooo.note_duplicate(at(0) - 100, at(0) - 50);  // below RCV.NXT
  EXPECT_TRUE(q.ooo.has_sack(q.rcv_nxt));
  EXPECT_EQ(q.sack().front(), (std::pair<uint32_t, uint32_t>{-100u, -50u}));
}

TEST(Ooo, WhatFillsAGapTwiceIsADuplicate) {  // RFC 2883 4.2, and the first of two is told
  Queue q;
  q.insert(200, 300);
  q.ooo.note_overlap(at(0), at(200));
  EXPECT_EQ(q.sack().front(), std::pair(200u, 300u));  // nothing but the run
  q.ooo.note_overlap(at(100), at(250));
  EXPECT_EQ(q.sack().front(), std::pair(200u, 250u));
  q.ooo.note_duplicate(at(0), at(100));
  q.ooo.note_overlap(at(100), at(250));
  EXPECT_EQ(q.sack().front(), std::pair(0u, 100u));
}

// Each chunk knows when its last bytes came: they may be delivered long after what fills the gap.
TEST(Ooo, DeliversWithTheTimeOfArrival) {
  Queue q;
  q.insert(100, 200, false, {70, true});
  q.insert(300, 400, false, {80, false});
  q.insert(200, 250, false, {90, true});  // behind the first, in its chunk
  q.arrived(100);
  EXPECT_EQ(q.stream.came, (std::vector<Nanos>{90}));
  q.arrived(300);
  EXPECT_EQ(q.stream.came, (std::vector<Nanos>{90, 80}));
}

TEST(Ooo, OverlapKeepsWhatWasThere) {
  Queue q;
  q.insert(200, 300);
  q.insert(400, 500);
  const std::vector<std::byte> other(400, std::byte{0xee});
  EXPECT_EQ(q.ooo.insert(q.stream.sk, q.rcv_nxt, at(150), other, false, 1000, {}), 200u);
  q.arrived(150);
  std::string expected;
  for (uint32_t n = 150; n < 550; ++n) {
    const bool ours = (n >= 200 && n < 300) || (n >= 400 && n < 500);
    expected += static_cast<char>(ours ? Queue::byte_at(n) : std::byte{0xee});
  }
  EXPECT_EQ(q.stream.received, expected);
}

TEST(Ooo, SmallSegmentsShareChunks) {  // memory is bounded by chunks, not by segments
  Queue q;
  for (uint32_t n = 1; n < 1001; ++n) EXPECT_EQ(q.insert(n, n + 1), 1u);
  EXPECT_EQ(q.ooo.chunks(), 1u);
  Queue gaps;
  gaps.chunks_max = 10;
  uint32_t stored = 0;
  for (uint32_t n = 1; n < 1001; ++n) stored += gaps.insert(n * 2, n * 2 + 1);
  EXPECT_EQ(stored, 10u);
  EXPECT_EQ(gaps.stream.chunks, 10u);
}

TEST(Ooo, NoMemoryStoresAPart) {
  Queue q;
  q.stream.chunks_max = 2;
  EXPECT_EQ(q.insert(100, 9100), 2 * StreamChunk::kBytes);
  EXPECT_EQ(q.sack(), (Blocks{{100, 100 + 2 * StreamChunk::kBytes}}));
  EXPECT_EQ(q.insert(20'000, 20'001), 0u);
  EXPECT_EQ(q.sack(), (Blocks{{100, 100 + 2 * StreamChunk::kBytes}}));
  EXPECT_EQ(q.arrived(100), 2 * StreamChunk::kBytes);
}

TEST(Ooo, OwnerTakesLess) {
  Queue q;
  q.insert(100, 300);
  q.stream.room = 50, q.stream.reads = false;
  EXPECT_EQ(q.arrived(100), 50u);
  EXPECT_FALSE(q.ooo.empty());
  EXPECT_TRUE(q.sack().empty()) << "what begins at RCV.NXT is no block";
  q.stream.room = 1000;
  EXPECT_EQ(q.arrived(150), 150u);
  EXPECT_TRUE(q.ooo.empty());
}

TEST(Ooo, FinWaitsForItsTurn) {
  Queue q;
  q.insert(100, 200, true);
  EXPECT_FALSE(q.ooo.fin_is_next(q.rcv_nxt));
  q.arrived(100);
  EXPECT_TRUE(q.ooo.fin_is_next(q.rcv_nxt));
  Queue alone;
  alone.insert(100, 100, true);
  EXPECT_FALSE(alone.ooo.empty());
  EXPECT_FALSE(alone.ooo.has_sack(alone.rcv_nxt));
  alone.arrived(100);
  EXPECT_TRUE(alone.ooo.fin_is_next(alone.rcv_nxt));
  Queue cut;
  cut.stream.chunks_max = 0;
  cut.insert(100, 200, true);
  EXPECT_TRUE(cut.ooo.empty()) << "its data was not stored";
}

TEST(Ooo, ChunksThatCameInOrderMeanwhileGoBack) {
  Queue q;
  q.insert(100, 200);
  q.insert(5000, 9000);
  EXPECT_EQ(q.arrived(6000), 3000u);
  EXPECT_EQ(q.stream.chunks, 0u);
}

TEST(Ooo, RandomAgainstAnArray) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Rng rng(seed);
    Queue q;
    q.chunks_max = seed % 3 == 0 ? 8 : 1000;
    constexpr uint32_t kTotal = 30'000;
    std::vector<bool> have(kTotal + 1);
    uint32_t next = 0;
    while (next < kTotal) {
      const uint32_t left = next + rng.below(std::min(6000u, kTotal - next));
      const uint32_t right = std::min(left + 1 + rng.below(2500), kTotal);
      if (left == next || rng.below(8) == 0) {  // in order
        const auto data = Queue::bytes(next, right);
        q.stream.received.append(reinterpret_cast<const char*>(data.data()), data.size());
        q.arrived(right);
        next = q.rcv_nxt - at(0);
      } else {
        const uint32_t stored = q.insert(left, right);
        uint32_t fresh = 0;
        for (uint32_t n = left, taken = 0; n < right; ++n) {
          if (have[n]) continue;
          ++fresh;
          if (taken < stored) have[n] = true, ++taken;
        }
        ASSERT_LE(stored, fresh);
        if (q.chunks_max == 1000) {
          ASSERT_EQ(stored, fresh) << seed;
        }
      }
      while (next < kTotal && have[next]) ++next;
      ASSERT_EQ(q.rcv_nxt, at(next)) << seed;
      ASSERT_LE(q.ooo.chunks(), q.chunks_max);
      // Every block is a whole run of what there is, but for the D-SACK that may come first.
      SackBlock out[4];
      const uint32_t count = q.ooo.sack_blocks(q.rcv_nxt, out, 4);
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t l = out[i].left - at(0), r = out[i].right - at(0);
        ASSERT_LT(l, r);
        for (uint32_t n = l; n < r; ++n) ASSERT_TRUE(have[n] || n < next) << seed;
        if (i == 0) continue;
        ASSERT_FALSE(have[r] && r < kTotal) << seed;
        ASSERT_FALSE(have[l - 1]) << seed;
        for (uint32_t k = 1; k < i; ++k) ASSERT_FALSE(out[k] == out[i]);
      }
    }
    const auto all = Queue::bytes(0, kTotal);
    ASSERT_EQ(q.stream.received.size(), kTotal);
    ASSERT_EQ(std::memcmp(q.stream.received.data(), all.data(), kTotal), 0) << seed;
  }
}

}  // namespace
}  // namespace pinion
