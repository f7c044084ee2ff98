// Many orders through the whole path while both lines lose, repeat and reorder: at the end the
// gateway's books are the venue's, no hole is left, everybody has the same positions, and the
// gateway has as much memory as it had when it was warm.
// PINION_SOAK_ORDERS makes it longer.
#include "gateway/support/trading.h"

namespace pinion::gateway_test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kRssGrowthMax = 512 << 10;  // KiB: the sanitizer keeps freed memory
#else
constexpr uint64_t kRssGrowthMax = 2 << 10;  // KiB: the allocator's of both threads, once
#endif

uint64_t orders_wanted() {
  const char* text = std::getenv("PINION_SOAK_ORDERS");
  return text == nullptr ? 10'000 : std::strtoull(text, nullptr, 10);
}

uint64_t rss_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  uint64_t kb = 0;
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) kb = std::stoull(line.substr(6));
  return kb;
}

class Soak : public e2e::World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (IsSkipped()) return;
    const uint64_t n = orders_wanted();
    config_.pinion_socket = socket_path();
    config_.directory = scratch_.path(".");
    config_.snapshot = false;
    config_.orders_per_s = 100'000;
    config_.self_trade = "off";
    config_.orders_per_day_max = static_cast<uint32_t>(2 * n + 10'000);
    config_.store_mb = static_cast<uint32_t>(64 + n / 1'000);
    config_.segment_mb = 64, config_.ring_mb = 64;
    config_.client = {"--count", std::to_string(n), "--rate", "12000", "--patience-s", "60"};
    config_.sim = {"--loss-a", "0.05", "--loss-b", "0.05", "--duplicate-a", "0.02",
                   "--duplicate-b", "0.02", "--reorder-a", "0.02", "--reorder-b", "0.02",
                   "--linger-s", "2", "--messages-max", std::to_string(16 * n + 1'000'000)};
  }

  void soak() {
    Trading t(config_);
    t.start_sim();
    t.start_gateway();
    t.start_client();
    ASSERT_FALSE(HasFatalFailure());
    const uint64_t n = orders_wanted();
    const int patience = static_cast<int>(60'000 + n);
    ASSERT_TRUE(e2e::within(patience, [&] {
      return t.status("desk").value("entered", uint64_t{0}) > n / 4;
    })) << t.ctl({"status"}).output;
    const uint64_t warm = rss_kb(t.gateway->pid());
    EXPECT_TRUE(t.client_says("twice=", patience)) << t.ctl({"status"}).output;
    EXPECT_EQ(t.client->end(0), 0) << t.client->output() << t.gateway->output();
    const uint64_t end = rss_kb(t.gateway->pid());
    EXPECT_LE(end, warm + kRssGrowthMax);
    // The end of the day is market data as well, and with it what the lines have lost comes again.
    EXPECT_EQ(t.sim->end(SIGTERM), 0);
    compare(t);
    std::printf("%s%sRSS %llu KiB warm, %llu at the end\n", t.client->output().c_str(),
                t.ctl({"status"}).output.c_str(), static_cast<unsigned long long>(warm),
                static_cast<unsigned long long>(end));
    EXPECT_EQ(t.gateway->end(SIGTERM), 0) << t.gateway->output();
    const e2e::Outcome journal =
        e2e::run({PINION_GATEWAYCTL, "journal", "verify", t.path("journal")}, patience);
    EXPECT_EQ(journal.status, 0) << journal.output;
  }

  static void compare(Trading& t) {
    const Positions client = Trading::positions_said(t.client->output());
    EXPECT_EQ(client.size(), 3u);
    EXPECT_EQ(client, t.gateway_positions());
    EXPECT_EQ(client, Trading::positions_said(t.sim->output()));
    EXPECT_EQ(t.status("desk").value("answers_unknown", -1), 0);
    EXPECT_EQ(t.status("desk").value("lost", -1), 0);
    EXPECT_EQ(t.status("journal").value("lost", -1), 0);
    EXPECT_EQ(t.status("journal").value("refused", -1), 0);
    const auto market = t.status("market_data");
    EXPECT_EQ(market.value("given_up", -1), 0) << market;
    EXPECT_GT(market.value("holes", 0), 0) << market;  // there was something to heal
    EXPECT_EQ(market.value("holes", 0), market.value("healed", -1)) << market;
    uint64_t sent = 0;
    const std::string said = t.sim->output();
    const size_t at = said.find("market data ");
    if (at != std::string::npos) sent = std::stoull(said.substr(at + 12));
    EXPECT_EQ(market.value("messages", uint64_t{0}), sent) << said;
    const auto levels = Trading::sim_levels(said);
    EXPECT_FALSE(levels.empty()) << said;
    EXPECT_EQ(t.gateway_levels(), levels);
  }

  const e2e::Scratch scratch_;
  TradingConfig config_;
};

TEST_F(Soak, OverTheKernel) { soak(); }

TEST_F(Soak, OverPinion) {
  config_.pinion = true;
  soak();
}

}  // namespace
}  // namespace pinion::gateway_test
