// Kill switch, cancel on disconnect, stale books, reload, the graceful stop, and what an enemy
// could do: a second session of one identity, a venue that talks nonsense, full stores, journals.
#include "bed.h"
#include "gateway/journal/reader.h"

namespace pinion::gateway::test {
namespace {

// All of it since the last time, a bar behind each.
std::string said_in(Notices& notices) {
  std::string all;
  notices.take_all([&](const char* text) { all.append(text).append("|"); });
  return all;
}

void opens(Bed& bed, const std::string& id, size_t client = 0) {
  bed.client(client).order(id);
  bed.turn();
  ASSERT_EQ(bed.client(client).told({11, 150, 58}), id + "|0|");
}

size_t open_orders(const Bed& bed) {
  size_t open = 0;
  for (const auto& c : bed.engine->clients()) open += bed.engine->orders().open_orders(c->index());
  return open;
}

// Every event in the journal that begins with this.
size_t events(const Bed& bed, std::string_view text) {
  size_t n = 0;
  (void)journal::read_journal(
      bed.config.journal.directory, [&](const journal::RecordHeader& h, Bytes payload) {
        n += h.kind == journal::Kind::event && chars_of(payload).starts_with(text);
      });
  return n;
}

TEST(EngineSafety, CancelOnDisconnectAfterItsGrace) {
  Bed bed([](Config& c) {
    c.clients[0].cancel_on_disconnect = true;
    c.clients[0].cancel_grace = 2 * kSecond;
  });
  bed.trades();
  opens(bed, "A1");
  bed.client().disconnect(bed.now);
  bed.passes(kSecond);
  EXPECT_EQ(bed.venue.requests('X'), 0u);
  bed.trades();  // it is back in time
  bed.passes(3 * kSecond);
  EXPECT_EQ(bed.venue.requests('X'), 0u);
  bed.client().disconnect(bed.now);
  bed.passes(3 * kSecond);
  EXPECT_EQ(open_orders(bed), 0u);
  bed.trades();
  EXPECT_EQ(bed.client().told({43, 11, 150}), "Y|A1|4");
}

TEST(EngineSafety, OrdersStayWhereItIsNotConfigured) {
  Bed bed;
  bed.trades();
  opens(bed, "A1");
  bed.client().disconnect(bed.now);
  bed.passes(5 * kSecond);
  EXPECT_EQ(open_orders(bed), 1u);
  EXPECT_EQ(bed.venue.requests('X'), 0u);
}

TEST(EngineSafety, KillAndUnkill) {
  Bed bed([](Config& c) { c.clients.push_back(another(c, "two", "TWO")); });
  bed.trades();
  opens(bed, "A1");
  opens(bed, "B1", 1);
  EXPECT_NE(bed.command("kill somebody said so").find("killed"), std::string::npos);
  bed.turn();
  EXPECT_EQ(bed.client(0).told({11, 150}), "A1|4");
  EXPECT_EQ(bed.client(1).told({11, 150}), "B1|4");
  bed.client().order("A2");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 150, 103, 58}), "A2|8|0|killed");
  bed.restart();  // it outlives a restart
  bed.trades();
  bed.client().order("A3");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 150, 58}), "A3|8|killed");
  ASSERT_EQ(bed.kill_switch->unkill(), 0);
  EXPECT_NE(bed.command("unkill").find("trading"), std::string::npos);
  opens(bed, "A4");
}

TEST(EngineSafety, CancelsPassWhileKilled) {
  Bed bed([](Config& c) { c.risk.kill_cancels_open_orders = false; });
  bed.trades();
  opens(bed, "A1");
  (void)bed.command("kill");
  bed.turn();
  EXPECT_EQ(open_orders(bed), 1u);
  bed.client().cancel("A2", "A1");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 41, 150}), "A2|A1|4");
}

TEST(EngineSafety, ManyRejectsThrowTheSwitch) {
  Bed bed([](Config& c) {
    risk::Limits& l = c.risk.profiles[0].limits;
    l.max_order_shares = 100, l.reject_burst = 3, l.reject_burst_window_ms = 1'000;
  });
  bed.trades();
  opens(bed, "A1");
  for (int i = 0; i < 3; ++i) bed.client().order("B" + std::to_string(i), {.shares = 101});
  bed.turn();
  EXPECT_FALSE(bed.kill_switch->thrown());
  bed.client().order("B3", {.shares = 101});
  bed.turn();
  EXPECT_TRUE(bed.kill_switch->thrown());
  EXPECT_EQ(bed.client().told({11, 150}), "A1|4");
  EXPECT_EQ(open_orders(bed), 0u);
}

