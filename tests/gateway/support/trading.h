// The gateway, its client and its venue as the programs that they are, in the namespaces of an
// e2e::World: over the kernel's loopback, or the gateway over piniond with the others behind the
// wire. Each can be killed and started again; what they say at the end is compared.
#pragma once
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "e2e/world.h"

namespace pinion::gateway_test {

using e2e::Program;
using Strings = std::vector<std::string>;

struct TradingConfig {
  bool pinion = false;
  std::string pinion_socket = {};
  std::string directory = {};  // of this test, empty
  Strings sim = {}, client = {};  // options
  bool snapshot = true;
  std::string self_trade = "reject_new", fix = "fix42";
  std::string cancel_on_disconnect = "{enabled: false}", schedule = {};
  bool drop_copy = false;  // a second session, port 9879
  uint32_t orders_per_s = 5'000, store_mb = 32, orders_per_day_max = 200'000;
  uint32_t segment_mb = 16, ring_mb = 8, price_collar_bps = 500;
};

using Positions = std::map<std::string, int64_t>;
using Level = std::tuple<std::string, std::string, uint64_t, uint64_t, uint64_t>;

class Trading {
 public:
  explicit Trading(TradingConfig config) : config_(std::move(config)) {
    setenv("PINION_TEST_USER", "USER01", 1);
    setenv("PINION_TEST_PASSWORD", "PASSWORD", 1);
    std::ofstream(path("gateway.yaml")) << configuration();
  }

  void start_sim() {
    Strings arguments = {PINION_EXCHANGE_SIM, "--bind", other_ip(), "--symbols", "AAPL,MSFT,META",
                         "--log", path("venue.log")};
    arguments.insert(arguments.end(), config_.sim.begin(), config_.sim.end());
    sim = std::make_unique<Program>(arguments);
    ASSERT_TRUE(sim->says("ready ouch")) << sim->output();
  }
  void start_gateway() {
    gateway = std::make_unique<Program>(
        Strings{PINION_GATEWAY, "--config", path("gateway.yaml")});
    ASSERT_TRUE(gateway->says(" ready, ")) << gateway->output();
  }
  void start_client() {
    Strings arguments = client_arguments(9878);
    arguments.insert(arguments.end(), config_.client.begin(), config_.client.end());
    client = std::make_unique<Program>(arguments);
  }
  void start_drop_copy() {
    Strings arguments = client_arguments(9879);
    // Who only listens learns by a heartbeat that the other end's machine forgot the connection.
    arguments.insert(arguments.end(), {"--sender", "COPY1", "--watch", "--heartbeat-s", "1"});
    drop_copy = std::make_unique<Program>(arguments);
  }

  e2e::Outcome ctl(Strings arguments) {
    arguments.insert(arguments.begin(),
                     {PINION_GATEWAYCTL, "--json", "--state-dir", path("state")});
    return e2e::run(arguments);
  }
  // The rows (or facts) of a title.
  std::vector<nlohmann::json> rows(const Strings& command, const std::string& title) {
    std::vector<nlohmann::json> out;
    std::istringstream lines(ctl(command).output);
    for (std::string line; std::getline(lines, line);) {
      const auto row = nlohmann::json::parse(line, nullptr, false);
      if (row.is_discarded()) continue;
      if (row.value("row", "") == title || row.value("facts", "") == title) out.push_back(row);
    }
    return out;
  }
  nlohmann::json status(const std::string& title) {
    const auto all = rows({"status"}, title);
    return all.empty() ? nlohmann::json::object() : all[0];
  }
  bool trading() { return status("gateway").value("state", "") == "trading"; }
  bool until_trading() { return e2e::within(e2e::kPatienceMs, [&] { return trading(); }); }

  // Longer than says() waits for a word.
  bool client_says(const std::string& text, int ms) {
    const int64_t end = e2e::now_ms() + ms;
    while (!client->says(text))
      if (e2e::now_ms() > end || kill(client->pid(), 0) != 0) return false;
    return true;
  }

  // "... position AAPL 12" of a program's output.
  static Positions positions_said(const std::string& output) {
    Positions out;
    std::istringstream lines(output);
    for (std::string line, word, symbol; std::getline(lines, line);) {
      std::istringstream words(line);
      int64_t shares = 0;
      if (words >> word >> symbol >> shares && word == "position") out[symbol] = shares;
    }
    return out;
  }
  Positions gateway_positions() {
    Positions out;
    for (const auto& row : rows({"positions"}, "positions"))
      out[row["symbol"]] = row["position"];
    return out;
  }
  // The best levels: symbol, side, orders, shares, price.
  static std::vector<Level> sim_levels(const std::string& output) {
    std::vector<Level> out;
    std::istringstream lines(output);
    for (std::string line, word, symbol, side; std::getline(lines, line);) {
      std::istringstream words(line);
      uint64_t orders = 0, shares = 0, price = 0;
      if (words >> word >> symbol >> side >> orders >> shares >> price && word == "book")
        out.emplace_back(symbol, side, orders, shares, price);
    }
    return out;
  }
  std::vector<Level> gateway_levels() {
    std::vector<Level> out;
    for (const std::string symbol : {"AAPL", "MSFT", "META"}) {
      for (const std::string side : {"bid", "ask"}) {
        for (const auto& row : rows({"book", symbol}, "levels")) {
          std::string price = row[side];
          std::erase(price, '.');
          if (row[side + "_orders"] != 0)
            out.emplace_back(symbol, side, row[side + "_orders"], row[side + "_shares"],
                             std::stoull(price));
        }
      }
    }
    return out;
  }

