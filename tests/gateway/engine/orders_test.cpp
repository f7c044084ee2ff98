// What a client and the drop copy are told of orders, requests that come again, FIX 4.4, and a
// venue that does not answer.
#include "bed.h"

namespace pinion::gateway::test {
namespace {

TEST(EngineOrders, AnOrderAndItsReplacementsAndItsFills) {
  Bed bed;
  bed.trades();
  TestClient& c = bed.client();
  c.order("A1");
  bed.turn();
  EXPECT_EQ(c.told({35, 11, 37, 20, 150, 39, 38, 44, 151, 14}), "8|A1|1|0|0|0|100|100|100|0");
  c.replace("A2", "A1", {.shares = 200, .price = 1'000'100});
  bed.turn();
  EXPECT_EQ(c.told({11, 41, 37, 150, 39, 38, 44, 151}), "A2|A1|1|5|5|200|100.01|200");
  bed.venue.quote(0, 'S', 1'000'000, 50);
  bed.turn();
  EXPECT_EQ(c.told({11, 150, 39, 32, 31, 14, 151, 6}), "A2|1|1|50|100.01|50|150|100.01");
  c.replace("A3", "A2", {.shares = 120, .price = 1'000'200});
  bed.turn();
  EXPECT_EQ(c.told({11, 41, 150, 38, 14, 151}), "A3|A2|5|120|50|70");
  bed.venue.quote(0, 'S', 1'000'000, 70);
  bed.turn();
  EXPECT_EQ(c.told({11, 150, 39, 32, 14, 151}), "A3|2|2|70|120|0");
  c.cancel("A4", "A3");
  bed.turn();
  EXPECT_EQ(c.told({35, 11, 41, 39, 434, 102, 58}), "9|A4|A3|2|1|0|too late to cancel");
  EXPECT_EQ(c.rejects, 0u);
  EXPECT_EQ(bed.engine->risk().symbol(0, 0).position, 120);
}

// Half of such an order would be executed, shown or sold that its client did not want so.
TEST(EngineOrders, WhatMakesAnotherOrderOfItIsRefused) {
  constexpr std::pair<const char*, const char*> kRefused[] = {
      {"18=G", "ExecInst (18) is not supported"},
      {"110=100", "MinQty (110) is not supported"},
      {"111=0", "MaxFloor (111) is not supported"},
      {"65=B", "SymbolSfx (65) is not supported: Symbol is all of it"},
      {"15=EUR", "Currency is not USD"},
      {"168=20261128-20:00:00", "EffectiveTime (168) is not supported"},
      {"432=20261130", "ExpireDate (432) is not supported"},
      {"63=2", "only regular settlement (63=0)"},
      {"201=1", "PutOrCall (201): only equities"},
      {"388=0", "DiscretionInst (388) is not supported"},
  };
  Bed bed;
  bed.trades();
  TestClient& c = bed.client();
  int ids = 0;
  const auto says = [&](const char* type, const std::string& more, const std::string& orig) {
    c.send_with(type, "B" + std::to_string(++ids), orig, more);
    bed.turn();
  };
  for (const auto& [field, why] : kRefused) {
    says("D", field, "");
    EXPECT_EQ(c.told({35, 150, 58}), std::string("8|8|") + why) << field;
  }
  EXPECT_EQ(bed.venue.requests('O'), 0u);
  for (const char* harmless : {"15=USD", "63=0", "110=0", "1=ACCOUNT", "100=Q"}) {
    says("D", harmless, "");
    EXPECT_EQ(c.told({35, 150, 58}), "8|0|") << harmless;
  }
  says("G", "111=50", "B" + std::to_string(ids));
  EXPECT_EQ(c.told({35, 434, 58}), "9|2|MaxFloor (111) is not supported");
  EXPECT_EQ(bed.venue.requests('U'), 0u);
  EXPECT_EQ(c.rejects, 0u);
}

// FIX allows any bytes; what a venue might take amiss does not reach it.
TEST(EngineOrders, AClOrdIDThatTheVenueMightTakeAmiss) {
  constexpr std::pair<const char*, const char*> kIds[] = {
      {"A1", "A1"}, {"~!#a=b_0123456", "~!#a=b_0123456"}, {"longer than that", "#3"}, {" ", "#4"},
      {"\xe4\xf6", "#5"}, {"a\tb", "#6"}};
  Bed bed;
  bed.trades();
  for (const auto& [id, sent] : kIds) {
    bed.client().order(id);
    bed.turn();
    EXPECT_EQ(bed.client().told({11, 150}), std::string(id) + "|0");
    EXPECT_EQ(bed.venue.last_id(), sent);
  }
}

TEST(EngineOrders, ImmediateOrCancel) {
  Bed bed;
  bed.trades();
  bed.client().order("A1", {.shares = 100, .price = 1'010'000, .time_in_force = '3'});
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 150, 39, 59}), "A1|2|2|3");
  bed.client().order("A2", {.shares = 100, .time_in_force = '3'});  // meets nobody
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 150}, 1), "A2|0");
  EXPECT_EQ(bed.client().told({11, 150, 39, 151}), "A2|4|4|0");
  EXPECT_EQ(bed.engine->orders().open_orders(0), 0u);
}

