// CaptureTap: packets come out as they went in, with what hangs on them; what the port did not take
// does not; a slow looker loses the newest and is told; a new one does not get an old one's rest.
#include "port/capture_tap.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/rng.h"

namespace pinion {
namespace {

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A frame whose bytes are a string's.
struct TextFrame : Frame {
  explicit TextFrame(std::string_view t) : text(t) {
    data = reinterpret_cast<std::byte*>(text.data());
    length = static_cast<uint32_t>(text.size());
  }
  std::string text;
};

struct Seen {
  std::string text;
  CaptureTap::Packet packet;
};
std::vector<Seen> take(CaptureTap& tap, size_t most = 1000) {
  std::vector<Seen> out;
  tap.each(most, [&out](const CaptureTap::Packet& p) { out.push_back({text_of(p.bytes), p}); });
  return out;
}

TEST(CaptureTap, ShowsBothWaysInTheirOrder) {
  CaptureTap tap;
  EXPECT_FALSE(tap.on());
  tap.start();
  ASSERT_TRUE(tap.on());
  TextFrame in("came in"), out("went out");
  in.vlan_stripped = true, in.vlan_tci = 0x6005;
  Frame* frame = &in;
  tap.received({&frame, 1}, 10);
  frame = &out;
  tap.sending({&frame, 1}, 11);
  EXPECT_EQ(take(tap).size(), 1u) << "the port has not taken it yet";
  tap.sent(1);
  tap.received({&frame, 1}, 12);
  const std::vector<Seen> seen = take(tap);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].text, "went out");
  EXPECT_TRUE(seen[0].packet.sent);
  EXPECT_FALSE(seen[0].packet.tagged) << "a sent frame's union holds something else";
  EXPECT_EQ(seen[0].packet.time, 11);
  EXPECT_FALSE(seen[1].packet.sent);
  EXPECT_EQ(seen[1].packet.time, 12);
  tap.stop();
  EXPECT_FALSE(tap.on());
}

TEST(CaptureTap, GivesATagBack) {
  CaptureTap tap;
  tap.start();
  TextFrame in("tagged");
  in.vlan_stripped = true, in.vlan_tci = 0x6005;
  Frame* frame = &in;
  tap.received({&frame, 1}, 10);
  const std::vector<Seen> seen = take(tap);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_TRUE(seen[0].packet.tagged);
  EXPECT_EQ(seen[0].packet.vlan_tci, 0x6005);
}

// Of a received frame the words of what hangs on it are its tag and the NIC's time.
TEST(CaptureTap, NothingHangsOnAReceivedFrame) {
  CaptureTap tap;
  tap.start();
  TextFrame in("tagged, with a time");
  in.vlan_stripped = true, in.vlan_tci = 5, in.hw_time = 1'000'000'000;
  Frame* frame = &in;
  tap.received({&frame, 1}, 10);
  EXPECT_EQ(take(tap).at(0).text, "tagged, with a time");
}

TEST(CaptureTap, ShowsWhatHangsOnAFrame) {
  CaptureTap tap;
  tap.start();
  TextFrame attached("header "), chain("cut: "), second("one "), third("two");
  const std::string payload = "payload";
  attached.attach(std::as_bytes(std::span(payload)));
  chain.segment_bytes = 512;
  chain.more = &second, second.next = &third;
  chain.behind_length = second.length + third.length;
  Frame* frames[] = {&attached, &chain};
  tap.sending(frames, 1);
  tap.sent(2);
  const std::vector<Seen> seen = take(tap);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].text, "header payload");
  EXPECT_EQ(seen[1].text, "cut: one two");
}

TEST(CaptureTap, WhatThePortDidNotTakeIsNotShown) {
  CaptureTap tap;
  tap.start();
  TextFrame a("a"), b("b"), c("c");
  Frame* frames[] = {&a, &b, &c};
  tap.sending(frames, 1);
  tap.sent(1);
  Frame* again[] = {&b, &c};
  tap.sending(again, 2);
  tap.stop();  // in between
  tap.sent(2);
  const std::vector<Seen> seen = take(tap);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].text + seen[1].text + seen[2].text, "abc");
  EXPECT_EQ(seen[1].packet.time, 2);
}

TEST(CaptureTap, ASlowOneLosesTheNewestAndIsTold) {
  CaptureTap tap;
  tap.start();
  TextFrame long_one(std::string(1000, 'x')), last("last");
  Frame* frame = &long_one;
  constexpr uint64_t kPushed = 10'000;
  for (uint64_t i = 0; i < kPushed; ++i) tap.received({&frame, 1}, static_cast<Nanos>(i));
  const uint64_t lost = tap.lost();
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(take(tap, kPushed).size(), kPushed - lost);
  frame = &last;
  tap.received({&frame, 1}, 1);
  tap.received({&frame, 1}, 2);
  const std::vector<Seen> seen = take(tap);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].packet.lost, lost);
  EXPECT_EQ(seen[1].packet.lost, 0u);
}

