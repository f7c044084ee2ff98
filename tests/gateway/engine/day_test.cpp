// Which day it is: that of the venue's session, whoever else is there before it or after it. The
// session's name tells days apart only where the venue does not use it again.
#include "bed.h"

namespace pinion::gateway::test {
namespace {

constexpr int64_t kDay = 24 * 3'600 * kSecond;
constexpr int64_t kToMidnight = 14 * 3'600 * kSecond + kSecond;  // in New York, and a second more

uint32_t live(const Bed& bed) { return bed.engine->orders().open_orders(0); }

void lives(Bed& bed) {
  bed.trades();
  bed.client().order("A1");
  bed.turn();
  ASSERT_EQ(live(bed), 1u);
}

void venue_goes_away(Bed& bed) {
  bed.network.peer_is_gone(kVenue);
  bed.network.connection_to(kVenue)->close();
  bed.turn();
  ASSERT_FALSE(bed.engine->venue().active());
}

// The second process of a morning on which the venue is not there yet.
TEST(EngineDay, BegunAndStartedAgainBeforeTheVenueIsThere) {
  Bed bed;
  lives(bed);
  bed.kill();
  bed.now.utc_ns += kDay;
  bed.start();
  EXPECT_EQ(live(bed), 0u);
  bed.restart();
  EXPECT_EQ(live(bed), 0u);
  EXPECT_TRUE(bed.engine->venue().client().session().get().empty()) << "yesterday's is asked for";
}

// Clients that are on over midnight, and their heartbeats in the journal, make no day longer.
TEST(EngineDay, ClientsStayWhenTheVenueHasGone) {
  Bed bed;
  lives(bed);
  venue_goes_away(bed);
  bed.now.utc_ns += kToMidnight;
  bed.client().session().logout("", bed.now);
  bed.passes(3 * kSecond);
  bed.restart();
  EXPECT_EQ(live(bed), 0u);
}

TEST(EngineDay, TheVenuesSessionLastsOverMidnight) {
  Bed bed;
  lives(bed);
  bed.now.utc_ns += kToMidnight;
  bed.passes(3 * kSecond);
  bed.restart();
  EXPECT_EQ(live(bed), 1u);
  bed.passes(3 * kSecond);
  EXPECT_TRUE(bed.engine->desk().caught_up());
  EXPECT_FALSE(bed.kill_switch->thrown());
}

// A venue that calls each day's session the same: its messages are counted from the new day on.
TEST(EngineDay, ASessionOfTheSameName) {
  Bed bed;
  bed.kill();
  const auto write = [&](auto what) {
    journal::Journal journal(bed.config.journal);
    ASSERT_TRUE(journal.open(bed.why)) << bed.why;
    what(journal);
  };
  const auto says = [&](journal::Journal& j, journal::Kind kind, std::string_view text) {
    EXPECT_NE(j.append_living(kind, 0, bytes_of_text(text), bed.now.utc_ns), 0u);
  };
  uint64_t second = 0;
  write([&](journal::Journal& j) {
    says(j, journal::Kind::event, "start x");
    says(j, journal::Kind::event, "venue DAY1");
    says(j, journal::Kind::ouch_answer, "an answer");
    says(j, journal::Kind::event, kNewDayEvent);
    second = j.next_number() + 1;
    says(j, journal::Kind::event, "start x");
    says(j, journal::Kind::event, "venue DAY1");
    says(j, journal::Kind::ouch_answer, "an answer");
    says(j, journal::Kind::event, "venue DAY1");
  });
  write([](journal::Journal&) {});  // what the ring held is on disk
  RecoveredDay day;
  ASSERT_TRUE(read_day(bed.config.journal.directory, day, bed.why)) << bed.why;
  EXPECT_EQ(day.first_record, second);
  EXPECT_EQ(day.answers, 1u);
  bed.start();
}

}  // namespace
}  // namespace pinion::gateway::test