  std::string path(const std::string& name) const { return config_.directory + "/" + name; }
  // Where the gateway listens.
  std::string own_ip() const { return config_.pinion ? e2e::kPinionIp : "127.0.0.1"; }

  std::unique_ptr<Program> sim, gateway, client, drop_copy;

 private:
  Strings client_arguments(int port) const {
    Strings out = {PINION_FIX_CLIENT, "--connect", own_ip() + ":" + std::to_string(port), "--bind",
                   other_ip(), "--retransmit", other_ip() + ":18300", "--version", config_.fix,
                   "--store-mb", std::to_string(config_.store_mb)};
    if (config_.snapshot) out.insert(out.end(), {"--snapshot", other_ip() + ":19300"});
    return out;
  }

  std::string other_ip() const { return config_.pinion ? e2e::kKernelIp : "127.0.0.1"; }

  // The journal is not synced: a process dies here, not the machine, and another one's writing may
  // hold up the disk for longer than any ring.
  std::string configuration() const {
    const std::string stack =
        config_.pinion ? "{attach: " + config_.pinion_socket + "}" : "{kernel: sockets}";
    std::ostringstream out;
    out << "version: 1\ninstance: test\nstack: " << stack << "\nnics: {nic: " << own_ip()
        << "}\nspin: false\nstate_dir: " << path("state") << "\nopen_orders_max: 4096\n"
        << "orders_per_day_max: " << config_.orders_per_day_max << "\n"
        << "venues:\n  - name: sim\n    market_data:\n      protocol: itch50_moldudp64\n"
        << "      lines:\n        - {nic: nic, group: 239.192.1.1, port: 26477}\n"
        << "        - {nic: nic, group: 239.192.1.2, port: 26477}\n"
        << "      retransmit: {servers: [\"" << other_ip() << ":18300\"], timeout_ms: 20, "
        << "attempts: 100}\n";
    if (config_.snapshot)
      out << "      snapshot: {protocol: glimpse50, server: \"" << other_ip()
          << ":19300\", user_env: PINION_TEST_USER, password_env: PINION_TEST_PASSWORD}\n";
    out << "      symbols: [AAPL, MSFT, META]\n    order_entry:\n"
        << "      protocol: ouch50_soupbintcp3\n      server: \"" << other_ip() << ":8003\"\n"
        << "      nic: nic\n      username_env: PINION_TEST_USER\n"
        << "      password_env: PINION_TEST_PASSWORD\n      firm: SIM1\n"
        << "      reconnect: {first_ms: 20, max_ms: 200}\n"
        << "      throttle: {orders_per_s: " << config_.orders_per_s << ", burst_orders: 1000}\n"
        << "sessions:\n  - {name: client1, protocol: " << config_.fix << ",\n"
        << "     listen: {nic: nic, port: 9878},\n"
        << "     sender_comp_id: GATEWAY, target_comp_id: CLIENT1, risk: default,\n"
        << "     store_mb: " << config_.store_mb << ",\n"
        << "     cancel_on_disconnect: " << config_.cancel_on_disconnect
        << (config_.schedule.empty() ? "" : ", schedule: ") << config_.schedule << "}\n";
    if (config_.drop_copy)
      out << "  - {name: copy1, protocol: " << config_.fix << "_drop_copy,\n"
          << "     listen: {nic: nic, port: 9879},\n"
          << "     sender_comp_id: GATEWAY, target_comp_id: COPY1,\n"
          << "     store_mb: " << config_.store_mb
          << (config_.schedule.empty() ? "" : ", schedule: ") << config_.schedule << "}\n";
    out << "risk:\n  file_revision: 1\n  profiles:\n    default:\n"
        << "      max_order_shares: 10000\n      max_order_notional_usd: 500000\n"
        << "      price_collar_bps: " << config_.price_collar_bps
        << "\n      max_open_orders: 2000\n"
        << "      max_gross_open_notional_usd: 200000000\n"
        << "      max_daily_traded_notional_usd: 1000000000000\n"
        << "      max_position_shares_per_symbol: 100000000\n"
        << "      rate: {orders_per_s: 100000, burst_orders: 1000}\n"
        << "      self_trade: " << config_.self_trade << "\n"
        << "      short_sale: {allowed: true, require_locate: true}\n"
        << "  kill_switch: {file: " << path("kill") << ", cancel_open_orders: true}\n"
        << "journal: {dir: " << path("journal") << ", segment_mb: " << config_.segment_mb
        << ", ring_mb: " << config_.ring_mb << ", sync: never}\n";
    return out.str();
  }

  TradingConfig config_;
};

}  // namespace pinion::gateway_test
