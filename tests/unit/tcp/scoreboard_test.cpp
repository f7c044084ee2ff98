// The scoreboard: sums, orders, splitting and merging; and at random against a plain array.
#include "tcp/scoreboard.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"

namespace pinion {
namespace {

struct Board : Scoreboard {
  SegmentPool pool{256};
  ~Board() {
    clear(pool);
    EXPECT_EQ(pool.used(), 0u);
  }
  void send(uint32_t first, int count, uint32_t length = 10, Nanos now = 0) {
    for (int i = 0; i < count; ++i) {
      push(pool, Seq{first + static_cast<uint32_t>(i) * length}, length, now);
    }
  }
  SentSegment* at(int n) {
    SentSegment* s = front();
    while (n-- > 0) s = next(s);
    return s;
  }
};

TEST(Scoreboard, CountsByFate) {
  Board board;
  board.send(0xfffffff0, 5);
  board.mark(board.at(1), SegmentFate::sacked);
  board.mark(board.at(2), SegmentFate::lost);
  EXPECT_EQ(board.in_flight_bytes(), 30u);
  EXPECT_EQ(board.sacked_bytes(), 10u);
  EXPECT_EQ(board.lost_bytes(), 10u);
  EXPECT_EQ(board.sacked_segments(), 1u);
  board.resent(board.at(2), 7);
  EXPECT_EQ(board.lost_bytes(), 0u);
  EXPECT_EQ(board.at(2)->retransmissions, 1);
  EXPECT_EQ(board.at(2)->sent_at, 7);
  EXPECT_EQ(board.at(2)->first_sent_at, 0);
}

TEST(Scoreboard, FirstLostIsTheLowest) {
  Board board;
  board.send(0, 5);
  EXPECT_EQ(board.first_lost(), nullptr);
  board.mark(board.at(3), SegmentFate::lost);
  board.mark(board.at(1), SegmentFate::lost);
  EXPECT_EQ(board.first_lost(), board.at(1));
  board.resent(board.at(1), 1);
  EXPECT_EQ(board.first_lost(), board.at(3));
  board.mark(board.at(0), SegmentFate::lost);
  board.drop_front(board.pool, board.front());
  EXPECT_EQ(board.first_lost(), board.at(2));
  board.mark(board.at(2), SegmentFate::sacked);
  EXPECT_EQ(board.first_lost(), nullptr);
}

TEST(Scoreboard, TimeOrderIsOfTheLastTransmission) {
  Board board;
  board.send(0, 3);
  SentSegment *a = board.at(0), *b = board.at(1), *c = board.at(2);
  board.mark(a, SegmentFate::lost);
  EXPECT_EQ(board.earliest_sent(), b);
  board.resent(a, 5);
  board.resent(b, 6);
  EXPECT_EQ(board.earliest_sent(), c);
  EXPECT_EQ(Scoreboard::next_sent(c), a);
  EXPECT_EQ(Scoreboard::next_sent(a), b);
}

TEST(Scoreboard, SplitIsAlikeOnBothSides) {
  Board board;
  board.send(100, 2, 10, 3);
  board.mark(board.front(), SegmentFate::lost);
  ASSERT_TRUE(board.split(board.pool, board.front(), Seq{104}));
  EXPECT_EQ(board.segments(), 3u);
  EXPECT_EQ(board.lost_bytes(), 10u);
  EXPECT_EQ(board.at(0)->length, 4u);
  EXPECT_EQ(board.at(1)->seq, Seq{104});
  EXPECT_EQ(board.at(1)->length, 6u);
  EXPECT_EQ(board.at(1)->sent_at, 3);
  EXPECT_EQ(board.first_lost(), board.at(0));
  board.resent(board.at(0), 4);
  EXPECT_EQ(board.first_lost(), board.at(1));
}

TEST(Scoreboard, NeighboursThatAreSackedBecomeOne) {
  Board board;
  board.send(0, 5);
  for (const int i : {1, 3, 2}) {
    board.mark(board.at(i), SegmentFate::sacked);
    if (i != 2) board.merge_sacked(board.pool, board.at(i));
  }
  SentSegment* merged = board.merge_sacked(board.pool, board.at(2));
  EXPECT_EQ(merged->seq, Seq{10});
  EXPECT_EQ(merged->length, 30u);
  EXPECT_EQ(board.segments(), 3u);
  EXPECT_EQ(board.sacked_segments(), 3u);
  board.mark(merged, SegmentFate::lost);
  EXPECT_EQ(board.sacked_segments(), 0u);
  EXPECT_EQ(board.lost_bytes(), 30u);
}

TEST(Scoreboard, AnEmptyPoolRefusesTheSplitAndKeepsAReserve) {
  SegmentPool pool(16);
  Scoreboard board;
  uint32_t pushed = 0;
  for (; pool.has_room(); ++pushed) board.push(pool, Seq{pushed * 10}, 10, 0);
  EXPECT_EQ(pushed, 15u);
  EXPECT_TRUE(board.split(pool, board.front(), Seq{5}));
  EXPECT_FALSE(board.split(pool, board.front(), Seq{2}));
  EXPECT_EQ(board.front()->length, 5u);
  board.clear(pool);
  EXPECT_EQ(pool.used(), 0u);
}

// One byte an array element.
TEST(Scoreboard, RandomAgainstAnArray) {
  Rng rng(11);
  Board board;
  std::vector<SegmentFate> fate;
  uint32_t base = 0xffffff00, una = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto segments = board.segments();
    SentSegment* s = segments == 0 ? nullptr : board.at(static_cast<int>(rng.below(segments)));
    const auto set = [&](SegmentFate f) {
      for (uint32_t i = 0; i < s->length; ++i) fate[s->seq - Seq{base} + i] = f;
    };
    switch (rng.below(6)) {
      case 0: {
        if (segments > 100) break;
        const uint32_t length = rng.below(20) + 1;
        board.push(board.pool, Seq{base + static_cast<uint32_t>(fate.size())}, length, step);
        fate.resize(fate.size() + length, SegmentFate::in_flight);
        break;
      }
      case 1:
        if (s == nullptr || s->fate == SegmentFate::sacked) break;
        set(SegmentFate::sacked);
        board.mark(s, SegmentFate::sacked);
        if (rng.below(2)) board.merge_sacked(board.pool, s);
        break;
      case 2:
        if (s == nullptr || rng.below(2)) break;
        set(SegmentFate::lost);
        board.mark(s, SegmentFate::lost);
        break;
      case 3:
        if ((s = board.first_lost()) == nullptr) break;
        set(SegmentFate::in_flight);
        board.resent(s, step);
        break;
      case 4:
        if (s == nullptr || s->length < 2) break;
        ASSERT_TRUE(board.split(board.pool, s, s->seq + rng.below(s->length - 1) + 1));
        break;
      case 5:
        if ((s = board.front()) == nullptr || rng.below(3)) break;
        if (s->length > 1 && rng.below(2)) {
          board.trim_front(s, s->seq + 1);
          una += 1;
        } else {
          una += s->length;
          board.drop_front(board.pool, s);
        }
        break;
    }
    uint32_t bytes[3] = {}, first_lost = UINT32_MAX;
    for (uint32_t i = una; i < fate.size(); ++i) {
      ++bytes[static_cast<int>(fate[i])];
      if (fate[i] == SegmentFate::lost && first_lost == UINT32_MAX) first_lost = i;
    }
    ASSERT_EQ(board.in_flight_bytes(), bytes[0]);
    ASSERT_EQ(board.sacked_bytes(), bytes[1]);
    ASSERT_EQ(board.lost_bytes(), bytes[2]);
    const SentSegment* lost = board.first_lost();
    ASSERT_EQ(lost == nullptr ? UINT32_MAX : lost->seq - Seq{base}, first_lost);
  }
}

}  // namespace
}  // namespace pinion