TEST(EngineSafety, AStaleBookCancelsAll) {
  Bed bed([](Config& c) {
    c.venue.market_data.on_stale_book = OnStaleBook::cancel_all;
    c.venue.market_data.line_silence = 3 * kSecond;
  });
  bed.trades();
  opens(bed, "A1");
  bed.passes(5 * kSecond);
  EXPECT_EQ(open_orders(bed), 1u);
  bed.venue.silent_lines = true;
  bed.passes(4 * kSecond);
  EXPECT_EQ(bed.client().told({11, 150}), "A1|4");
}

// The same when nothing at all comes any more, so that no event wakes the loop.
TEST(EngineSafety, AStaleBookCancelsAllInSilence) {
  Bed bed([](Config& c) {
    c.venue.market_data.on_stale_book = OnStaleBook::cancel_all;
    c.venue.market_data.line_silence = 2 * kSecond;
  });
  bed.trades();
  opens(bed, "A1");
  const uint64_t sends = bed.network.sends;
  bed.now.monotonic_ns += 3 * kSecond;
  ASSERT_GE(bed.engine->turn(bed.now), 0);
  EXPECT_GT(bed.network.sends, sends) << "the cancel";
}

TEST(EngineSafety, ReloadChangesLimitsBetweenTwoOrders) {
  Bed bed;
  bed.trades();
  opens(bed, "A1");
  EXPECT_EQ(bed.command("reload"), "");  // nothing was offered
  auto risk = std::make_unique<RiskFileConfig>(bed.config.risk);
  risk->revision = 2;
  risk->profiles[0].limits.max_order_shares = 99;
  risk->profiles[0].restricted_symbols = {"MSFT"};
  bed.engine->offer_risk(std::move(risk));
  opens(bed, "A2");  // what is only offered does not count
  EXPECT_NE(bed.command("reload").find("\"revision\":2"), std::string::npos);
  bed.client().order("A3");
  bed.client().order("A4", {.shares = 99, .symbol = "MSFT"});
  bed.client().order("A5", {.shares = 99});
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 150, 58}, 2), "A3|8|order shares");
  EXPECT_EQ(bed.client().told({11, 150, 58}, 1), "A4|8|restricted");
  EXPECT_EQ(bed.client().told({11, 150}), "A5|0");
  bed.restart();  // what the ring held is in the files then
  EXPECT_EQ(events(bed, "risk revision 2"), 1u);
}

TEST(EngineSafety, AStopCancelsAtOnceWhatDisconnectsWouldAfterAGrace) {
  Bed bed([](Config& c) {
    c.clients[0].cancel_on_disconnect = true;
    c.clients[0].cancel_grace = 60 * kSecond;
    c.clients.push_back(another(c, "two", "TWO"));
    c.clients[1].cancel_on_disconnect = false;
  });
  bed.trades();
  opens(bed, "A1");
  opens(bed, "B1", 1);
  bed.engine->begin_stop(bed.now);
  EXPECT_FALSE(bed.engine->stopped(bed.now));
  bed.turn();
  EXPECT_FALSE(bed.client(0).logged_on());
  EXPECT_EQ(bed.venue.requests('X'), 1u);
  EXPECT_EQ(open_orders(bed), 1u);
  EXPECT_TRUE(bed.engine->stopped(bed.now));
  bed.engine->end();
  bed.venue.turn(bed.now.monotonic_ns);
  EXPECT_EQ(bed.network.connection_to(kVenue), nullptr) << "logged out";
}

TEST(EngineSafety, AStopTakesNoOrders) {
  Bed bed;
  bed.trades();
  bed.engine->begin_stop(bed.now);
  bed.client().order("A1");
  bed.turn();
  EXPECT_EQ(bed.venue.requests('O'), 0u);
  bed.restart();
  bed.trades();  // the answer came behind the Logout
  EXPECT_EQ(bed.client().told({43, 11, 150, 58}), "Y|A1|8|the gateway stops");
}

