// The neighbour cache's states on a virtual clock: questions, answers, lies, silence, a full table.
#include "net/neighbour.h"

#include <gtest/gtest.h>

#include <vector>

namespace pinion {
namespace {

using State = NeighbourState;
using What = NeighbourEvent::What;

constexpr Mac kPeer{{2, 0, 0, 0, 0, 1}}, kLiar{{2, 0, 0, 0, 0, 0x66}};
constexpr Ipv4 kAddress = ipv4(10, 0, 0, 2);

struct NeighbourTest : ::testing::Test {
  NeighbourTable table{NeighbourLimits{.neighbours_max = 8, .queue_max = 2, .parked_max = 8}};
  Nanos now = 0;

  // Everything that is due now.
  std::vector<What> due() {
    std::vector<What> out;
    for (NeighbourEvent e; table.next_due(now, e);) {
      if (e.what == What::failed) table.unpark(*e.neighbour);
      if (e.what != What::nothing) out.push_back(e.what);
    }
    return out;
  }
  Neighbour& reachable(Ipv4 address = kAddress) {
    Neighbour* n = table.ask(0, address, now);
    EXPECT_EQ(table.on_reply(0, address, kPeer, now), Learned::accepted);
    return *n;
  }
};

TEST_F(NeighbourTest, AskedThreeTimesASecondApartThenFailedThenForgotten) {
  Neighbour* n = table.ask(0, kAddress, now);
  Frame frame;
  table.park(*n, &frame, 1);
  EXPECT_EQ(table.next_deadline(), kSecond);
  now = kSecond - 1;
  EXPECT_EQ(due(), std::vector<What>{});
  now = kSecond;
  EXPECT_EQ(due(), std::vector{What::request_broadcast});
  now = 2 * kSecond;
  EXPECT_EQ(due(), std::vector{What::request_broadcast});
  now = 3 * kSecond;
  EXPECT_EQ(due(), std::vector{What::failed});
  EXPECT_EQ(n->state, State::failed);
  EXPECT_EQ(table.parked(), 0u);
  now = 4 * kSecond;
  EXPECT_EQ(due(), std::vector<What>{});
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.next_deadline(), kNever);
}

TEST_F(NeighbourTest, ReplyResolvesAndParkedFramesComeOutInOrder) {
  Neighbour* n = table.ask(0, kAddress, now);
  Frame first, second;
  table.park(*n, &first, 1);
  table.park(*n, &second, 1);
  EXPECT_FALSE(table.may_park(n, 1)) << "queue_max";
  EXPECT_EQ(table.on_reply(1, kAddress, kPeer, now), Learned::ignored) << "another interface";
  EXPECT_EQ(table.on_reply(0, kAddress, kPeer, now), Learned::accepted);
  EXPECT_EQ(n->mac, kPeer);
  Frame* out = table.unpark(*n);
  EXPECT_EQ(out, &first);
  EXPECT_EQ(out->next, &second);
  EXPECT_EQ(second.next, nullptr);
}

TEST_F(NeighbourTest, UnsolicitedReplyCreatesAndChangesNothing) {
  EXPECT_EQ(table.on_reply(0, kAddress, kLiar, now), Learned::ignored);
  EXPECT_EQ(table.size(), 0u);
  Neighbour& n = reachable();
  EXPECT_EQ(table.on_reply(0, kAddress, kLiar, now), Learned::suspicious);
  EXPECT_EQ(table.on_reply(0, kAddress, kPeer, now), Learned::ignored);
  EXPECT_EQ(n.mac, kPeer);
}

TEST_F(NeighbourTest, DoubtAsksTheKnownStationFirstAndOnceASecond) {
  Neighbour& n = reachable();
  now = 10 * kSecond;
  EXPECT_EQ(table.on_request(0, kAddress, kLiar, true, now), Learned::suspicious);
  EXPECT_TRUE(table.start_probe(n, now));
  EXPECT_TRUE(n.usable());
  EXPECT_EQ(table.on_reply(0, kAddress, kLiar, now), Learned::ignored);
  EXPECT_EQ(table.on_reply(0, kAddress, kPeer, now), Learned::accepted);
  EXPECT_FALSE(table.start_probe(n, now)) << "asked within the second";
  EXPECT_EQ(n.mac, kPeer);
}

TEST_F(NeighbourTest, AddressMovesWhenTheKnownStationIsSilent) {
  Neighbour& n = reachable();
  now = 10 * kSecond;
  EXPECT_TRUE(table.start_probe(n, now));
  now += kSecond;
  EXPECT_EQ(due(), std::vector{What::request_broadcast});
  EXPECT_EQ(table.on_reply(0, kAddress, kLiar, now), Learned::accepted);
  EXPECT_EQ(n.mac, kLiar);
}

TEST_F(NeighbourTest, UsedNeighbourIsPolledUnusedOneForgotten) {
  Neighbour& used = reachable();
  reachable(ipv4(10, 0, 0, 3));
  now = 59 * kSecond;
  used.last_used = now;
  EXPECT_EQ(due(), std::vector<What>{});
  now = 60 * kSecond;
  EXPECT_EQ(due(), std::vector{What::request_unicast});
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(used.state, State::probe);
  EXPECT_EQ(table.on_reply(0, kAddress, kPeer, now), Learned::accepted);
  now = 120 * kSecond;
  EXPECT_EQ(due(), std::vector<What>{});
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(NeighbourTest, PinnedNeverChangesAndNeverExpires) {
  table.pin(0, kAddress, kPeer);
  EXPECT_EQ(table.on_reply(0, kAddress, kLiar, now), Learned::pinned_conflict);
  EXPECT_EQ(table.on_request(0, kAddress, kLiar, true, now), Learned::pinned_conflict);
  EXPECT_EQ(table.on_request(0, kAddress, kPeer, true, now), Learned::ignored);
  Neighbour* n = table.find(0, kAddress);
  EXPECT_FALSE(table.start_probe(*n, now));
  now = 1000 * kSecond;
  EXPECT_EQ(due(), std::vector<What>{});
  EXPECT_EQ(n->mac, kPeer);
  EXPECT_TRUE(n->usable());
}

TEST_F(NeighbourTest, RequestToUsTeachesRequestToOthersDoesNot) {
  EXPECT_EQ(table.on_request(0, kAddress, kPeer, false, now), Learned::ignored);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.on_request(0, kAddress, kPeer, true, now), Learned::accepted);
  EXPECT_EQ(table.find(0, kAddress)->state, State::reachable);
}

TEST_F(NeighbourTest, QuestionsTakeHalfOfTheTableAtMost) {
  for (uint8_t i = 1; i <= 4; ++i) EXPECT_TRUE(table.ask(0, ipv4(10, 0, 0, i), now));
  EXPECT_FALSE(table.ask(0, ipv4(10, 0, 0, 5), now));
  EXPECT_EQ(table.on_reply(0, ipv4(10, 0, 0, 1), kPeer, now), Learned::accepted);
  EXPECT_TRUE(table.ask(0, ipv4(10, 0, 0, 5), now));
}

TEST_F(NeighbourTest, FullTableGivesUpTheLeastUsedAndAnnouncersPushOutNobody) {
  for (uint8_t i = 1; i <= 8; ++i) {
    now += kSecond;
    reachable(ipv4(10, 0, 0, i));
  }
  EXPECT_EQ(table.on_request(0, ipv4(10, 0, 0, 99), kPeer, true, now), Learned::ignored);
  EXPECT_EQ(table.size(), 8u);
  EXPECT_TRUE(table.ask(0, ipv4(10, 0, 0, 100), now));
  EXPECT_EQ(table.find(0, ipv4(10, 0, 0, 1)), nullptr) << "the least recently used";
  EXPECT_EQ(table.size(), 8u);
}

TEST_F(NeighbourTest, AnswersOfOursParkInAQuarterOfTheRoom) {
  Frame frames[8];
  Neighbour* a = table.ask(0, ipv4(10, 0, 0, 1), now);
  Neighbour* b = table.ask(0, ipv4(10, 0, 0, 2), now);
  table.park(*a, &frames[0], NeighbourTable::kOurselves);
  EXPECT_TRUE(table.may_park(b, NeighbourTable::kOurselves));
  table.park(*a, &frames[1], NeighbourTable::kOurselves);
  EXPECT_FALSE(table.may_park(b, NeighbourTable::kOurselves));
  EXPECT_TRUE(table.may_park(b, 1));
}

// HOSTILE A36: three sessions, two frames each of the six that are not ours.
TEST(NeighbourShares, A36EachSessionFindsItsOwn) {
  NeighbourTable table({.neighbours_max = 16, .queue_max = 1, .parked_max = 8, .owners_max = 3});
  Frame frames[6];
  Neighbour* a = table.ask(0, ipv4(10, 0, 0, 1), 0);
  Neighbour* b = table.ask(0, ipv4(10, 0, 0, 2), 0);
  table.park(*a, &frames[0], 1), table.park(*b, &frames[1], 1);
  EXPECT_FALSE(table.may_park(nullptr, 1)) << "its share";
  EXPECT_TRUE(table.may_park(a, 2)) << "one in a full queue";
  table.park(*a, &frames[2], 2);
  EXPECT_FALSE(table.may_park(a, 2));
  EXPECT_TRUE(table.may_park(b, 2)) << "nor is this one's queue a hindrance";
  table.park(*b, &frames[3], 2);
  EXPECT_FALSE(table.may_park(nullptr, 2));
  EXPECT_TRUE(table.may_park(nullptr, 3));
  EXPECT_TRUE(table.may_park(nullptr, NeighbourTable::kOurselves));
  table.unpark(*a);
  EXPECT_TRUE(table.may_park(nullptr, 1)) << "it comes back";
  EXPECT_EQ(table.parked(), 2u);
}

// ---- IPv6's (RFC 4861 7.2.3, 7.2.5, 7.3.3): each state, and each kind of message to it.

constexpr Ip kAddress6{0x2001'0db8'0000'0000, 2};

struct NudTest : NeighbourTest {
  // A neighbour in that state, known as kPeer if it is known at all.
  Neighbour& in(State state) {
    if (Neighbour* old = table.find(0, kAddress6); old != nullptr) {
      now += 600 * kSecond;
      while (!due().empty() || table.size() != 0) now += 60 * kSecond;
    }
    if (state == State::incomplete || state == State::failed) {
      Neighbour& n = *table.ask(0, kAddress6, now);
      for (; state == State::failed && n.state != state; due()) now += kSecond;
      return n;
    }
    EXPECT_EQ(table.on_solicitation(0, kAddress6, kPeer, now), Learned::accepted);
    Neighbour& n = *table.find(0, kAddress6);
    EXPECT_EQ(n.state, State::stale);
    if (state == State::stale) return n;
    table.start_delay(n, now);
    if (state == State::delay) return n;
    if (state == State::reachable) {
      EXPECT_EQ(table.on_advertisement(0, kAddress6, {&kPeer, true, false}, now),
                Learned::accepted);
      return n;
    }
    now += 5 * kSecond;
    EXPECT_EQ(due(), std::vector{What::request_unicast});
    return n;
  }
};

TEST_F(NudTest, EveryAdvertisementInEveryState) {
  struct Case {
    State before;
    const Mac* mac;
    bool solicited, override_known;
    Learned learned;
    State after;
  };
  constexpr auto accepted = Learned::accepted, ignored = Learned::ignored,
                 suspicious = Learned::suspicious;
  const Case cases[] = {
      {State::incomplete, nullptr, true, true, ignored, State::incomplete},
      {State::incomplete, &kPeer, true, false, accepted, State::reachable},
      {State::incomplete, &kPeer, true, true, accepted, State::reachable},
      {State::incomplete, &kPeer, false, false, accepted, State::delay},
      {State::incomplete, &kPeer, false, true, accepted, State::delay},
      {State::reachable, nullptr, true, false, accepted, State::reachable},
      {State::reachable, &kPeer, true, true, accepted, State::reachable},
      {State::reachable, &kPeer, false, true, ignored, State::reachable},
      {State::reachable, &kLiar, true, false, ignored, State::reachable},
      {State::reachable, &kLiar, true, true, suspicious, State::reachable},
      {State::reachable, &kLiar, false, true, suspicious, State::reachable},
      {State::stale, nullptr, true, true, accepted, State::reachable},
      {State::stale, &kPeer, true, false, accepted, State::reachable},
      {State::stale, &kPeer, false, true, ignored, State::stale},
      {State::stale, &kLiar, true, false, ignored, State::stale},
      {State::stale, &kLiar, false, true, suspicious, State::stale},
      {State::delay, &kPeer, true, false, accepted, State::reachable},
      {State::delay, &kPeer, false, false, ignored, State::delay},
      {State::delay, &kLiar, true, false, ignored, State::delay},
      {State::delay, &kLiar, true, true, suspicious, State::delay},
      {State::probe, nullptr, true, false, accepted, State::reachable},
      {State::probe, &kPeer, true, false, accepted, State::reachable},
      {State::probe, &kPeer, false, true, ignored, State::probe},
      {State::probe, &kLiar, true, true, ignored, State::probe},
      {State::failed, &kPeer, true, true, ignored, State::failed},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(&c - cases);
    Neighbour& n = in(c.before);
    EXPECT_EQ(table.on_advertisement(0, kAddress6, {c.mac, c.solicited, c.override_known}, now),
              c.learned);
    EXPECT_EQ(n.state, c.after);
    if (n.usable()) {
      EXPECT_EQ(n.mac, kPeer);
    }
  }
}

TEST_F(NudTest, EverySolicitationInEveryState) {
  struct Case {
    State before;
    Mac mac;
    Learned learned;
    State after;
  };
  for (const Case& c : {Case{State::incomplete, kPeer, Learned::accepted, State::delay},
                        {State::failed, kPeer, Learned::accepted, State::delay},
                        {State::reachable, kPeer, Learned::ignored, State::reachable},
                        {State::reachable, kLiar, Learned::suspicious, State::reachable},
                        {State::stale, kPeer, Learned::ignored, State::stale},
                        {State::stale, kLiar, Learned::suspicious, State::stale},
                        {State::delay, kLiar, Learned::suspicious, State::delay},
                        {State::probe, kPeer, Learned::ignored, State::probe},
                        {State::probe, kLiar, Learned::suspicious, State::probe}}) {
    Neighbour& n = in(c.before);
    EXPECT_EQ(table.on_solicitation(0, kAddress6, c.mac, now), c.learned);
    EXPECT_EQ(n.state, c.after);
    EXPECT_EQ(n.mac, kPeer);
  }
}

TEST_F(NudTest, SilenceEndsAProbeAndAnotherStationMayAnswerItsSecondQuestion) {
  Neighbour& n = in(State::probe);
  EXPECT_EQ(table.on_advertisement(0, kAddress6, {&kLiar, true, true}, now), Learned::ignored);
  now += kSecond;
  EXPECT_EQ(due(), std::vector{What::request_broadcast});
  EXPECT_EQ(table.on_advertisement(0, kAddress6, {&kLiar, true, true}, now), Learned::accepted);
  EXPECT_EQ(n.mac, kLiar);
  EXPECT_EQ(n.state, State::reachable);
  in(State::probe);
  now += kSecond;
  EXPECT_EQ(due(), std::vector{What::request_broadcast});
  now += kSecond;
  EXPECT_EQ(due(), std::vector{What::request_broadcast});
  now += kSecond;
  EXPECT_EQ(due(), std::vector{What::failed});
}

TEST_F(NudTest, UnusedIsStaleThenGone) {
  Neighbour& n = in(State::reachable);
  n.last_used = now + 45 * kSecond;
  now += 60 * kSecond;
  EXPECT_EQ(due(), std::vector<What>{});
  EXPECT_EQ(n.state, State::stale);
  EXPECT_TRUE(n.usable());
  EXPECT_FALSE(n.settled()) << "the next use asks the table";
  now += 60 * kSecond;
  EXPECT_EQ(due(), std::vector<What>{});
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace pinion
