// A seed is a run. Some seeds for each kind of failure, many with a mixture, and one
// run twice. A failure prints its seed: run it alone with `sim --seed=N`.
#include <gtest/gtest.h>

#include <string>

#include "sim/simulation.h"

namespace pinion::sim {
namespace {

void expect_good(const SimOptions& options) {
  Simulation sim(options);
  EXPECT_TRUE(sim.run()) << sim.failure() << "; --seed=" << options.seed;
  EXPECT_GT(sim.delivered(), 0u);
}

TEST(Simulation, GoodLinkLosesNothingThatWasTaken) { expect_good({.seed = 1}); }
TEST(Simulation, Loss) { expect_good({.seed = 2, .loss = 0.3}); }
TEST(Simulation, Duplicates) { expect_good({.seed = 3, .duplicate = 0.5}); }
TEST(Simulation, Reordering) { expect_good({.seed = 4, .reorder = 0.5, .jitter = 50 * kMicro}); }
TEST(Simulation, CorruptionIsCaught) { expect_good({.seed = 5, .corrupt = 0.5}); }
TEST(Simulation, PortFull) { expect_good({.seed = 6, .tx_full = 1}); }
TEST(Simulation, PoolDry) { expect_good({.seed = 7, .pool_dry = 1}); }
TEST(Simulation, LinkDown) { expect_good({.seed = 8, .link_down = 0.2, .duration = 500 * kMilli}); }
TEST(Simulation, HostPauses) { expect_good({.seed = 9, .host_pause = 1}); }
TEST(Simulation, SlowReaders) { expect_good({.seed = 10, .slow_reader = 1}); }
TEST(Simulation, ApplicationsEndAndAttachAgain) { expect_good({.seed = 11, .app_end = 1}); }
TEST(Simulation, BurstsOfLoss) { expect_good({.seed = 12, .burst = 0.1}); }
TEST(Simulation, OneAllocationFails) { expect_good({.seed = 13, .alloc_fails = 1}); }
TEST(Simulation, KernelsAreRestarted) { expect_good({.seed = 14, .kernel_restart = 0.5}); }

TEST(Simulation, ANicThatSpreadsWrongly) {
  for (const uint32_t cores : {2u, 3u}) {
    Simulation sim({.seed = 17, .loss = 0.1, .cores = {.cores = cores, .astray = 0.5}});
    EXPECT_TRUE(sim.run()) << sim.failure();
    EXPECT_GT(sim.handed_over(), 10u);
  }
}

// A clock that would wrap in the middle of the run, if it were kept in fewer bits anywhere.
TEST(Simulation, ClockNearItsEdges) {
  constexpr Nanos kHalf = 5 * kMilli;
  for (const int bits : {31, 32})
    for (const Nanos unit : {Nanos{1}, kMicro, kMilli})
      expect_good({.seed = 15, .loss = 0.1, .start = (Nanos{1} << bits) * unit - kHalf});
  expect_good({.seed = 15, .loss = 0.1, .start = (Nanos{1} << 62) - kHalf});
  expect_good({.seed = 15, .loss = 0.1, .start = 0});
}

// The documented limit of a checksum of 16 bits (RFC 1071): two flips that cancel out are not seen
// by it. They are seen here, which also shows that the ledger looks at every byte.
TEST(Simulation, ComplementaryFlipsPassTheChecksum) {
  Simulation sim({.seed = 16, .complementary = 0.2});
  EXPECT_FALSE(sim.run());
  EXPECT_NE(sim.failure().find("differs at byte"), std::string::npos) << sim.failure();
}

TEST(Simulation, PayloadsAreAttached) {
  expect_good({.seed = 12, .tx_full = 0.5, .app_end = 0.2, .attach = true});
}

TEST(Simulation, SameSeedSameTrace) {
  Simulation first(options_of(77)), second(options_of(77)), other(options_of(78));
  EXPECT_TRUE(first.run() && second.run() && other.run());
  EXPECT_EQ(first.trace_hash(), second.trace_hash());
  EXPECT_NE(first.trace_hash(), other.trace_hash());
}

constexpr uint64_t kSeedsPerCase = 50;
class Seeds : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Seeds, Mixture) {
  for (uint64_t i = 0; i < kSeedsPerCase; ++i) {
    Simulation sim(options_of(GetParam() * kSeedsPerCase + i));
    ASSERT_TRUE(sim.run()) << sim.failure() << "; --seed=" << GetParam() * kSeedsPerCase + i;
  }
}

INSTANTIATE_TEST_SUITE_P(From, Seeds, ::testing::Range<uint64_t>(0, 6));

}  // namespace
}  // namespace pinion::sim