// Whoever is logged on stays; the other one is dropped without a word.
TEST(EngineSafety, ASecondSessionOfTheSameIdentity) {
  Bed bed;
  bed.trades();
  TestClient twin(bed.network, "ONE");
  twin.connect(bed.now);
  bed.turn();
  twin.turn(bed.now);
  EXPECT_FALSE(twin.session().connected());
  EXPECT_EQ(twin.count(), 0u);
  EXPECT_TRUE(bed.client().logged_on());
  opens(bed, "A1");
}

// A venue that speaks of what is not so: no new orders until a person looked, what is open goes.
TEST(EngineSafety, AVenueThatTalksNonsense) {
  Bed bed;
  bed.trades();
  opens(bed, "A1");
  auto m = ouch::make<ouch::answer::Executed>();
  m.user_ref = be32::of(77), m.quantity = be32::of(100), m.price = be64::of(1'000'000);
  bed.venue.says(m);
  bed.turn();
  EXPECT_TRUE(bed.kill_switch->thrown());
  EXPECT_EQ(bed.engine->desk().counters().answers_unknown, 1u);
  EXPECT_EQ(open_orders(bed), 0u);
}

// The store of a client is full: its session ends, and nothing is thought to be told that was not.
// With a larger store it is told after the next start.
TEST(EngineSafety, AFullStoreKeepsNothingBackForEver) {
  Bed bed([](Config& c) {
    c.clients.push_back(drop_copy(c));
    c.clients[1].store_bytes = 16u << 10;
  });
  bed.trades();
  size_t orders = 0;
  for (; orders < 200; ++orders) {
    bed.client(0).order("A" + std::to_string(orders));
    bed.turn(4);
  }
  bed.turn();
  EXPECT_EQ(bed.client(0).count(150, "0"), orders);
  EXPECT_LT(bed.client(1).count(), orders);
  bed.kill();
  bed.config.clients[1].store_bytes = 4u << 20;
  bed.start();
  bed.trades();
  EXPECT_EQ(bed.client(1).count(150, "0"), orders) << "each once";
}

// The journal takes nothing new: no order passes, cancels and fills go on, and an ExecID that the
// journal does not know is not given out again by the next process.
TEST(EngineSafety, AFullJournalStopsOrdersAndNothingElse) {
  Bed bed([](Config& c) { c.journal.ring_bytes = 1u << 18; });
  bed.trades();
  opens(bed, "A1");
  opens(bed, "A2");
  for (int i = 0; i < 500 && !bed.journal->stopped(); ++i) {
    bed.client().status("A1");
    bed.turn(4);
  }
  ASSERT_TRUE(bed.journal->stopped());
  bed.turn();
  std::string said;
  bed.engine->notices().take_all([&](const char* text) { said.append(text); });
  EXPECT_NE(said.find("ALARM: the journal has no room: no new orders"), std::string::npos) << said;
  bed.client().order("A3");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 150, 58}), "A3|8|journal stopped");
  bed.client().cancel("A4", "A1");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 41, 150}), "A4|A1|4");
  bed.venue.quote(0, 'S', 1'000'000, 40);
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 150, 32}), "A2|1|40");
  EXPECT_EQ(bed.venue.requests('O'), 2u);
}

// A journal that was moved away begins with 1 again, a client's store does not: reports go on.
TEST(EngineSafety, AJournalThatWasMovedAway) {
  Bed bed;
  bed.trades();
  opens(bed, "A1");
  bed.client().cancel("A2", "A1");
  bed.turn();
  bed.kill();
  std::filesystem::remove_all(bed.config.journal.directory);
  std::filesystem::create_directory(bed.config.journal.directory);
  bed.start();
  bed.trades();
  ASSERT_EQ(bed.kill_switch->unkill(), 0);  // the venue told of orders that nobody knows here
  (void)bed.command("unkill");
  opens(bed, "A3");
}

// There is no start then: a day would begin anew whose orders live at the venue.
TEST(EngineSafety, AClockThatWasSetBack) {
  constexpr int64_t kDay = 24 * 3'600 * kSecond;
  Bed bed;
  bed.trades();
  opens(bed, "A1");
  bed.kill();
  bed.now.utc_ns -= 2 * kDay;
  EXPECT_FALSE(bed.try_start());
  EXPECT_NE(bed.why.find("its last record is 2 days ahead of the clock"), std::string::npos)
      << bed.why;
  bed.kill();
  bed.now.utc_ns += 2 * kDay;
  bed.start();
  bed.trades();
  EXPECT_EQ(open_orders(bed), 1u);
  bed.kill();
  bed.now.utc_ns += 3 * kDay;
  bed.start();
  std::string said;
  bed.engine->notices().take_all([&](const char* text) { said.append(text); });
  EXPECT_NE(said.find("a new day: the journal's last one ended 3 days ago"), std::string::npos);
  EXPECT_EQ(open_orders(bed), 0u);
  bed.kill();
  bed.now.utc_ns += kDay;
  bed.start();
  bed.engine->notices().take_all([&](const char* text) { said.append(text); });
  EXPECT_NE(said.find("a new day: the journal's last one ended 1 day ago"), std::string::npos);
}

