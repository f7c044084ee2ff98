// The engine ends at any call that it makes, of its network or of its clock, while clients trade;
// journal, stores and kill switch are what is left. Another one goes on, the clients come back and
// ask for what they missed. In the end both sides agree, and every client had each ExecID once.
#include <set>

#include "base/rng.h"
#include "bed.h"

namespace pinion::gateway::test {
namespace {

struct Simulation {
  explicit Simulation(uint64_t seed)
      : rng(seed), bed([](Config& c) {
          c.clients.push_back(another(c, "two", "TWO"));
          c.clients[1].cancel_on_disconnect = true;
          c.clients[1].version = fix::Version::fix44;
          c.clients.push_back(drop_copy(c));
        }) {}

  void act(size_t who) {
    TestClient& client = bed.client(who);
    if (!client.logged_on()) return;
    const std::string id = "C" + std::to_string(++ids), orig = some_id();
    const bool buy = rng.below(2) != 0;
    Terms t{.shares = 1 + rng.below(300), .side = buy ? '1' : '2'};
    t.price = static_cast<risk::Price>(980'000 + rng.below(40) * 1'000);
    t.time_in_force = rng.below(5) == 0 ? '3' : '0';
    requests[who].insert(id);
    switch (rng.below(8)) {
      case 0: return client.cancel(id, orig);
      case 1: return client.replace(id, orig, t);
      case 2: t.symbol = "NOSUCH"; [[fallthrough]];
      default: return client.order(id, t);
    }
  }
  std::string some_id() {
    return "C" + std::to_string(1 + rng.below(static_cast<uint32_t>(ids) + 1));
  }
  void somebody_else() {
    const uint32_t price = 985'000 + rng.below(30) * 1'000;
    bed.venue.quote(0, rng.below(2) != 0 ? 'B' : 'S', price, 1 + rng.below(200));
  }
  void step() {
    for (size_t who = 0; who < 2; ++who)
      if (rng.below(2) != 0) act(who);
    if (rng.below(3) == 0) somebody_else();
    if (rng.below(40) == 0) bed.client(rng.below(3)).disconnect(bed.now);
    if (rng.below(60) == 0 && bed.network.connection_to(kVenue) != nullptr)
      bed.network.connection_to(kVenue)->close();
    if (rng.below(6) == 0) bed.network.crash_in = static_cast<int>(1 + rng.below(40));
    bed.passes(100 * kMilli);
    come_back();
  }
  void come_back() {
    if (!bed.engine) {
      ++deaths;
      bed.start();
    }
    for (const auto& c : bed.clients)
      if (!c->session().connected()) c->connect(bed.now);
  }
  // Until nothing is open, and everybody has heard of it.
  void settle() {
    bed.network.crash_in = 0;
    for (int i = 0; i < 20; ++i) {
      come_back();
      bed.passes(kSecond);
      (void)bed.command("kill at the end");  // cancels what is open
    }
  }

  Rng rng;
  Bed bed;
  std::set<std::string> requests[2];
  uint64_t ids = 0, deaths = 0;
};

struct Heard {
  uint64_t shares = 0;
  std::map<std::string, int> answers;  // final or first ones, by ClOrdID
};

// Each ExecID once, and an answer for each request.
Heard hear(const TestClient& client, const std::string& of) {
  Heard out;
  std::set<std::string> exec_ids;
  fix::Message m;
  for (const std::string& bytes : client.all()) {
    EXPECT_TRUE(m.parse(bytes));
    const std::string id(m.value(fix::kClOrdID));
    if (!of.empty() && m.value(fix::kOnBehalfOfCompID) != of) continue;
    if (m.is_type('9')) {
      ++out.answers[id];
      continue;
    }
    const std::string exec_id(m.value(fix::kExecID));
    if (exec_id == "0") continue;  // a status
    EXPECT_TRUE(exec_ids.insert(exec_id).second) << exec_id << " twice";
    uint64_t shares = 0;
    if (fix::parse_uint(m.value(fix::kLastShares), shares)) out.shares += shares;
    ++out.answers[id];
  }
  return out;
}

void expect_settled(Simulation& s) {
  uint64_t shares = 0;
  for (size_t who = 0; who < 2; ++who) {
    const Heard heard = hear(s.bed.client(who), "");
    for (const std::string& id : s.requests[who]) EXPECT_TRUE(heard.answers.contains(id)) << id;
    const Heard copy = hear(s.bed.client(2), who == 0 ? "ONE" : "TWO");
    EXPECT_EQ(copy.shares, heard.shares);
    EXPECT_EQ(copy.answers.size(), heard.answers.size());
    shares += heard.shares;
    EXPECT_EQ(s.bed.engine->orders().open_orders(static_cast<uint32_t>(who)), 0u);
    EXPECT_EQ(s.bed.client(who).rejects, 0u);
  }
  EXPECT_EQ(shares, s.bed.venue.accounts.counters(0).shares);
  EXPECT_EQ(s.bed.venue.accounts.counters(0).repeats, 0u) << "the venue got a number again";
  EXPECT_EQ(s.bed.engine->desk().counters().answers_unknown, 0u);
  const int64_t position = s.bed.engine->risk().symbol(0, 0).position +
                           s.bed.engine->risk().symbol(1, 0).position;
  EXPECT_EQ(position, s.bed.venue.accounts.position(0));
}

// More of them: PINION_ENGINE_SEEDS.
uint64_t seeds() {
  const char* text = std::getenv("PINION_ENGINE_SEEDS");
  return text == nullptr ? 6 : std::strtoull(text, nullptr, 10);
}

TEST(EngineRecovery, EndsAnywhereAndGoesOn) {
  uint64_t deaths = 0, shares = 0;
  for (uint64_t seed = 1; seed <= seeds() && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation s(seed);
    s.bed.trades();
    for (int i = 0; i < 120; ++i) s.step();
    s.settle();
    expect_settled(s);
    deaths += s.deaths;
    shares += s.bed.venue.accounts.counters(0).shares;
  }
  EXPECT_GT(deaths, 5 * seeds());
  EXPECT_GT(shares, 1'000u);
}

// The order is in the journal and at the venue, its report was never sent.
TEST(EngineRecovery, AReportThatWasNotSentYet) {
  Bed bed;
  bed.trades();
  bed.client().order("A1");
  ASSERT_GE(bed.engine->turn(bed.now), 0);
  bed.venue.turn(bed.now.monotonic_ns);
  bed.restart();
  EXPECT_EQ(bed.client().count(), 0u);
  bed.trades();
  EXPECT_EQ(bed.client().told({11, 150}), "A1|0");
  EXPECT_EQ(bed.client().count(), 1u);
  EXPECT_EQ(bed.venue.requests('O'), 1u);
}

// A second refusal under one ClOrdID, which is stored when the process ends: not to be told a third
// time, and not to be forgotten.
TEST(EngineRecovery, TheSameCancelRefusedTwice) {
  Bed bed;
  bed.trades();
  bed.client().cancel("X1", "A1");
  bed.turn();
  bed.client().cancel("X1", "A1");
  bed.network.crash_in = 2;  // the clock, then the sending
  bed.turn();
  ASSERT_EQ(bed.engine, nullptr);
  EXPECT_EQ(bed.client().count(35, "9"), 1u);
  bed.start();
  bed.trades();
  EXPECT_EQ(bed.client().count(35, "9"), 2u);
}

}  // namespace
}  // namespace pinion::gateway::test