// A port that is full is offered the same frames again and again.
TEST(CaptureTap, WhatThePortDoesNotTakeNeitherTakesRoomNorIsLost) {
  CaptureTap tap;
  tap.start();
  TextFrame big(std::string(60'000, 'x')), small("small");
  std::array<Frame*, CaptureTap::kBurstMax> frames;
  frames.fill(&big);
  for (int i = 0; i < 1000; ++i) {
    tap.sending(frames, 1);
    tap.sent(0);
  }
  Frame* frame = &small;
  tap.received({&frame, 1}, 2);
  const std::vector<Seen> seen = take(tap);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].text, "small");
  EXPECT_EQ(seen[0].packet.lost, 0u);
  EXPECT_EQ(tap.lost(), 0u);
}

TEST(CaptureTap, ANewOneIsNotToldOfAnOldOnesLosses) {
  CaptureTap tap;
  tap.start();
  TextFrame big(std::string(60'000, 'x'));
  Frame* frame = &big;
  for (int i = 0; i < 1000; ++i) tap.received({&frame, 1}, 1);
  EXPECT_GT(tap.lost(), 0u);
  tap.start();
  tap.received({&frame, 1}, 2);
  EXPECT_EQ(take(tap).at(0).packet.lost, 0u);
}

TEST(CaptureTap, ANewOneDoesNotGetTheRest) {
  CaptureTap tap;
  TextFrame old("old"), fresh("fresh");
  Frame* frame = &old;
  tap.start();
  tap.received({&frame, 1}, 1);
  tap.stop();
  tap.start();
  frame = &fresh;
  tap.received({&frame, 1}, 2);
  const std::vector<Seen> seen = take(tap);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].text, "fresh");
}

// One core and one who looks: nothing is torn, and everything is shown or counted.
TEST(CaptureTap, TwoThreads) {
  constexpr int kRounds = 200'000;
  CaptureTap tap;
  tap.start();
  uint64_t shown = 0;
  std::thread core([&] {
    Rng rng(1);
    for (int i = 0; i < kRounds; ++i) {
      TextFrame frame(std::string(1 + rng.below(300), static_cast<char>('a' + i % 26)));
      Frame* pointer = &frame;
      if (!tap.on()) continue;
      tap.sending({&pointer, 1}, i);
      tap.sent(1);
      ++shown;
    }
  });
  uint64_t seen = 0, told_lost = 0;
  const auto look = [&] {
    tap.each(64, [&](const CaptureTap::Packet& packet) {
      const std::string text = text_of(packet.bytes);
      EXPECT_EQ(text, std::string(text.size(), static_cast<char>('a' + packet.time % 26)));
      told_lost += packet.lost;
      ++seen;
    });
  };
  for (int i = 0; i < 20'000; ++i) look();
  core.join();
  for (uint64_t before = seen + 1; before != seen;) before = seen, look();
  EXPECT_LE(told_lost, tap.lost());
  EXPECT_EQ(seen + tap.lost(), shown);
}

// Who stops and looks again, again and again, beside a core that never rests.
TEST(CaptureTap, StartsAndStopsBesideTheCore) {
  CaptureTap tap;
  std::atomic<bool> over{false};
  std::thread core([&] {
    for (Nanos now = 0; !over; ++now) {
      TextFrame frame(std::string(static_cast<size_t>(1 + now % 300), 'a'));
      frame.text.back() = static_cast<char>('a' + now % 26);
      Frame* pointer = &frame;
      if (!tap.on()) continue;
      tap.sending({&pointer, 1}, now);
      tap.sent(static_cast<size_t>(now % 3 != 0));
    }
  });
  for (int round = 0; round < 2000; ++round) {
    tap.start();
    Nanos before = -1;
    const auto look = [&](const CaptureTap::Packet& packet) {
      const std::string text = text_of(packet.bytes);
      EXPECT_EQ(text.size(), static_cast<size_t>(1 + packet.time % 300));
      EXPECT_EQ(text.back(), static_cast<char>('a' + packet.time % 26));
      EXPECT_NE(packet.time % 3, 0);
      EXPECT_GT(packet.time, before);
      before = packet.time;
    };
    for (int i = 0; i < 20; ++i) tap.each(64, look);
    tap.stop();
    tap.each(64, look);
  }
  over = true;
  core.join();
}

}  // namespace
}  // namespace pinion