// A symbol, or a client, that the day's orders need must not go from the configuration before the
// day ends: what the journal says would be of other orders.
TEST(EngineSafety, AConfigurationThatDoesNotFitTheDay) {
  Bed bed;
  bed.trades();
  opens(bed, "A0");
  opens(bed, "A1");
  bed.kill();
  bed.config.venue.market_data.symbols = {"MSFT", "QUIET"};
  EXPECT_FALSE(bed.try_start());
  EXPECT_NE(bed.why.find("a symbol that is not configured"), std::string::npos) << bed.why;
  bed.kill();
  bed.config.venue.market_data.symbols = {"MSFT", "AAPL"};
  bed.config.orders_per_day_max = 1;
  EXPECT_FALSE(bed.try_start());
  EXPECT_NE(bed.why.find("orders_per_day_max"), std::string::npos) << bed.why;
  bed.kill();
  bed.config.orders_per_day_max = 2'048;
  bed.start();
  bed.trades();
  bed.client().cancel("A2", "A1");
  bed.turn();
  EXPECT_EQ(bed.client().told({11, 41, 55, 150}), "A2|A1|AAPL|4");
}

// Neither a connection that never comes about nor a login that is refused goes unsaid.
TEST(EngineSafety, AVenueThatIsNotThere) {
  Bed bed;
  bed.network.never_connects = true;
  const auto said = [&] { return said_in(bed.engine->notices()); };
  bed.passes(30 * kSecond);
  EXPECT_GE(bed.engine->venue().connections(), 2u) << "given up, and tried again";
  EXPECT_NE(said().find("venue: no login at 10.0.0.9:8003 (silence), trying again"),
            std::string::npos);
  bed.passes(20 * kSecond);
  EXPECT_EQ(said(), "") << "not each time";
  bed.network.never_connects = false;
  bed.passes(30 * kSecond);
  EXPECT_TRUE(bed.engine->desk().caught_up());
  bed.kill();
  bed.venue.refusal = 'A';
  bed.start();
  bed.passes(kSecond);
  EXPECT_NE(said().find("the login is rejected (A)"), std::string::npos);
}

std::string said_of_market_data(Bed& bed) {
  std::string all;
  bed.engine->notices().take_all([&](const char* text) {
    if (std::string_view(text).starts_with("market data: ")) all.append(text + 13).append("|");
  });
  return all;
}

// Without books no order passes, so whoever is woken must be able to read why.
TEST(EngineSafety, MarketDataThatIsNotThereIsToldOf) {
  Bed bed;
  bed.venue.silent_lines = true;
  const auto said = [&] { return said_of_market_data(bed); };
  bed.passes(2 * kSecond);
  EXPECT_EQ(said(), "") << "no line could have been heard yet";
  bed.passes(10 * kSecond);
  EXPECT_EQ(said(),
            "line A, group 239.1.1.1:1, is silent|line B, group 239.1.1.2:2, is silent|"
            "3 of 3 books are stale (not started, silent): no orders pass there|");
  bed.passes(60 * kSecond);
  EXPECT_EQ(said(), "") << "once";
  bed.venue.silent_lines = false;
  bed.passes(2 * kSecond);
  EXPECT_EQ(said(),
            "line A, group 239.1.1.1:1, is heard|line B, group 239.1.1.2:2, is heard|"
            "all books are fresh|");
  std::byte room[64];
  moldudp64::PacketWriter other(room, Alpha<10>::of("DAY0\n"), 5);
  const size_t bytes = other.finish_end_of_session();
  for (int i = 0; i < 3; ++i) {
    bed.network.send_datagram(kLineB, chars_of({room, bytes}));
    bed.passes(kSecond);
  }
  EXPECT_EQ(said(),
            "session DAY1 is followed, packets of session DAY0? are left alone (1 so far); a "
            "new start follows what it hears first|");
  EXPECT_NE(bed.command("status").find("\"other_session\":3"), std::string::npos);
  EXPECT_NE(bed.command("book AAPL").find("\"why\":\"fresh\""), std::string::npos);
}

