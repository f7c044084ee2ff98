// Kill -9 of the gateway, of piniond and of the venue, at moments from a seed, while a client
// trades. Each is started again, and everybody goes on from what they know: the client by FIX
// resends, the gateway from its journal, the venue from its log. At the end nothing is missing,
// nothing came twice, and all have the same positions: a drop copy as well, which got each report.
// PINION_KILL_ROUNDS and PINION_KILL_SEED make it longer and other.
#include "gateway/support/trading.h"

#include <ctime>

#include "base/rng.h"

namespace pinion::gateway_test {
namespace {

uint64_t number_of(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// A schedule of whole days, none of which ends soon.
std::string day_from_noon_to_noon() {
  const std::string hour = std::to_string((std::time(nullptr) / 3600 + 12) % 24);
  const std::string at = '"' + std::string(2 - hour.size(), '0') + hour + ":00:00\"";
  return "{zone: UTC, start: " + at + ", end: " + at + "}";
}

class Kill : public e2e::World {
 protected:
  void kill_them(bool pinion) {
    const e2e::Scratch scratch;
    const uint64_t seed = number_of("PINION_KILL_SEED", 1);
    SCOPED_TRACE("PINION_KILL_SEED=" + std::to_string(seed) + " in " + scratch.path(""));
    TradingConfig config;
    config.pinion = pinion, config.pinion_socket = socket_path();
    config.directory = scratch.path(".");
    config.sim = {"--seed", std::to_string(seed), "--loss-a", "0.05", "--loss-b", "0.05"};
    config.client = {"--seed", std::to_string(seed), "--rate", "1000"};
    if (seed % 2 == 0) config.fix = "fix44";
    if (seed / 2 % 2 == 0) config.cancel_on_disconnect = "{enabled: true, grace_ms: 50}";
    config.drop_copy = true;
    if (seed % 3 == 1) config.schedule = day_from_noon_to_noon();
    Trading t(config);
    t.start_sim();
    t.start_gateway();
    t.start_client();
    t.start_drop_copy();
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_TRUE(t.client_says("logged on", e2e::kPatienceMs)) << t.gateway->output();
    Rng rng(seed);
    for (uint64_t round = 0; round < number_of("PINION_KILL_ROUNDS", 8); ++round) {
      kill_one(t, rng);
      if (HasFatalFailure()) return;
    }
    ASSERT_TRUE(t.until_trading()) << t.ctl({"status"}).output << t.gateway->output();
    compare(t);
  }

  // The moment is anywhere in trading, or in the recovery from the death before.
  void kill_one(Trading& t, Rng& rng) {
    if (rng.below(2) == 0) {
      ASSERT_TRUE(t.until_trading()) << t.ctl({"status"}).output << t.gateway->output();
    }
    const timespec moment{0, static_cast<long>(rng.below(200'000'000))};
    nanosleep(&moment, nullptr);
    switch (rng.below(pinion_dies_ ? 3 : 2)) {
      case 0:
        EXPECT_EQ(t.gateway->end(SIGKILL), 128 + SIGKILL) << t.gateway->output();
        return t.start_gateway();
      case 1:
        EXPECT_EQ(t.sim->end(SIGKILL), 128 + SIGKILL) << t.sim->output();
        return t.start_sim();
      default:
        kill_and_restart();
        // Without its network the gateway ends, and whoever looks after it starts it again.
        EXPECT_EQ(t.gateway->end(0), 1) << t.gateway->output();
        if (!HasFatalFailure()) t.start_gateway();
    }
  }

  static void compare(Trading& t) {
    kill(t.client->pid(), SIGTERM);
    EXPECT_TRUE(t.client_says("twice=", 40'000));
    EXPECT_EQ(t.client->end(0), 0) << t.client->output() << t.gateway->output();
    const Positions client = Trading::positions_said(t.client->output());
    EXPECT_EQ(client.size(), 3u) << t.client->output();
    EXPECT_EQ(client, t.gateway_positions());
    EXPECT_EQ(t.status("desk").value("answers_unknown", -1), 0);
    EXPECT_EQ(t.status("journal").value("lost", -1), 0);
    EXPECT_EQ(t.status("gateway").value("open", -1), 0);
    EXPECT_TRUE(copy_has_all(t)) << t.ctl({"sessions"}).output;
    kill(t.drop_copy->pid(), SIGTERM);  // it listens until the gateway says that this was all
    EXPECT_EQ(t.gateway->end(SIGTERM), 0) << t.gateway->output();
    EXPECT_EQ(t.drop_copy->end(0), 0) << t.drop_copy->output();
    EXPECT_EQ(client, Trading::positions_said(t.drop_copy->output()));
    EXPECT_EQ(reports(t.drop_copy->output()), reports(t.client->output()))
        << t.drop_copy->output() << t.client->output();
    EXPECT_EQ(t.sim->end(SIGTERM), 0) << t.sim->output();
    EXPECT_EQ(client, Trading::positions_said(t.sim->output())) << t.sim->output();
    for (const char* none : {" 0 repeats,", " 0 malformed"})
      EXPECT_NE(t.sim->output().find(none), std::string::npos) << t.sim->output();
    const e2e::Outcome journal =
        e2e::run({PINION_GATEWAYCTL, "journal", "verify", t.path("journal")});
    EXPECT_EQ(journal.status, 0) << journal.output;
    std::printf("%s%s", t.client->output().c_str(), journal.output.c_str());
  }

  // A gateway that stops ends its sessions, also one that still catches up after a logon.
  static bool copy_has_all(Trading& t) {
    const std::string all = std::to_string(reports(t.client->output()));
    return t.drop_copy->says("fix-client: " + all + " reports\n");
  }
  static uint64_t reports(const std::string& output) {
    const size_t at = output.find("reports=");
    return at == std::string::npos ? 0 : std::stoull(output.substr(at + 8));
  }

  bool pinion_dies_ = false;
};

TEST_F(Kill, OverTheKernel) { kill_them(false); }

TEST_F(Kill, OverPinion) {
  pinion_dies_ = true;
  kill_them(true);
}

}  // namespace
}  // namespace pinion::gateway_test
