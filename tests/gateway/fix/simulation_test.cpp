// Session against session on a virtual clock: an initiator and an acceptor, each with an
// application that sends numbered messages, over a connection that cuts what it carries anywhere,
// delays it, damages it, falls silent, breaks, and sessions that die and come back with their
// stores. In the end each side has every message of the other once, in order. A failure is a seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gateway/fix/session.h"
#include "gateway/fix/value.h"

namespace pinion::fix {
namespace {

constexpr int64_t kSimMs = 1'000'000;
constexpr int64_t kSimSecond = 1000 * kSimMs;
constexpr int64_t kSimStep = 50 * kSimMs;

struct SimChunk {
  int64_t at;
  std::string bytes;
};

// One TCP connection: two pipes and their ends.
struct SimConnection {
  std::deque<SimChunk> pipe[2];  // from the initiator, from the acceptor
  bool closed[2] = {};           // by that side
  bool broken = false;
};

class SimEnd : public Wire, public Application {
 public:
  SimEnd(bool initiator, const SessionConfig& config, std::mt19937_64& rng)
      : side_(initiator ? 0 : 1), config_(config), rng_(rng), memory_(4 << 20) {
    restart();
  }

  void restart() {
    session.reset();
    store = std::make_unique<Store>(memory_, 50'000);
    session = std::make_unique<Session>(config_, *store, *this);
    if (connection) connection->closed[side_] = true;
    connection.reset();
    received_.clear();
  }
  void connected(std::shared_ptr<SimConnection> to) {
    connection = std::move(to);
    received_.clear();
  }

  bool send(std::string_view bytes) override {
    if (!connection) return false;
    std::deque<SimChunk>& pipe = connection->pipe[side_];
    const int64_t soonest = pipe.empty() ? 0 : pipe.back().at;
    const int64_t at =
        std::max(soonest, now.monotonic_ns + static_cast<int64_t>(rng_() % 200) * kSimMs);
    std::string copy(bytes);
    if (damage && rng_() % 40 == 0) {
      copy[rng_() % copy.size()] ^= static_cast<char>(1 << rng_() % 7);
    }
    const size_t cut = rng_() % (copy.size() + 1);
    pipe.push_back({at, copy.substr(0, cut)});
    pipe.push_back({at + static_cast<int64_t>(rng_() % 50) * kSimMs, copy.substr(cut)});
    return true;
  }
  size_t room() const override { return 1 << 20; }
  void close() override {
    if (connection) connection->closed[side_] = true;
    connection.reset();
    received_.clear();
  }

  Answer on_message(Session&, const Message& m, const Now&) override {
    uint64_t id = 0;
    EXPECT_TRUE(parse_uint(m.value(kClOrdID), id));
    got.push_back(id);
    return Answer::done;
  }

  void sends_next() {
    Encoder e = session->begin("8", now);
    e.number(kClOrdID, sent + 1);
    e.number(kOrderID, 1), e.number(kExecID, 1), e.number(kExecTransType, 0);
    e.number(kExecType, 0), e.number(kOrdStatus, 0), e.text(kSymbol, "X"), e.number(kSide, 1);
    e.number(kLeavesQty, 1), e.number(kCumQty, 0), e.number(kAvgPx, 0);
    if (session->send(e, now)) ++sent;
  }

  // Everything that has arrived by now.
  void receives() {
    if (!connection) return;
    const std::shared_ptr<SimConnection> from = connection;
    std::deque<SimChunk>& pipe = from->pipe[1 - side_];
    while (connection == from && !pipe.empty() && pipe.front().at <= now.monotonic_ns) {
      received_ += pipe.front().bytes;
      pipe.pop_front();
      takes_frames();
    }
    if (connection != from) return;
    if (from->broken || (from->closed[1 - side_] && pipe.empty())) {
      connection.reset();
      received_.clear();
      session->on_disconnect(now);
    }
  }

  Now now;
  bool damage = false;
  std::shared_ptr<SimConnection> connection;
  std::unique_ptr<Store> store;
  std::unique_ptr<Session> session;
  uint64_t sent = 0;
  std::vector<uint64_t> got;

 private:
  void takes_frames() {
    while (connection) {
      const std::string bytes = received_;  // the session may close, which clears it
      const Frame frame = next_frame(bytes);
      if (frame.status == FrameStatus::more) return;
      received_.erase(0, frame.bytes);
      const std::string_view one = std::string_view(bytes).substr(0, frame.bytes);
      if (session->connected()) {
        if (frame.status == FrameStatus::garbled) session->on_garbled();
        else session->on_frame(one, now);
      } else if (frame.status == FrameStatus::garbled || !session->accept(*this, one, now)) {
        close();
      }
    }
  }

  int side_;
  SessionConfig config_;
  std::mt19937_64& rng_;
  std::vector<char> memory_;
  std::string received_;
};

SessionConfig sim_config(const char* sender, const char* target,
                         const std::optional<Schedule>& schedule) {
  SessionConfig c;
  c.sender_comp_id = sender;
  c.target_comp_id = target;
  c.heartbeat_s = 10;
  c.pending_max = 32;
  c.schedule = schedule;
  return c;
}

class Simulation {
 public:
  explicit Simulation(uint64_t seed, const std::optional<Schedule>& schedule = {})
      : rng(seed),
        initiator(true, sim_config("A", "B", schedule), rng),
        acceptor(false, sim_config("B", "A", schedule), rng) {
    initiator.now = acceptor.now = now;
  }