// By a message about an order that there is not.
void corrupts_a_book(Bed& bed) {
  std::byte room[128];
  moldudp64::PacketWriter packet(room, Alpha<10>::of("DAY1"),
                                 bed.engine->market_data().stream().receiver().expected());
  const auto deleted = itch::make<itch::OrderDelete>(TestVenue::kAapl + 1, 1);
  ASSERT_TRUE(packet.add(bytes_of_message(deleted)));
  bed.network.send_datagram(kLineA, chars_of({room, packet.finish()}));
}

// One book that stays stale all day hides no other reason, nor that all books are stale.
TEST(EngineSafety, EachReasonForStaleBooksIsToldOf) {
  Bed bed;
  bed.trades();
  bed.passes(20 * kSecond);
  (void)said_of_market_data(bed);
  corrupts_a_book(bed);
  bed.passes(10 * kSecond);
  EXPECT_EQ(said_of_market_data(bed), "1 of 3 books are stale (corrupt): no orders pass there|");
  bed.venue.silent_lines = true;
  bed.passes(kSecond);
  EXPECT_EQ(said_of_market_data(bed), "") << "nothing is silent yet";
  bed.passes(10 * kSecond);
  EXPECT_EQ(said_of_market_data(bed),
            "line A, group 239.1.1.1:1, is silent|line B, group 239.1.1.2:2, is silent|"
            "3 of 3 books are stale (corrupt, silent): no orders pass there|");
  bed.venue.silent_lines = false;
  bed.passes(20 * kSecond);
  EXPECT_EQ(said_of_market_data(bed),
            "line A, group 239.1.1.1:1, is heard|line B, group 239.1.1.2:2, is heard|"
            "1 of 3 books are stale (corrupt): no orders pass there|");
  bed.passes(60 * kSecond);
  EXPECT_EQ(said_of_market_data(bed), "") << "once";
}

// That the books were fresh again waits for its time to be told, and is overtaken.
TEST(EngineSafety, ShortlyStaleIsNotToldOfForWhatWasBefore) {
  Bed bed;
  bed.trades();
  bed.venue.silent_lines = true;
  bed.passes(8 * kSecond);
  EXPECT_NE(said_of_market_data(bed).find("3 of 3 books are stale"), std::string::npos);
  bed.venue.silent_lines = false;
  bed.passes(7 * kSecond);
  EXPECT_EQ(said_of_market_data(bed).find("books"), std::string::npos) << "not so often";
  corrupts_a_book(bed);
  bed.passes(3 * kSecond);
  EXPECT_EQ(said_of_market_data(bed).find("books"), std::string::npos);
  bed.passes(2 * kSecond);
  EXPECT_NE(said_of_market_data(bed).find("1 of 3 books"), std::string::npos);
}

// A client that is configured otherwise than we are learns nothing from the protocol: somebody here
// must. But whoever reaches the port decides how often.
TEST(EngineSafety, AConnectionWithoutASessionIsToldOnceASecond) {
  Bed bed;
  bed.trades();
  const auto said = [&] { return said_in(bed.engine->notices()); };
  said();
  TestClient strangers[3] = {{bed.network, "NOBODY"}, {bed.network, "NOBODY"}, {bed.network, "NO"}};
  for (TestClient& stranger : strangers) stranger.connect(bed.now);
  bed.turn();
  const std::string why =
      "connection from :0 dropped: no session here has its BeginString, SenderCompID and "
      "TargetCompID|";
  EXPECT_EQ(said(), why);
  bed.passes(2 * kSecond);
  TestClient late(bed.network, "NOBODY");
  late.connect(bed.now);
  bed.turn();
  EXPECT_EQ(said(), why + "and 2 before it|");
  EXPECT_EQ(bed.engine->connections().dropped_before_logon, 4u);
  for (TestClient& stranger : strangers) stranger.disconnect(bed.now);
  late.disconnect(bed.now);
}

