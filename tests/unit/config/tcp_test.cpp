// The section `tcp`: defaults, every key, ranges, and timeouts that must be in order.
#include <gtest/gtest.h>

#include "config/config.h"
#include "expect_errors.h"

namespace pinion::config {
namespace {

Config load_good(const std::string& text) {
  Config config;
  std::vector<ConfigError> errors;
  EXPECT_EQ(load(spoilt_file(text), "f", config, errors), 0) << format_errors(errors);
  return config;
}

TEST(ConfigTcp, DefaultsAreTheOnesOfTheReadme) {
  const Config config = load_good("");
  EXPECT_EQ(config.tcp.connections_max, 4096u);
  EXPECT_EQ(config.tcp.initial_rto_ms, 1000u);
  EXPECT_EQ(config.tcp.min_rto_ms, 5u);
  EXPECT_EQ(config.tcp.delayed_ack_us, 20u);
  EXPECT_FALSE(config.tcp.nagle);
  EXPECT_EQ(config.tcp.congestion, Congestion::cubic);
  EXPECT_EQ(config.tcp.receive_buffer_bytes, 262144u);
  EXPECT_EQ(config.tcp.keepalive_s, 0u);
  EXPECT_TRUE(config.tcp.syn_cookies);
}

TEST(ConfigTcp, EveryKeyArrives) {
  const Tcp tcp =
      load_good(
          "tcp: {connections_max: 7, initial_rto_ms: 200, min_rto_ms: 1, max_rto_ms: 3000,\n"
          "  delayed_ack_us: 40000, nagle: true, congestion: newreno, msl_s: 30,\n"
          "  fin_wait_2_s: 5, receive_buffer_bytes: 4096, keepalive_s: 60,\n"
          "  keepalive_interval_s: 10, keepalive_count: 3, user_timeout_s: 20,\n"
          "  connect_timeout_s: 8, syn_queue_max: 9, syn_cookies: false,\n"
          "  listen_backlog_max: 10, min_mss_bytes: 536}\n")
          .tcp;
  EXPECT_EQ(tcp.connections_max, 7u);
  EXPECT_EQ(tcp.initial_rto_ms, 200u);
  EXPECT_EQ(tcp.min_rto_ms, 1u);
  EXPECT_EQ(tcp.max_rto_ms, 3000u);
  EXPECT_EQ(tcp.delayed_ack_us, 40000u);
  EXPECT_TRUE(tcp.nagle);
  EXPECT_EQ(tcp.congestion, Congestion::newreno);
  EXPECT_EQ(tcp.msl_s, 30u);
  EXPECT_EQ(tcp.fin_wait_2_s, 5u);
  EXPECT_EQ(tcp.receive_buffer_bytes, 4096u);
  EXPECT_EQ(tcp.keepalive_s, 60u);
  EXPECT_EQ(tcp.keepalive_interval_s, 10u);
  EXPECT_EQ(tcp.keepalive_count, 3u);
  EXPECT_EQ(tcp.user_timeout_s, 20u);
  EXPECT_EQ(tcp.connect_timeout_s, 8u);
  EXPECT_EQ(tcp.syn_queue_max, 9u);
  EXPECT_FALSE(tcp.syn_cookies);
  EXPECT_EQ(tcp.listen_backlog_max, 10u);
  EXPECT_EQ(tcp.min_mss_bytes, 536u);
}

TEST(ConfigTcp, ValuesOutOfRange) {
  expect_errors({
      {"tcp: {delayed_ack_us: 500000}",
       "4:23: 'delayed_ack_us' is '500000'; expected a number from 0 to 499999"},
      {"tcp: {connections_max: 0}",
       "4:24: 'connections_max' is '0'; expected a number from 1 to 65536"},
      {"tcp: {congestion: bbr}", "4:19: 'congestion' is 'bbr'; expected one of: newreno, cubic"},
      {"tcp: {msl: 3}", "4:7: unknown key 'msl' in 'tcp'; did you mean 'msl_s'?"},
  });
}

TEST(ConfigTcp, TimeoutsAreInOrder) {
  expect_errors({
      {"tcp: {min_rto_ms: 300, initial_rto_ms: 200}",
       "4:19: 'min_rto_ms' 300 is over 'initial_rto_ms' 200; expected at most as much"},
      {"tcp: {max_rto_ms: 500}",
       "4:19: 'initial_rto_ms' 1000 is over 'max_rto_ms' 500; expected at most as much"},
  });
}

}  // namespace
}  // namespace pinion::config
