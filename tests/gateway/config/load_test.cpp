// Files that load, value by value: the example that ships with the project, the smallest one with
// all its defaults; pieces of files, which must not crash; and files that cannot be read.
#include "gateway/config/load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gateway/fix/time_zone.h"
#include "spoilt.h"

namespace pinion::gateway {
namespace {

std::string example_path() {
  return std::string(PINION_SOURCE_DIR) + "/apps/gateway/config/examples/gateway.yaml";
}

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class GatewayConfigExample : public ::testing::Test {
 protected:
  void SetUp() override {
    if (fix::TimeZone().load("America/New_York") != 0)
      GTEST_SKIP() << "no /usr/share/zoneinfo: package tzdata";
    ConfigErrors errors;
    ASSERT_EQ(load_file(example_path(), config_, errors), 0) << config::format_errors(errors);
    EXPECT_TRUE(errors.empty());
  }
  Config config_;
};

TEST_F(GatewayConfigExample, Process) {
  EXPECT_EQ(config_.instance, "gw-ny5-a");
  EXPECT_EQ(config_.stack.transport, Transport::attach);
  EXPECT_EQ(config_.stack.path, "/run/pinion/control.sock");
  const std::vector<NicAddress> nics = {
      {"orders", "10.20.0.5"}, {"md_a", "10.20.1.5"}, {"md_b", "10.20.2.5"}};
  EXPECT_EQ(config_.nics, nics);
  EXPECT_EQ(config_.cpu, 4);
  EXPECT_TRUE(config_.spin);
  EXPECT_EQ(config_.state_dir, "/var/lib/pinion-gateway");
  EXPECT_EQ(config_.orders_per_day_max, 1u << 20);
  EXPECT_EQ(config_.open_orders_max, 4096u);
  EXPECT_EQ(config_.journal.directory, "/var/lib/pinion-gateway/journal");
  EXPECT_EQ(config_.journal.segment_bytes, size_t{256} << 20);
  EXPECT_EQ(config_.journal.ring_bytes, size_t{16} << 20);
  EXPECT_EQ(config_.journal.sync, journal::Sync::every_ms);
  EXPECT_EQ(config_.journal.sync_every, 5 * kMilli);
  EXPECT_EQ(config_.journal.on_full, journal::OnFull::stop_trading);
  EXPECT_EQ(config_.metrics.listen, (Endpoint{"127.0.0.1", 9464}));
}

TEST_F(GatewayConfigExample, MarketData) {
  const MarketDataConfig& data = config_.venue.market_data;
  EXPECT_EQ(config_.venue.name, "nasdaq");
  ASSERT_EQ(data.lines.size(), 2u);
  EXPECT_EQ(data.lines[0].nic, "md_a");
  EXPECT_EQ(data.lines[0].address, "10.20.1.5");
  EXPECT_EQ(data.lines[0].group, "233.54.12.111");
  EXPECT_EQ(data.lines[0].source, "206.200.127.138");
  EXPECT_EQ(data.lines[0].port, 26477);
  EXPECT_EQ(data.lines[1].address, "10.20.2.5");
  EXPECT_EQ(data.lines[1].source, "");
  EXPECT_EQ(data.reorder_window_messages, 32'768u);
  EXPECT_EQ(data.gap_wait, 200 * kMicro);
  EXPECT_EQ(data.retransmit_servers, (std::vector<Endpoint>{{"206.200.131.1", 18300}}));
  EXPECT_EQ(data.retransmit_timeout, 50 * kMilli);
  EXPECT_EQ(data.retransmit_attempts, 3u);
  EXPECT_EQ(data.snapshot.server, (Endpoint{"206.200.130.5", 19300}));
  EXPECT_EQ(data.snapshot.user_env, "GLIMPSE_USER");
  EXPECT_EQ(data.snapshot.password_env, "GLIMPSE_PASSWORD");
  EXPECT_EQ(data.line_silence, 3 * kSecond);
  EXPECT_EQ(data.symbols, (std::vector<std::string>{"AAPL", "MSFT", "META"}));
  EXPECT_EQ(data.on_stale_book, OnStaleBook::reject_new);
}

TEST_F(GatewayConfigExample, OrderEntry) {
  const OrderEntryConfig& entry = config_.venue.order_entry;
  EXPECT_EQ(entry.server, (Endpoint{"206.200.121.231", 8003}));
  EXPECT_EQ(entry.nic, "orders");
  EXPECT_EQ(entry.address, "10.20.0.5");
  EXPECT_EQ(entry.username_env, "OUCH_USER");
  EXPECT_EQ(entry.password_env, "OUCH_PASSWORD");
  EXPECT_EQ(entry.firm, "ABCD");
  EXPECT_EQ(entry.heartbeat, kSecond);
  EXPECT_EQ(entry.peer_timeout, 15 * kSecond);
  EXPECT_EQ(entry.reconnect_first, 100 * kMilli);
  EXPECT_EQ(entry.reconnect_max, 5 * kSecond);
  EXPECT_EQ(entry.orders_per_s, 5'000);
  EXPECT_EQ(entry.burst_orders, 200);
}

TEST_F(GatewayConfigExample, Sessions) {
  ASSERT_EQ(config_.clients.size(), 2u);
  const ClientConfig& client = config_.clients[0];
  EXPECT_EQ(client.name, "client1");
  EXPECT_EQ(client.version, fix::Version::fix42);
  EXPECT_FALSE(client.drop_copy);
  EXPECT_EQ(client.nic, "orders");
  EXPECT_EQ(client.address, "10.20.0.5");
  EXPECT_EQ(client.port, 9878);
  EXPECT_EQ(client.sender_comp_id, "GATEWAY");
  EXPECT_EQ(client.target_comp_id, "CLIENT1");
  EXPECT_EQ(client.heartbeat_s, 30u);
  EXPECT_TRUE(client.schedule.set);
  EXPECT_EQ(client.schedule.zone, "America/New_York");
  EXPECT_EQ(client.schedule.start_s, 7 * 3600);
  EXPECT_EQ(client.schedule.end_s, 20 * 3600 + 15 * 60);
  EXPECT_FALSE(client.reset_on_logon);
  EXPECT_EQ(client.store_bytes, size_t{128} << 20);
  EXPECT_TRUE(client.cancel_on_disconnect);
  EXPECT_EQ(client.cancel_grace, 0);
  EXPECT_EQ(client.risk, "default");
  const ClientConfig& copy = config_.clients[1];
  EXPECT_TRUE(copy.drop_copy);
  EXPECT_FALSE(copy.cancel_on_disconnect);
  EXPECT_FALSE(copy.schedule.set);
  EXPECT_EQ(copy.risk, "");
}

TEST_F(GatewayConfigExample, RiskInTenThousandths) {
  EXPECT_EQ(config_.risk.revision, 17u);
  EXPECT_EQ(config_.risk.kill_file, "/var/lib/pinion-gateway/kill");
  EXPECT_TRUE(config_.risk.kill_cancels_open_orders);
  ASSERT_EQ(config_.risk.profiles.size(), 1u);
  const RiskProfile& profile = config_.risk.profiles[0];
  EXPECT_EQ(profile.name, "default");
  EXPECT_EQ(profile.restricted_symbols, (std::vector<std::string>{"GME"}));
  const risk::Limits& limits = profile.limits;
  EXPECT_EQ(limits.max_order_shares, 10'000);
  EXPECT_EQ(limits.max_order_notional, 5'000'000'000);
  EXPECT_EQ(limits.price_collar_bps, 500);
  EXPECT_EQ(limits.max_open_orders, 2'000u);
  EXPECT_EQ(limits.max_gross_open_notional, 200'000'000'000);
  EXPECT_EQ(limits.max_daily_traded_notional, 1'000'000'000'000);
  EXPECT_EQ(limits.max_position_shares_per_symbol, 50'000);
  EXPECT_EQ(limits.orders_per_s, 1'000);
  EXPECT_EQ(limits.burst_orders, 50);
  EXPECT_EQ(limits.duplicate_window_ms, 500);
  EXPECT_EQ(limits.max_identical_orders, 3u);
  EXPECT_TRUE(limits.self_trade_reject);
  EXPECT_TRUE(limits.short_sale_allowed);
  EXPECT_TRUE(limits.short_sale_require_locate);
  EXPECT_EQ(limits.reject_burst, 50u);
  EXPECT_EQ(limits.reject_burst_window_ms, 1'000);
}

// Every prefix ends with an answer; only what is cut at the very end may be good.
TEST_F(GatewayConfigExample, NoPrefixOfItIsTaken) {
  const std::string text = contents(example_path());
  for (size_t bytes = 0; bytes < text.find("\nmetrics:"); bytes += 7) {
    Config config;
    ConfigErrors errors;
    EXPECT_EQ(load_text(text.substr(0, bytes), "f", config, errors), -EINVAL) << bytes;
    EXPECT_FALSE(errors.empty()) << bytes;
    EXPECT_TRUE(config.state_dir.empty()) << bytes;  // untouched
  }
}

TEST(GatewayConfigLoad, DefaultsOfTheSmallest) {
  Config config;
  ConfigErrors errors;
  ASSERT_EQ(load_text(spoilt_file(""), "f", config, errors), 0) << shown(errors);
  EXPECT_EQ(config.instance, "gateway");
  EXPECT_EQ(config.stack.transport, Transport::kernel);
  EXPECT_EQ(config.stack.path, "");
  EXPECT_EQ(config.cpu, -1);
  EXPECT_TRUE(config.spin);
  EXPECT_EQ(config.orders_per_day_max, 1u << 20);
  EXPECT_EQ(config.open_orders_max, 4096u);
  const MarketDataConfig& data = config.venue.market_data;
  ASSERT_EQ(data.lines.size(), 1u);
  EXPECT_EQ(data.lines[0].address, "10.0.0.1");
  EXPECT_EQ(data.reorder_window_messages, 32'768u);
  EXPECT_EQ(data.gap_wait, 200 * kMicro);
  EXPECT_TRUE(data.retransmit_servers.empty());
  EXPECT_EQ(data.snapshot.server.port, 0);
  const OrderEntryConfig& entry = config.venue.order_entry;
  EXPECT_EQ(entry.address, "127.0.0.1");
  EXPECT_EQ(entry.orders_per_s, 5'000);
  ASSERT_EQ(config.clients.size(), 1u);
  EXPECT_FALSE(config.clients[0].schedule.set);
  EXPECT_TRUE(config.clients[0].cancel_on_disconnect);
  EXPECT_EQ(config.clients[0].heartbeat_s, 30u);
  EXPECT_EQ(config.clients[0].store_bytes, size_t{256} << 20);
  const risk::Limits& limits = config.risk.profiles[0].limits;
  EXPECT_EQ(limits.max_order_notional, 1000 * risk::kUnit);
  EXPECT_EQ(limits.duplicate_window_ms, 0);
  EXPECT_TRUE(limits.self_trade_reject);
  EXPECT_FALSE(limits.short_sale_allowed);
  EXPECT_EQ(limits.reject_burst, 0u);
  EXPECT_EQ(config.metrics.listen.port, 0);
}

TEST(GatewayConfigLoad, SessionsShareAListener) {
  Config config;
  ConfigErrors errors;
  const std::string text = spoilt_file(
      "  - {name: one, protocol: fix42, listen: {nic: lo, port: 1}, sender_comp_id: 'G W=1', "
      "target_comp_id: C1, risk: main}\n"
      "  - {name: two, protocol: fix44, listen: {nic: lo, port: 1}, sender_comp_id: 'G W=1', "
      "target_comp_id: C1, risk: main}\n"
      "  - {name: three, protocol: fix44_drop_copy, listen: {nic: lo, port: 65535}, "
      "sender_comp_id: 'G W=1', target_comp_id: C2}");
  ASSERT_EQ(load_text(text, "f", config, errors), 0) << shown(errors);
  ASSERT_EQ(config.clients.size(), 3u);
  EXPECT_EQ(config.clients[0].sender_comp_id, "G W=1");
  EXPECT_EQ(config.clients[1].version, fix::Version::fix44);
  EXPECT_TRUE(config.clients[2].drop_copy);
  EXPECT_EQ(config.clients[2].version, fix::Version::fix44);
  EXPECT_EQ(config.clients[2].port, 65'535);
}

TEST(GatewayConfigLoad, WordsThatYamlWouldSwallowStandInQuotes) {
  Config config;
  ConfigErrors errors;
  ASSERT_EQ(load_text(spoilt_file("      symbols: [\"ON\", BRK.A, T]"), "f", config, errors), 0)
      << shown(errors);
  EXPECT_EQ(config.venue.market_data.symbols, (std::vector<std::string>{"ON", "BRK.A", "T"}));
}

class GatewayConfigFile : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pinion-gateway-config-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string write(const std::string& text) {
    std::ofstream(dir_ + "/g.yaml") << text;
    return dir_ + "/g.yaml";
  }
  std::string dir_;
};

TEST_F(GatewayConfigFile, ThatCannotBeRead) {
  Config config;
  ConfigErrors errors;
  EXPECT_EQ(load_file(dir_ + "/none", config, errors), -ENOENT);
  EXPECT_EQ(config::format_errors(errors),
            dir_ + "/none:1:1: cannot be read: No such file or directory\n");
  EXPECT_EQ(load_file(dir_, config, errors), -EISDIR);
  RiskFileConfig risk;
  EXPECT_EQ(load_risk(dir_ + "/none", config, risk, errors), -ENOENT);
  EXPECT_EQ(errors.size(), 1u);
}

TEST_F(GatewayConfigFile, EmbeddedStacksFileStandsBesideIt) {
  Config config;
  ConfigErrors errors;
  std::string text = spoilt_file("stack: {embed: piniond.yaml}");
  text.replace(text.find("127.0.0.1"), 9, "10.0.0.2");
  ASSERT_EQ(load_file(write(text), config, errors), 0) << shown(errors);
  EXPECT_EQ(config.stack.transport, Transport::embed);
  EXPECT_EQ(config.stack.path, dir_ + "/piniond.yaml");
  text.replace(text.find("piniond.yaml"), 12, "/etc/p.yaml");
  ASSERT_EQ(load_file(write(text), config, errors), 0) << shown(errors);
  EXPECT_EQ(config.stack.path, "/etc/p.yaml");
}

// What runs is small_file(); then the file is changed and read again.
class GatewayConfigReload : public GatewayConfigFile {
 protected:
  void SetUp() override {
    GatewayConfigFile::SetUp();
    ConfigErrors errors;
    ASSERT_EQ(load_file(write(spoilt_file("")), running_, errors), 0) << shown(errors);
  }
  std::string reload(const std::string& text, RiskFileConfig& out) {
    ConfigErrors errors;
    const int status = load_risk(write(text), running_, out, errors);
    EXPECT_EQ(status, errors.empty() ? 0 : -EINVAL);
    return shown(errors);
  }
  static std::string next(const std::string& spoilt) {
    std::string text = spoilt_file(spoilt);
    const std::string old = "file_revision: 1";
    text.replace(text.find(old), old.size(), "file_revision: 2");
    return text;
  }
  Config running_;
};

TEST_F(GatewayConfigReload, RiskChanges) {
  RiskFileConfig risk;
  EXPECT_EQ(reload(next("      max_order_shares: 50"), risk), "");
  EXPECT_EQ(risk.revision, 2u);
  ASSERT_EQ(risk.profiles.size(), 1u);
  EXPECT_EQ(risk.profiles[0].limits.max_order_shares, 50);
  EXPECT_EQ(
      reload(next("  kill_switch: {file: /var/lib/gw/kill, cancel_open_orders: false}"), risk), "");
  EXPECT_FALSE(risk.kill_cancels_open_orders);
}

TEST_F(GatewayConfigReload, NothingElseDoes) {
  const std::string tail =
      "; expected what runs: only 'risk' is reloaded, the rest needs a restart";
  const std::vector<BadLine> lines = {
      {"instance: other", "27:1: 'instance' differs from what runs" + tail},
      {"stack: {kernel: sockets}\ncpu: 3", "3:1: 'cpu' differs from what runs" + tail},
      {"stack: {kernel: sockets}\nspin: false", "3:1: 'spin' differs from what runs" + tail},
      {"state_dir: /var/lib/gw2", "4:1: 'state_dir' differs from what runs" + tail},
      {"open_orders_max: 100", "27:1: 'open_orders_max' differs from what runs" + tail},
      {"orders_per_day_max: 5000", "27:1: 'orders_per_day_max' differs from what runs" + tail},
      {"nics: {lo: 127.0.0.2, md: 10.0.0.1}",
       "3:1: 'nics' differs from what runs" + tail + "\n5:1: 'venues' differs from what runs" +
           tail + "\n11:1: 'sessions' differs from what runs" + tail},
      {"      symbols: [AAPL]", "5:1: 'venues' differs from what runs" + tail},
      {"journal: {dir: /var/lib/gw/journal, segment_mb: 1}",
       "26:1: 'journal' differs from what runs" + tail},
      {"metrics: {listen: \"127.0.0.1:1\"}", "27:1: 'metrics' differs from what runs" + tail},
      {"  kill_switch: {file: /tmp/kill}",
       "25:23: 'file' of the kill switch differs from what runs; expected '/var/lib/gw/kill': "
       "another one needs a restart"},
      {"      max_order_shares: 0",
       "17:25: 'max_order_shares' is '0'; expected a number from 1 to 999999"},
  };
  for (const BadLine& line : lines) {
    RiskFileConfig risk;
    EXPECT_EQ(reload(next(line.text), risk), line.errors) << line.text;
    EXPECT_EQ(risk.revision, 0u);  // untouched
  }
}

TEST_F(GatewayConfigReload, StackDiffers) {
  running_.stack = {};
  RiskFileConfig risk;
  EXPECT_EQ(reload(next(""), risk),
            "2:1: 'stack' differs from what runs; expected what runs: only 'risk' is reloaded, the "
            "rest needs a restart");
}

TEST_F(GatewayConfigReload, RevisionMustRise) {
  RiskFileConfig risk;
  EXPECT_EQ(reload(spoilt_file("      max_order_shares: 50"), risk),
            "14:18: 'file_revision' 1 is not above that which runs, 1; expected a higher one with "
            "every change");
}

}  // namespace
}  // namespace pinion::gateway