TEST(EngineOrders, StatusOfWhatIsThereAndOfWhatIsNot) {
  Bed bed;
  bed.trades();
  bed.client().order("A1");
  bed.turn();
  bed.client().status("A1");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 17, 20, 150, 39, 151}), "A1|0|3|0|0|100");
  bed.client().status("A9");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 37, 17, 20, 39, 103, 58}), "A9|NONE|0|3|8|5|unknown order");
}

TEST(EngineOrders, AClOrdIDIsTakenForTheDay) {
  Bed bed;
  bed.trades();
  TestClient& c = bed.client();
  c.order("A1");
  bed.turn();
  c.order("A1", {.shares = 5});
  bed.turn();
  EXPECT_EQ(c.told({11, 150, 39, 103, 58}), "A1|8|8|6|ClOrdID was used today");
  c.cancel("A1", "A1");
  bed.turn();
  EXPECT_EQ(c.told({35, 11, 58}), "9|A1|ClOrdID was used today");
  EXPECT_EQ(bed.venue.requests('O'), 1u);
  EXPECT_EQ(bed.venue.requests('X'), 0u);
}

// PossResend (97): it may have come before, under another number. PossDupFlag (43): this number
// may. One that did is answered with how things stand, one that did not is done.
TEST(EngineOrders, WhatMayHaveComeBefore) {
  Bed bed;
  bed.trades();
  TestClient& c = bed.client();
  c.order("A1", {.poss_resend = true});
  bed.turn();
  EXPECT_EQ(c.told({11, 150}), "A1|0");
  c.order("A1", {.poss_resend = true});
  bed.turn();
  EXPECT_EQ(c.told({11, 17, 20, 39}), "A1|0|3|0");
  c.cancel("A2", "A1", true);
  bed.turn();
  EXPECT_EQ(c.told({11, 41, 150}), "A2|A1|4");
  c.cancel("A2", "A1", true);
  bed.turn();
  EXPECT_EQ(c.told({11, 20, 39}), "A1|3|4");
  const size_t count = c.count();
  c.says("35=D|34=2|43=Y|122=" + c.time() + "|49=ONE|56=GATEWAY|52=" + c.time() +
         "|11=A9|21=1|55=AAPL|54=1|60=" + c.time() + "|38=1|40=2|44=1|");
  bed.turn();
  EXPECT_EQ(c.count(), count) << "a number that was counted is not handled again";
  EXPECT_EQ(bed.venue.requests('O'), 1u);
}

TEST(EngineOrders, TheCopyOfEverything) {
  Bed bed([](Config& c) {
    c.clients.push_back(another(c, "two", "TWO"));
    c.clients.push_back(drop_copy(c));
  });
  bed.trades();
  bed.client(0).order("A1");
  bed.client(1).order("A1", {.shares = 7});
  bed.client(0).cancel("A2", "A0");  // is refused: a 9
  bed.client(0).status("A1");        // nobody else's
  bed.turn();
  TestClient& copy = *bed.clients[2];
  ASSERT_EQ(copy.count(), 3u);
  EXPECT_EQ(copy.count(115, "ONE"), 2u);
  EXPECT_EQ(copy.count(115, "TWO"), 1u);
  EXPECT_EQ(copy.count(35, "9"), 1u);
  copy.order("A9");
  bed.turn();
  EXPECT_EQ(copy.told({35, 380}), "j|3");
  EXPECT_EQ(bed.venue.requests('O'), 2u);
}

