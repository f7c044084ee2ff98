// HandOver: records come out as they went in, at every place of the ring; full is full; two threads
// lose nothing; and a consumer that falls asleep is woken for what it did not see.
#include "port/hand_over.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/rng.h"

namespace pinion {
namespace {

constexpr size_t kRing = HandOver::kBytesMin;

// Bytes that say which record they are of.
void fill(MutableBytes record, uint64_t number) {
  for (size_t i = 0; i < record.size(); ++i) record[i] = static_cast<std::byte>(number * 7 + i);
}
bool is_record(Bytes record, uint64_t number) {
  for (size_t i = 0; i < record.size(); ++i)
    if (record[i] != static_cast<std::byte>(number * 7 + i)) return false;
  return true;
}

TEST(HandOver, WhatIsTakenBackNeverWas) {
  HandOver ring(kRing);
  fill(ring.push(5), 1);
  const uint64_t mark = ring.mark();
  for (uint64_t n = 0; !ring.push(100).empty(); ++n) ASSERT_LT(n, kRing);
  ring.take_back(mark);
  fill(ring.push(7), 2);
  ring.publish();
  EXPECT_TRUE(is_record(ring.front(), 1));
  ring.pop();
  ASSERT_EQ(ring.front().size(), 7u);
  EXPECT_TRUE(is_record(ring.front(), 2));
  ring.pop();
  EXPECT_TRUE(ring.empty());
}

TEST(HandOver, ARecordIsSeenAfterPublishAndOnce) {
  HandOver ring(kRing);
  EXPECT_TRUE(ring.front().empty());
  const MutableBytes record = ring.push(5);
  ASSERT_EQ(record.size(), 5u);
  fill(record, 1);
  EXPECT_TRUE(ring.front().empty());
  EXPECT_TRUE(ring.empty());
  EXPECT_FALSE(ring.publish()) << "nobody sleeps";
  EXPECT_FALSE(ring.empty());
  ASSERT_EQ(ring.front().size(), 5u);
  EXPECT_TRUE(is_record(ring.front(), 1));
  ring.pop();
  EXPECT_TRUE(ring.front().empty());
  EXPECT_TRUE(ring.empty());
}

TEST(HandOver, RecordsLieInOnePieceAndAlignedWhereverTheRingEnds) {
  HandOver ring(kRing);
  Rng rng(1);
  for (uint64_t i = 0; i < 20'000; ++i) {
    const size_t length = 1 + rng.below(i % 100 == 0 ? ring.record_max() : 3000);
    const MutableBytes record = ring.push(length);
    ASSERT_EQ(record.size(), length) << i;
    ASSERT_EQ(reinterpret_cast<uintptr_t>(record.data()) % 8, 0u);
    fill(record, i);
    ring.publish();
    ASSERT_EQ(ring.front().size(), length);
    ASSERT_TRUE(is_record(ring.front(), i)) << i;
    ring.pop();
  }
}

TEST(HandOver, FullIsFullUntilOneIsTaken) {
  HandOver ring(kRing);
  uint64_t pushed = 0;
  for (MutableBytes r; !(r = ring.push(1000)).empty(); ++pushed) fill(r, pushed);
  EXPECT_EQ(pushed, kRing / 1008);
  ring.publish();
  EXPECT_TRUE(ring.push(1000).empty());
  ring.front(), ring.pop();
  const MutableBytes more = ring.push(1000);
  ASSERT_FALSE(more.empty()) << "there was room at the end or at the front for just this one";
  fill(more, pushed);
  ring.publish();
  for (uint64_t i = 1; i <= pushed; ++i) {
    ASSERT_TRUE(is_record(ring.front(), i)) << i;
    ring.pop();
  }
  EXPECT_TRUE(ring.empty());
}

TEST(HandOver, CopiesLeaveAQuarterToWhatMustNotBeLost) {
  HandOver ring(kRing);
  uint64_t copies = 0, rest = 0;
  for (; ring.has_room_for_copy(1000); ++copies) fill(ring.push(1000), copies);
  EXPECT_EQ(copies, (kRing - kRing / 4) / 1008);
  for (MutableBytes r; !(r = ring.push(1000)).empty(); ++rest) fill(r, copies + rest);
  EXPECT_GE(rest, kRing / 4 / 1008);
}

TEST(HandOver, TheLongestRecordFitsAtAnyPlaceOfAnEmptyRing) {
  HandOver ring(kRing);
  for (uint64_t i = 0; i < 100; ++i) {
    ASSERT_FALSE(ring.push(1 + 997 * i).empty()) << i;
    ring.publish(), ring.front(), ring.pop();
    ASSERT_EQ(ring.push(ring.record_max()).size(), ring.record_max()) << i;
    ring.publish();
    ASSERT_EQ(ring.front().size(), ring.record_max());
    ring.pop();
  }
}

TEST(HandOver, WhoSleepsIsWokenForWhatIsPublishedAndNotForNothing) {
  HandOver ring(kRing);
  ring.fall_asleep();
  EXPECT_FALSE(ring.publish()) << "nothing was pushed";
  ring.push(1);
  EXPECT_TRUE(ring.publish());
  EXPECT_FALSE(ring.publish()) << "it was told";
  ring.awake();
  ring.push(1);
  EXPECT_FALSE(ring.publish());
}

TEST(HandOver, TwoThreadsLoseNothing) {
  constexpr uint64_t kRecords = 100'000;
  HandOver ring(kRing);
  std::thread producer([&ring] {
    Rng rng(2);
    for (uint64_t i = 0; i < kRecords;) {
      const MutableBytes record = ring.push(8 + i % 600);
      if (record.empty()) std::this_thread::yield();
      else std::memcpy(record.data(), &i, sizeof i), ++i;
      if (rng.below(4) == 0 || record.empty()) ring.publish();
    }
    ring.publish();
  });
  for (uint64_t i = 0; i < kRecords;) {
    const MutableBytes record = ring.front();
    if (record.empty()) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(load<uint64_t>(record.data()), i);
    ASSERT_EQ(record.size(), 8 + i % 600);
    ring.pop();
    ++i;
  }
  producer.join();
  EXPECT_TRUE(ring.empty());
}

// The consumer stays asleep until it is woken: one lost wake-up and this stands still, until the
// test's time is over.
TEST(HandOver, NoWakeUpIsLost) {
  constexpr uint64_t kRecords = 5'000;
  HandOver ring(kRing), back(kRing);
  std::atomic<uint32_t> woken{0};
  std::thread consumer([&] {
    for (uint64_t taken = 0; taken < kRecords;) {
      if (!ring.front().empty()) {
        ring.pop(), ++taken;
        back.push(1), back.publish();
        continue;
      }
      const uint32_t before = woken.load();
      ring.fall_asleep();
      if (ring.empty()) woken.wait(before);
      ring.awake();
    }
  });
  for (uint64_t i = 0; i < kRecords; ++i) {
    ring.push(1);
    if (ring.publish()) woken.fetch_add(1), woken.notify_one();
    while (back.front().empty()) std::this_thread::yield();
    back.pop();
  }
  consumer.join();
}

}  // namespace
}  // namespace pinion