  void step() {
    for (SimEnd* end : {&initiator, &acceptor}) end->now = now;
    if (!initiator.connection && now.monotonic_ns >= next_connect) {
      next_connect = now.monotonic_ns + kSimSecond;
      const auto made = std::make_shared<SimConnection>();
      if (!acceptor.connection) {  // else the old one has not been noticed to be dead there
        acceptor.connected(made);
        initiator.connected(made);
        initiator.session->initiate(initiator, now);
      }
    }
    if (now.monotonic_ns >= silent_until) {
      initiator.receives();
      acceptor.receives();
    }
    initiator.session->poll(now);
    acceptor.session->poll(now);
    now.monotonic_ns += kSimStep, now.utc_ns += kSimStep;
  }
  void runs(int64_t ns) {
    for (const int64_t end = now.monotonic_ns + ns; now.monotonic_ns < end;) step();
  }
  bool one_in(uint64_t n) { return rng() % n == 0; }

  void fault() {
    initiator.damage = acceptor.damage = true;
    if (one_in(400) && initiator.connection) initiator.connection->broken = true;
    if (one_in(1500)) initiator.restart();
    if (one_in(1500)) acceptor.restart();
    if (one_in(2500))
      silent_until = now.monotonic_ns + static_cast<int64_t>(rng() % 60) * kSimSecond;
    if (one_in(3000)) initiator.session->logout("", now);
    if (one_in(3000)) acceptor.session->logout("", now);
  }

  std::mt19937_64 rng;
  Now now{kSimSecond, 1'795'860'000 * kSimSecond};
  SimEnd initiator, acceptor;
  int64_t next_connect = 0, silent_until = 0;
};

void expect_all_once(const SimEnd& from, const SimEnd& to, uint64_t seed) {
  ASSERT_EQ(to.got.size(), from.sent) << "seed " << seed;
  for (uint64_t i = 0; i < from.sent; ++i) ASSERT_EQ(to.got[i], i + 1) << "seed " << seed;
  ASSERT_EQ(to.store->next_in(), from.store->next_out()) << "seed " << seed;
}

TEST(FixSimulation, EveryMessageOnceWhateverHappens) {
  uint64_t sent = 0, gaps = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Simulation sim(seed);
    for (int i = 0; i < 4000; ++i) {
      sim.fault();
      if (sim.one_in(10)) sim.initiator.sends_next();
      if (sim.one_in(10)) sim.acceptor.sends_next();
      sim.step();
    }
    sim.initiator.damage = sim.acceptor.damage = false;
    sim.runs(300 * kSimSecond);
    // What is on its way at this moment is a heartbeat.
    for (int i = 0; i < 200 && (sim.acceptor.store->next_in() != sim.initiator.store->next_out() ||
                                sim.initiator.store->next_in() != sim.acceptor.store->next_out());
         ++i)
      sim.step();
    expect_all_once(sim.initiator, sim.acceptor, seed);
    expect_all_once(sim.acceptor, sim.initiator, seed);
    if (HasFatalFailure()) return;
    sent += sim.initiator.sent + sim.acceptor.sent;
    gaps += sim.acceptor.session->counters().gaps;
  }
  EXPECT_GT(sent, 10'000u);
  EXPECT_GT(gaps, 40u);  // it did happen
}

// Nothing to say for a day: the heartbeats hold the session, and nobody is tested.
TEST(FixSimulation, ADayOfHeartbeats) {
  Simulation sim(1);
  sim.runs(86'400 * kSimSecond);
  EXPECT_EQ(sim.acceptor.session->counters().logons, 1u);
  EXPECT_EQ(sim.initiator.session->counters().logons, 1u);
  EXPECT_NEAR(static_cast<double>(sim.acceptor.store->next_out()), 8640, 200);
}

// The connection dies without a word: found out within 2.4 intervals, and traded on.
TEST(FixSimulation, SilenceIsNoticed) {
  Simulation sim(2);
  sim.runs(60 * kSimSecond);
  ASSERT_TRUE(sim.acceptor.session->connected());
  sim.silent_until = sim.now.monotonic_ns + 30 * kSimSecond;
  sim.runs(13 * kSimSecond);  // the last that it heard may be ten seconds old
  EXPECT_TRUE(sim.acceptor.session->connected());
  sim.runs(12 * kSimSecond);
  EXPECT_FALSE(sim.acceptor.session->connected());
  sim.initiator.sends_next();
  sim.runs(60 * kSimSecond);
  EXPECT_GE(sim.acceptor.session->counters().logons, 2u);
  EXPECT_EQ(sim.acceptor.got.size(), 1u);
}

// Three midnights: each side ends its day and both begin with 1.
TEST(FixSimulation, Midnight) {
  Simulation sim(3, Schedule({.start_s = 0, .end_s = 0}));
  for (int day = 0; day < 3; ++day) {
    const int64_t left = 86'400 * kSimSecond - sim.now.utc_ns % (86'400 * kSimSecond);
    sim.initiator.sends_next();
    sim.runs(left - 60 * kSimSecond);
    EXPECT_GT(sim.acceptor.store->next_in(), 1000u);
    sim.runs(120 * kSimSecond);
    EXPECT_TRUE(sim.acceptor.session->connected());
    EXPECT_LT(sim.acceptor.store->next_in(), 20u);
    EXPECT_LT(sim.initiator.store->next_in(), 20u);
    EXPECT_EQ(sim.acceptor.store->day(), sim.initiator.store->day());
  }
  EXPECT_EQ(sim.acceptor.got.size(), 3u);
}

}  // namespace
}  // namespace pinion::fix