// What is said once waits for room in the log.
TEST(EngineSafety, NothingIsToldOnceAndLost) {
  Bed bed([](Config& c) {
    c.clients.push_back(drop_copy(c));
    c.clients[1].store_bytes = 16u << 10;
  });
  bed.trades();
  Notices& notices = bed.engine->notices();
  const auto said = [&] { return said_in(notices); };
  const auto crowd = [&] {
    while (notices.room() > 0) notices.say("x");
  };
  // What could not be said before is said when there is room again.
  const auto said_later = [&] {
    bed.passes(100 * kMilli);
    EXPECT_EQ(said().find_first_not_of("x|"), std::string::npos);
    bed.passes(100 * kMilli);
    return said();
  };
  said();
  crowd();
  for (int i = 0; i < 200; ++i) {
    bed.client().order("B" + std::to_string(i));
    bed.turn();
  }
  EXPECT_NE(said_later().find("its store is full"), std::string::npos);
  crowd();
  bed.kill_switch->trip("test");
  EXPECT_NE(said_later().find("kill switch thrown"), std::string::npos);
  crowd();
  auto m = ouch::make<ouch::answer::Executed>();
  m.user_ref = be32::of(7'777), m.quantity = be32::of(100), m.price = be64::of(1'000'000);
  bed.venue.says(m);
  EXPECT_NE(said_later().find("ALARM: "), std::string::npos);
  bed.kill();
  bed.venue.refusal = 'A';
  bed.start();
  Notices& again = bed.engine->notices();
  while (again.room() > 0) again.say("x");
  bed.passes(kSecond);
  again.take_all([](const char*) {});
  bed.passes(100 * kMilli);
  std::string all;
  again.take_all([&](const char* text) { all.append(text); });
  EXPECT_NE(all.find("the login is rejected (A)"), std::string::npos);
}

// Nor does such a connection hide why a client is refused, which is told as often for each.
TEST(EngineSafety, WhyAClientIsRefusedIsToldBesideStrangers) {
  Bed bed;
  bed.trades();
  const auto said = [&] { return said_in(bed.engine->notices()); };
  said();
  const std::string name = bed.config.clients[0].target_comp_id;
  TestClient stranger(bed.network, "NOBODY");
  TestClient twins[2] = {{bed.network, name}, {bed.network, name}};
  stranger.connect(bed.now);
  for (TestClient& twin : twins) twin.connect(bed.now);
  bed.turn();
  const std::string refused = "session " + bed.config.clients[0].name +
                              ": connection from :0 dropped: its session is connected already (";
  EXPECT_EQ(said(),
            "connection from :0 dropped: no session here has its BeginString, SenderCompID and "
            "TargetCompID|" +
                refused + "0 untold before it)|");
  // While nobody takes them, there is room for this when there is none for strangers any more.
  bed.passes(2 * kSecond);
  said();
  for (size_t i = 0; i < Notices::kKept - 10; ++i) bed.engine->notices().say("x");
  TestClient later(bed.network, name), unknown(bed.network, "NOBODY");
  unknown.connect(bed.now);
  later.connect(bed.now);
  bed.turn();
  const std::string all = said();
  EXPECT_EQ(all.substr(all.rfind("x|") + 2), refused + "1 untold before it)|");
  for (TestClient* client : {&stranger, &twins[0], &twins[1], &later, &unknown})
    client->disconnect(bed.now);
}

// What a client says is repeated in answers, but not at any length: they must be sent.
TEST(EngineSafety, AnAbsurdClOrdID) {
  Bed bed([](Config& c) { c.clients.push_back(drop_copy(c)); });
  bed.trades();
  bed.client().order(std::string(7'900, 'x'));
  bed.turn();
  EXPECT_EQ(bed.client().told({150, 58}), "8|ClOrdID is longer than 40");
  bed.client().cancel(std::string(3'900, 'x'), std::string(3'900, 'y'));
  bed.client().status(std::string(7'900, 'x'));
  bed.turn();
  EXPECT_EQ(bed.client().count(), 3u);
  EXPECT_EQ(bed.client(1).count(), 2u);
  opens(bed, "A1");
}

// A client that does not read is disconnected; it asks for what it missed when it is back.
TEST(EngineSafety, AClientThatDoesNotRead) {
  Bed bed;
  bed.trades();
  opens(bed, "A1");
  bed.network.takes_all = false;
  bed.venue.quote(0, 'S', 1'000'000, 40);
  bed.turn(4);
  bed.network.takes_all = true;
  bed.turn();
  EXPECT_FALSE(bed.client().logged_on());
  bed.trades();
  EXPECT_EQ(bed.client().told({43, 11, 150, 32}), "Y|A1|1|40");
}

}  // namespace
}  // namespace pinion::gateway::test
