// GLIMPSE sessions and what may go wrong with them, on a virtual clock, against the server's state
// machine or a server that lies.
#include <functional>

#include "bench.h"

namespace pinion::market {
namespace {

// Live from 5 on.
struct LateStart : Bench {
  explicit LateStart(SnapshotPace pace = {}) : Bench(config(0), pace) { gets(Line::a, 5, 1); }
};

// AAPL is corrupt, MSFT is not.
struct CorruptStart : Bench {
  explicit CorruptStart(SnapshotPace pace = {}) : Bench(config(1), pace) {
    message_is(2, deletes(77));
    gets(Line::a, 1, 2);
    EXPECT_EQ(aapl().stale, book::kCorrupt);
    EXPECT_TRUE(msft().fresh());
  }
};

// The seconds at which sessions begin for ten minutes, none of which mends anything.
std::string attempts(Bench& b, const std::function<void()>& and_then) {
  std::string out;
  for (const Nanos start = b.now; b.now - start < 600 * kSecond; b.time_passes(kSecond / 10)) {
    b.gets(Line::a, b.stream.receiver().expected(), 0);
    if (!b.session.wants_connection(b.now)) continue;
    out += std::to_string((b.now - start) / kSecond) + " ";
    b.snapshot_session();
    and_then();
  }
  return out;
}

TEST(MarketSnapshot, JoinsInTheMiddleOfTheDay) {
  LateStart b;
  EXPECT_FALSE(b.all_fresh());
  b.make_snapshot(9);
  b.snapshot_session();
  EXPECT_EQ(b.aapl().stale, book::kBehind) << "the stream has not shown yet that it is of it";
  b.gets(Line::a, 6, 2);
  EXPECT_EQ(b.aapl().stale, book::kBehind);
  b.gets(Line::a, 8, 0);
  EXPECT_EQ(b.aapl().stale, book::kBehind);
  b.gets(Line::a, 8, 1);
  EXPECT_TRUE(b.all_fresh());
  b.gets(Line::a, 9, 2);
  EXPECT_EQ(b.aapl().bids.size(), 10u);
  EXPECT_TRUE(b.all_fresh());
  EXPECT_FALSE(b.session.wants_connection(b.now + 600 * kSecond));
  EXPECT_EQ(b.session.counters().attempts, 1u);
  EXPECT_EQ(b.session.counters().broken + b.session.counters().useless, 0u);
}

// Books that nothing moves any more must not look like books of a quiet market.
TEST(MarketSnapshot, OneThatTheStreamDoesNotComeToIsNoneToTradeOn) {
  LateStart b;
  b.make_snapshot(9);
  b.snapshot.clear();
  const itch::Snapshot far{Char::of('G'), Digits20::of(200'000)};
  ASSERT_TRUE(b.snapshot.append(bytes_of_message(far)));
  b.snapshot_session();
  EXPECT_FALSE(b.all_fresh());
  EXPECT_EQ(b.session.counters().useless, 1u);
  b.next_snapshot(9);
  b.gets(Line::a, 6, 3);
  EXPECT_TRUE(b.all_fresh());
}

// Of the day before, when that was a small one: the stream comes to its number, some time.
TEST(MarketSnapshot, OneThatTheStreamDoesNotSoonComeToIsNotOfIt) {
  LateStart b;
  b.snapshot.clear();
  const itch::AddOrder wrong = adds(900'000);
  ASSERT_TRUE(b.snapshot.append(bytes_of_message(wrong)));
  const itch::Snapshot ahead{Char::of('G'), Digits20::of(1'000)};
  ASSERT_TRUE(b.snapshot.append(bytes_of_message(ahead)));
  b.snapshot_session();
  b.time_passes(kSecond - 1);
  b.gets(Line::a, 6, 1);
  EXPECT_EQ(b.aapl().stale, book::kBehind);
  EXPECT_FALSE(b.session.wants_connection(b.now + 600 * kSecond));
  b.time_passes(1);
  b.gets(Line::b, 7, 0);
  EXPECT_EQ(b.aapl().stale, book::kNotStarted);
  EXPECT_EQ(b.session.counters().useless, 1u);
  ASSERT_TRUE(b.session.wants_connection(b.now));
  for (uint64_t n = 7; n < 1'100; ++n) b.gets(Line::a, n, 1);
  EXPECT_FALSE(b.aapl().fresh()) << "also when the stream has come to its number";
  b.make_snapshot(1'100);
  b.snapshot_session();
  EXPECT_TRUE(b.all_fresh());
  EXPECT_EQ(b.aapl().bids.size(), 1'099u);
  EXPECT_EQ(b.stale_since(), "") << "none was fresh before";
}

TEST(MarketSnapshot, SuchOnesAreAskedForLessAndLess) {
  LateStart b;
  b.make_snapshot(1'000);
  EXPECT_EQ(attempts(b, [&] { EXPECT_FALSE(b.aapl().fresh()); }),
            "0 1 3 7 15 31 63 123 183 243 303 363 423 483 543 ");
  EXPECT_EQ(b.session.counters().useless, 15u);
}

// While nothing is heard, or something is missing, the stream cannot show where it is.
TEST(MarketSnapshot, OneIsNotDisownedForSilenceOrAHole) {
  LateStart b;
  b.make_snapshot(9);
  b.snapshot_session();
  b.time_passes(600 * kSecond);
  EXPECT_EQ(b.aapl().stale, book::kBehind | book::kSilent);
  b.gets(Line::a, 9, 0);
  EXPECT_EQ(b.aapl().stale, book::kBehind);
  b.time_passes(200 * kMicro);
  EXPECT_EQ(b.request(), "6+3");
  b.gets(Line::retransmit, 6, 3);
  EXPECT_TRUE(b.all_fresh());
  EXPECT_EQ(b.aapl().bids.size(), 8u);
  EXPECT_EQ(b.session.counters().useless, 0u);
}

// A heartbeat, and nothing else, was heard before: it says where the stream is.
TEST(MarketSnapshot, OneOfBeforeTheFirstHeartbeatIsNotMerged) {
  Bench b(Bench::config(0));
  b.gets(Line::a, 9, 0);
  b.make_snapshot(7);
  b.snapshot_session();
  EXPECT_FALSE(b.all_fresh());
  EXPECT_EQ(b.session.counters().useless, 1u);
  b.next_snapshot(9);
  EXPECT_TRUE(b.all_fresh());
}

TEST(MarketSnapshot, OtherBooksAreGoodUntilTheLoginIsAccepted) {
  CorruptStart b;
  ASSERT_TRUE(b.session.wants_connection(b.now));
  b.session.on_connecting(b.now);
  EXPECT_TRUE(b.msft().fresh());
  b.session.on_closed();  // nobody listens there
  EXPECT_TRUE(b.msft().fresh());
  EXPECT_EQ(b.session.counters().broken, 1u);
  b.time_passes(kSecond);
  b.session.on_connecting(b.now);
  b.session.on_connected(b.now);
  b.gets(Line::a, 3, 1);
  EXPECT_TRUE(b.msft().fresh());
  b.server_says(soupbintcp::LoginAccepted{Char::of('A'), Alpha<10>::of("S"), Digits20::of(1)});
  b.server_sends(b.message(1));
  EXPECT_FALSE(b.msft().fresh());
  const itch::Snapshot end{Char::of('G'), Digits20::of(3)};
  b.server_sends(bytes_of_message(end));
  EXPECT_TRUE(b.session.wants_close());
  b.session.on_closed();
  EXPECT_TRUE(b.all_fresh());
  EXPECT_EQ(b.aapl().bids.size(), 2u) << "1 of the snapshot, 3 of what was kept";
}

TEST(MarketSnapshot, ARefusedLoginIsNotTriedAgainAndHarmsNoBook) {
  CorruptStart b;
  b.make_snapshot(3);
  b.snapshot_session(soupbintcp::kSessionNotAvailable);
  EXPECT_FALSE(b.session.refused());
  EXPECT_FALSE(b.session.wants_connection(b.now));
  b.time_passes(kSecond);
  b.snapshot_session(soupbintcp::kNotAuthorised);
  EXPECT_TRUE(b.session.refused());
  EXPECT_FALSE(b.session.wants_connection(b.now + 3'600 * kSecond));
  EXPECT_EQ(b.session.next_deadline(), kNever);
  EXPECT_TRUE(b.msft().fresh());
  EXPECT_EQ(b.session.counters().attempts, 2u);
  EXPECT_EQ(b.session.counters().broken, 2u);
}

TEST(MarketSnapshot, AStreamThatNothingMendsAsksLessAndLess) {
  CorruptStart b;
  b.make_snapshot(3);
  uint64_t next = 3;
  const std::string when = attempts(b, [&] {
    EXPECT_TRUE(b.all_fresh());
    b.message_is(next, deletes(77));
    b.gets(Line::a, next, 1);
    b.make_snapshot(++next);
    EXPECT_EQ(b.aapl().stale, book::kCorrupt);
  });
  EXPECT_EQ(when, "0 1 3 7 15 31 63 123 183 243 303 363 423 483 543 ");
  while (!b.session.wants_connection(b.now)) b.time_passes(kSecond / 10);
  b.snapshot_session();
  b.gets(Line::b, next, 0);
  EXPECT_TRUE(b.all_fresh());
  for (int i = 0; i < 1'300; ++i) {
    b.time_passes(kSecond / 10);
    b.gets(Line::b, next, 0);
  }
  b.message_is(next, deletes(77));
  b.gets(Line::a, next, 1);
  EXPECT_TRUE(b.session.wants_connection(b.now));
  b.session.on_connecting(b.now);
  b.session.on_closed();
  EXPECT_FALSE(b.session.wants_connection(b.now + kSecond - 1));
  EXPECT_TRUE(b.session.wants_connection(b.now + kSecond)) << "it was well for a while";
}

// A hole while the snapshot came, and a server whose snapshots stay older than the hole.
TEST(MarketSnapshot, SnapshotsOlderThanAHoleAreAskedForLessAndLess) {
  LateStart b;
  b.gets(Line::a, 9, 1);
  b.time_passes(200 * kMicro);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(b.request(), "6+3");
    b.time_passes(50 * kMilli);
  }
  b.make_snapshot(7);
  EXPECT_EQ(attempts(b, [&] { EXPECT_FALSE(b.aapl().fresh()); }),
            "0 1 3 7 15 31 63 123 183 243 303 363 423 483 543 ");
  EXPECT_EQ(b.session.counters().useless, 15u);
  b.make_snapshot(10);
  b.time_passes(60 * kSecond);
  b.snapshot_session();
  b.gets(Line::a, 10, 1);
  EXPECT_TRUE(b.all_fresh());
  EXPECT_EQ(b.aapl().bids.size(), 10u);
}

TEST(MarketSnapshot, AHoleWhileItLoadsStartsOver) {
  LateStart b;
  b.logs_in();
  b.server_sends(b.message(1));
  b.gets(Line::a, 9, 1);
  b.time_passes(200 * kMicro);
  while (!b.request().empty()) b.time_passes(50 * kMilli);
  EXPECT_EQ(b.stream.receiver().counters().given_up, 1u);
  const itch::Snapshot end{Char::of('G'), Digits20::of(7)};
  b.server_sends(bytes_of_message(end));
  EXPECT_TRUE(b.session.wants_close());
  b.session.on_closed();
  EXPECT_EQ(b.session.counters().useless, 1u);
  EXPECT_FALSE(b.all_fresh());
  b.time_passes(kSecond);
  b.make_snapshot(10);
  b.snapshot_session();
  EXPECT_TRUE(b.all_fresh());
  EXPECT_EQ(b.aapl().bids.size(), 9u);
}

TEST(MarketSnapshot, ABrokenOneIsBegunAgainFromItsFirstMessage) {
  LateStart b;
  b.logs_in();
  b.server_sends(b.message(1));
  b.session.on_closed();
  EXPECT_EQ(b.session.counters().broken, 1u);
  b.time_passes(kSecond);
  std::byte room[64];
  EXPECT_EQ(b.session.output(room, b.now), 0u) << "no heartbeat to a connection that is gone";
  b.make_snapshot(6);
  b.snapshot_session();
  EXPECT_TRUE(b.all_fresh());
  EXPECT_EQ(b.aapl().bids.size(), 5u);
}

// A server that cannot send from the first message on leaves orders out.
TEST(MarketSnapshot, APartOfASnapshotIsNone) {
  LateStart b;
  b.logs_in(4);
  EXPECT_TRUE(b.session.wants_close());
  b.session.on_closed();
  EXPECT_EQ(b.session.counters().broken, 1u);
  EXPECT_FALSE(b.aapl().fresh());
}

TEST(MarketSnapshot, SlowOnesAreGivenUp) {
  for (const bool heartbeats : {true, false}) {
    LateStart b({.attempt_max = 20 * kSecond});
    b.logs_in();
    const Nanos start = b.now;
    while (!b.session.wants_close()) {
      b.time_passes(kSecond / 10);
      if (heartbeats) b.server_says(soupbintcp::ServerHeartbeat{Char::of('H')});
    }
    EXPECT_EQ(b.now - start, (heartbeats ? 20 : 5) * kSecond);
    b.session.on_closed();
    EXPECT_EQ(b.session.counters().broken, 1u);
  }
}

// More comes live than is kept while it loads.
TEST(MarketSnapshot, OneThatIsOvertakenIsGivenUp) {
  LateStart b;
  b.logs_in();
  b.server_sends(b.message(1));
  b.gets(Line::a, 6, 65);
  b.time_passes(0);
  EXPECT_TRUE(b.session.wants_close());
  b.session.on_closed();
  EXPECT_EQ(b.session.counters().useless, 1u);
}

}  // namespace
}  // namespace pinion::market
