// For streams: a seed is a run. A failure prints its seed: run it alone with
// `sim --streams --seed=N`.
#include <gtest/gtest.h>

#include "sim/goodput.h"
#include "sim/stream_simulation.h"

namespace pinion::sim {
namespace {

// Sent again: no more than twice what was lost. The goodput is reported, not judged.
TEST(StreamSimulation, GoodputAtOnePercentLoss) {
  const Goodput g = measure_goodput({.bytes = 4u << 20});
  EXPECT_EQ(g.failure, "");
  EXPECT_GT(g.lost, 0u);
  EXPECT_LE(g.retransmitted, 2 * g.lost);
  RecordProperty("megabytes_per_s", std::to_string(g.megabytes_per_s()));
  std::printf("%.1f MB/s, %llu lost, %llu retransmitted\n", g.megabytes_per_s(),
              static_cast<unsigned long long>(g.lost),
              static_cast<unsigned long long>(g.retransmitted));
}

TEST(StreamSimulation, SameSeedSameTrace) {
  StreamSimulation first(stream_options_of(77)), second(stream_options_of(77)),
      other(stream_options_of(78));
  EXPECT_TRUE(first.run() && second.run() && other.run()) << first.failure() << other.failure();
  EXPECT_EQ(first.trace_hash(), second.trace_hash());
  EXPECT_NE(first.trace_hash(), other.trace_hash());
}

// A host of two cores whose NIC is often wrong: nothing is lost, and connections are handed over.
TEST(StreamSimulation, ANicThatSpreadsWrongly) {
  for (const bool says_hash : {false, true}) {
    StreamSimOptions o = stream_options_of(5);
    o.link = {.delay = 20 * kMicro};
    o.ephemeral_ports = 1000;  // of which some come home
    o.cores = {.cores = 2, .says_hash = says_hash, .astray = 0.5};
    StreamSimulation sim(o);
    EXPECT_TRUE(sim.run()) << sim.failure();
    EXPECT_GT(sim.handed_over(), 100u);
  }
}

// Where it says how it hashes and is right, a connection that is opened from here stays at home.
TEST(StreamSimulation, ConnectionsStayAtHome) {
  StreamSimOptions o;
  o.cores = {.cores = 2, .says_hash = true};
  StreamSimulation sim(o);
  EXPECT_TRUE(sim.run()) << sim.failure();
}

// Ports that cut long frames: both hosts have them do it, and every stream is whole.
TEST(StreamSimulation, PortsThatCutSegments) {
  StreamSimOptions o = stream_options_of(5);
  o.tso_bytes = 20'000;
  o.habits.bytes_max = 100'000;
  StreamSimulation sim(o);
  EXPECT_TRUE(sim.run()) << sim.failure();
  for (const uint32_t host : {0u, 1u}) EXPECT_GT(sim.counters(host).tcp_tso_frames, 0u);
}

// Two flips that cancel out pass a checksum of 16 bits (RFC 1071): the ledger looks at every byte.
TEST(StreamSimulation, LedgerSeesComplementaryFlips) {
  StreamSimOptions o;
  o.link.complementary = 0.2;
  StreamSimulation sim(o);
  EXPECT_FALSE(sim.run());
  const std::string& what = sim.failure();
  EXPECT_TRUE(what.find("differs at byte") != std::string::npos ||
              what.find("nobody sent") != std::string::npos)
      << what;
}

constexpr uint64_t kStreamSeedsPerCase = 50;
class StreamSeeds : public ::testing::TestWithParam<uint64_t> {};

TEST_P(StreamSeeds, Mixture) {
  for (uint64_t i = 0; i < kStreamSeedsPerCase; ++i) {
    const uint64_t seed = GetParam() * kStreamSeedsPerCase + i;
    StreamSimulation sim(stream_options_of(seed));
    ASSERT_TRUE(sim.run()) << sim.failure() << "; --streams --seed=" << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(From, StreamSeeds, ::testing::Range<uint64_t>(0, 40));

}  // namespace
}  // namespace pinion::sim