// What it missed comes when it asks.
TEST(EngineOrders, TheCopyOfOneThatWasAway) {
  Bed bed([](Config& c) { c.clients.push_back(drop_copy(c)); });
  bed.trades();
  bed.client(1).disconnect(bed.now);
  bed.client(0).order("A1");
  bed.turn();
  EXPECT_EQ(bed.client(1).count(), 0u);
  bed.trades();
  EXPECT_EQ(bed.client(1).told({43, 115, 11, 150}), "Y|ONE|A1|0");
}

TEST(EngineOrders, TwoThatNeverMeet) {
  Bed bed([](Config& c) { c.clients.push_back(another(c, "two", "TWO")); });
  bed.trades();
  bed.client(0).order("A1");
  bed.turn();
  bed.client(1).cancel("X1", "A1");
  bed.turn();
  EXPECT_EQ(bed.client(1).told({35, 11, 37, 102, 58}), "9|X1|NONE|1|unknown order");
  bed.client(1).status("A1");
  bed.turn();
  EXPECT_EQ(bed.client(1).told({11, 39}), "A1|8");
  EXPECT_EQ(bed.client(0).told({11, 150}), "A1|0");
}

TEST(EngineOrders, Fix44) {
  Bed bed([](Config& c) { c.clients[0].version = fix::Version::fix44; });
  bed.trades();
  TestClient& c = bed.client();
  c.order("A1");
  bed.turn();
  EXPECT_EQ(c.told({35, 11, 20, 150, 39, 151}), "8|A1||0|0|100");
  c.replace("A2", "A1", {.shares = 120});
  bed.turn();
  EXPECT_EQ(c.told({11, 41, 150, 39}), "A2|A1|5|0");  // 4.4 has no status "replaced"
  bed.venue.quote(0, 'S', 1'000'000, 20);
  bed.turn();
  EXPECT_EQ(c.told({11, 150, 39, 32, 31}), "A2|F|1|20|100");
  c.status("A2");
  bed.turn();
  EXPECT_EQ(c.told({11, 150, 39}), "A2|I|1");
  c.cancel("A3", "A2");
  bed.turn();
  EXPECT_EQ(c.told({11, 41, 150, 39, 14}), "A3|A2|4|4|20");
  c.cancel("A4", "A3");
  bed.turn();
  EXPECT_EQ(c.told({35, 11, 39, 102}), "9|A4|4|0");
  EXPECT_EQ(c.rejects, 0u);
  EXPECT_EQ(c.session().counters().rejects_sent, 0u) << "4.4 has every field that it requires";
}

// OUCH does not answer a cancel for an order that is dead. Ours is sent again, then the client is
// told, and may ask once more.
TEST(EngineOrders, ACancelThatTheVenueNeverAnswers) {
  Bed bed;
  bed.trades();
  TestClient& c = bed.client();
  c.order("A1");
  bed.turn();
  bed.venue.deaf_to = 'X';
  c.cancel("A2", "A1");
  bed.turn();
  EXPECT_EQ(bed.venue.requests('X'), 1u);
  c.cancel("A3", "A1");
  bed.turn();
  EXPECT_EQ(c.told({35, 11, 102, 58}), "9|A3|3|a cancel is pending");
  bed.passes(10 * kSecond);
  EXPECT_EQ(bed.venue.requests('X'), 3u);
  EXPECT_EQ(c.told({35, 11, 41, 39, 102, 58}), "9|A2|A1|0|2|no answer from the venue");
  bed.venue.deaf_to = 0;
  c.cancel("A4", "A1");
  bed.turn();
  EXPECT_EQ(c.told({11, 41, 150}), "A4|A1|4");
}

// An order that the venue has not heard, and a connection that breaks: it is not sent again.
TEST(EngineOrders, AnOrderThatIsLostWithTheConnection) {
  Bed bed;
  bed.trades();
  bed.venue.reads = false;
  bed.client().order("A1");
  bed.turn();
  EXPECT_EQ(bed.client().count(), 0u);
  bed.network.connection_to(kVenue)->close();
  bed.venue.reads = true;
  bed.passes(2 * kSecond);
  EXPECT_EQ(bed.client().told({11, 150, 58}),
            "A1|8|lost with the connection to the venue: not taken");
  EXPECT_EQ(bed.venue.requests('O'), 0u);
  bed.client().order("A2");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 150}), "A2|0");
}

}  // namespace
}  // namespace pinion::gateway::test
