// Sender, two bad lines, a bad re-request server and the receiver on a virtual clock. Whatever is
// lost, repeated or late: each message comes once, in order, or is in a hole that was reported.
// A failure names its seed.
#include <gtest/gtest.h>

#include <queue>
#include <vector>

#include "base/rng.h"
#include "gateway/moldudp64/receiver.h"
#include "gateway/moldudp64/sender.h"

namespace pinion::moldudp64 {
namespace {

struct BadLink {
  double loss = 0, duplicate = 0, late = 0;
  Nanos delay = 10 * kMicro, late_by = 500 * kMicro;
};

struct StreamSimConfig {
  uint64_t seed = 1;
  int messages = 3'000;
  BadLink lines, requests;
  ReceiverConfig receiver;
  size_t answer_bytes = 300;
};

class StreamSim {
 public:
  explicit StreamSim(const StreamSimConfig& config)
      : config_(config),
        rng_(config.seed),
        store_({100'000, 10'000'000}),
        sender_({Alpha<10>::of("SIM"), 100 * kMilli}, store_),
        receiver_(config.receiver) {}

  // Until the session has ended for the receiver, or far too late.
  void run() {
    while (!ended_ && now_ < 600 * kSecond) {
      produce();
      transmit();
      receiver_.poll(now_, *this);
      ask();
      const Nanos next = flights_.empty() ? kNever : flights_.top().at;
      now_ = std::max(now_ + 1, std::min({next, receiver_.next_deadline(), next_tick_}));
      land();
    }
  }

  void message(uint64_t sequence, Bytes bytes) {
    ASSERT_EQ(sequence, told_);
    ASSERT_TRUE(store_.has(sequence));
    ASSERT_TRUE(std::ranges::equal(bytes, store_.get(sequence)));
    ++told_;
  }
  void hole(uint64_t first, uint64_t end) {
    ASSERT_EQ(first, told_);
    ASSERT_LT(first, end);
    in_holes_ += end - first;
    told_ = end;
  }
  void end_of_session() { ended_ = true; }

  bool ended() const { return ended_; }
  uint64_t told() const { return told_ - 1; }
  uint64_t in_holes() const { return in_holes_; }
  const Receiver& receiver() const { return receiver_; }

 private:
  enum class Way : uint8_t { line_a, line_b, to_server, from_server };
  struct Flight {
    Nanos at;
    Way way;
    std::vector<std::byte> bytes;
    bool operator<(const Flight& other) const { return at > other.at; }
  };

  void produce() {
    if (now_ < next_tick_) return;
    next_tick_ = now_ + rng_.below(200) * kMicro + 1;
    for (uint32_t n = rng_.below(8); n > 0 && made_ < config_.messages; --n, ++made_) {
      std::vector<std::byte> bytes(rng_.below(60));
      for (auto& b : bytes) b = static_cast<std::byte>(rng_.next());
      ASSERT_TRUE(store_.append(bytes));
    }
    if (made_ == config_.messages) sender_.end();
  }
  void transmit() {
    std::byte room[400];
    while (const size_t n = sender_.next_packet(room, now_)) {
      send(Way::line_a, config_.lines, Bytes{room, n});
      send(Way::line_b, config_.lines, Bytes{room, n});
    }
  }
  void ask() {
    std::byte room[sizeof(Request)];
    uint32_t server = 0;
    if (const size_t n = receiver_.request(room, server, now_)) {
      send(Way::to_server, config_.requests, Bytes{room, n});
    }
  }
  void send(Way way, const BadLink& link, Bytes bytes) {
    const int copies = rng_.chance(link.loss) ? 0 : rng_.chance(link.duplicate) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const Nanos late =
          rng_.chance(link.late) ? rng_.below(static_cast<uint32_t>(link.late_by)) : 0;
      flights_.push({now_ + link.delay + late, way, {bytes.begin(), bytes.end()}});
    }
  }
  void land() {
    while (!flights_.empty() && flights_.top().at <= now_) {
      const Flight flight = flights_.top();
      flights_.pop();
      std::vector<std::byte> answer(config_.answer_bytes);
      switch (flight.way) {
        case Way::line_a: receiver_.input(Line::a, flight.bytes, now_, *this); break;
        case Way::line_b: receiver_.input(Line::b, flight.bytes, now_, *this); break;
        case Way::from_server: receiver_.input(Line::retransmit, flight.bytes, now_, *this); break;
        case Way::to_server:
          answer.resize(sender_.answer(flight.bytes, answer));
          if (!answer.empty()) send(Way::from_server, config_.requests, answer);
          break;
      }
    }
  }

  StreamSimConfig config_;
  Rng rng_;
  MessageStore store_;
  Sender sender_;
  Receiver receiver_;
  std::priority_queue<Flight> flights_;
  Nanos now_ = 0, next_tick_ = 0;
  int made_ = 0;
  uint64_t told_ = 1, in_holes_ = 0;
  bool ended_ = false;
};

TEST(MoldSimulation, BadLinesAndAGoodServerLoseNothing) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    StreamSim sim({.seed = seed,
                   .lines = {.loss = 0.2, .duplicate = 0.1, .late = 0.2},
                   .requests = {},
                   .receiver = {.first = 1, .window_messages = 256}});
    sim.run();
    ASSERT_TRUE(sim.ended()) << "seed " << seed;
    EXPECT_EQ(sim.told(), 3'000u) << "seed " << seed;
    EXPECT_EQ(sim.in_holes(), 0u) << "seed " << seed;
    EXPECT_GT(sim.receiver().counters().requests, 0u) << "seed " << seed;
  }
}

TEST(MoldSimulation, TinyWindowAndBadServerStillLoseNothing) {
  for (uint64_t seed = 100; seed < 110; ++seed) {
    StreamSim sim(
        {.seed = seed,
         .messages = 1'000,
         .lines = {.loss = 0.3, .duplicate = 0.3, .late = 0.5},
         .requests = {.loss = 0.3, .duplicate = 0.2, .late = 0.3},
         .receiver = {
             .first = 1, .window_messages = 16, .request_timeout = 5 * kMilli, .attempts = 40}});
    sim.run();
    ASSERT_TRUE(sim.ended()) << "seed " << seed;
    EXPECT_EQ(sim.told(), 1'000u) << "seed " << seed;
    EXPECT_EQ(sim.in_holes(), 0u) << "seed " << seed;
  }
}

TEST(MoldSimulation, WithoutAServerEveryLossIsAReportedHole) {
  uint64_t holes = 0;
  for (uint64_t seed = 200; seed < 220; ++seed) {
    StreamSim sim({.seed = seed,
                   .lines = {.loss = 0.2, .late = 0.1},
                   .requests = {.loss = 1.0},
                   .receiver = {.first = 1, .request_timeout = kMilli, .attempts = 2}});
    sim.run();
    ASSERT_TRUE(sim.ended()) << "seed " << seed;
    EXPECT_EQ(sim.told(), 3'000u) << "seed " << seed;
    EXPECT_EQ(sim.in_holes(), sim.receiver().counters().missed) << "seed " << seed;
    holes += sim.in_holes();
  }
  EXPECT_GT(holes, 0u) << "the simulation did not lose what it says it loses";
}

TEST(MoldSimulation, PerfectLinesNeedNoRequest) {
  StreamSim sim({.seed = 1, .lines = {}, .requests = {}, .receiver = {.first = 1}});
  sim.run();
  ASSERT_TRUE(sim.ended());
  EXPECT_EQ(sim.receiver().counters().requests, 0u);
  EXPECT_EQ(sim.receiver().counters().held, 0u);
}

}  // namespace
}  // namespace pinion::moldudp64
