// MarketData over kernel sockets against the simulator's program, in a namespace: lines that lose,
// reorder and delay, requests that are lost, snapshots, lines that die, a source that is filtered.
#include "gateway/market/market_data.h"

#include <ctime>
#include <memory>

#include "gateway/support/simulator.h"
#include "exchange-sim/venue.h"
#include "gateway/net/kernel_network.h"

namespace pinion::market {
namespace {

using exchange::enter_namespace;
using exchange::monotonic_now;
using exchange::Simulator;
using moldudp64::ReceiverState;

gateway::Endpoint endpoint_of(const sockaddr_in& at) {
  const std::string text = exchange::to_text(at);
  return {text.substr(0, text.find(':')), ntohs(at.sin_port)};
}

gateway::LineConfig line_of(const sockaddr_in& at) {
  const gateway::Endpoint to = endpoint_of(at);
  return {.nic = "lo", .address = "127.0.0.1", .group = to.ip, .source = "", .port = to.port};
}

gateway::MarketDataConfig config_for(Simulator& simulator) {
  gateway::MarketDataConfig config;
  config.lines = {line_of(simulator.places["a"]), line_of(simulator.places["b"])};
  config.retransmit_servers = {endpoint_of(simulator.places["retransmit"])};
  config.retransmit_timeout = 20 * kMilli;
  config.retransmit_attempts = 100;
  config.symbols = {"AAPL", "MSFT"};
  return config;
}

gateway::MarketDataConfig with_snapshots(Simulator& simulator) {
  gateway::MarketDataConfig config = config_for(simulator);
  config.snapshot.server = endpoint_of(simulator.places["glimpse"]);
  return config;
}

// A gateway's market side with its own network.
struct Participant {
  explicit Participant(const gateway::MarketDataConfig& config,
                       const SnapshotLogin& login = {"user01", "PASSWORD"})
      : market(config, login, network,
               {.orders_max = 100'000,
                .kept_messages_max = 100'000,
                .pace = {.first = 50 * kMilli, .max = kSecond}}) {
    opened = market.open();
    EXPECT_EQ(opened, 0) << market.error();
  }
  void poll() {
    market.poll(monotonic_now());
    EXPECT_GE(network.poll(), 0);
    market.take_stale([&](size_t i) { ++went_stale[i]; });
  }
  bool all_fresh() const { return market.fresh("AAPL") && market.fresh("MSFT"); }
  MarketDataStatus status() const { return market.status(monotonic_now()); }

  gateway::KernelNetwork network{{.streams_max = 8}};
  MarketData market;
  int opened = -1;
  int went_stale[2] = {};
};

// Until the condition holds; all of them are polled meanwhile.
template <class Condition>
bool poll_until(const std::vector<Participant*>& all, const Condition& condition) {
  const timespec nap{0, 100'000};
  for (const Nanos end = monotonic_now() + 30 * kSecond; !condition(); nanosleep(&nap, nullptr)) {
    if (monotonic_now() > end) return false;
    for (Participant* p : all) p->poll();
  }
  return true;
}

void expect_equal(const Participant& x, const Participant& y) {
  for (size_t i = 0; i < 2; ++i) {
    const book::Book &a = *x.market.book(i), &b = *y.market.book(i);
    for (const auto side : {&book::Book::bids, &book::Book::asks}) {
      const book::Levels &p = a.*side, &q = b.*side;
      ASSERT_EQ(p.size(), q.size());
      ASSERT_GT(p.size(), 0u) << "nothing was traded";
      for (size_t k = 0; k < p.size(); ++k) ASSERT_EQ(p.at(k), q.at(k)) << i << " " << k;
    }
  }
}

std::vector<std::string> options(std::vector<std::string> more) {
  std::vector<std::string> out = {"--symbols",  "AAPL,MSFT", "--traders-per-s", "2000",
                                  "--linger-s", "3",         "--heartbeat-s",   "0.1",
                                  "--seed",     "17",        "--messages-max",  "1000000"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

// The books of a day that was healed from its first message, and of one that was joined late by a
// snapshot, are the same.
TEST(MarketOverLoopback, BadLinesHealAndALateOneJoinsBySnapshot) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  Simulator simulator(options({"--loss-a", "0.2", "--loss-b", "0.2", "--reorder-a", "0.1",
                               "--reorder-b", "0.1", "--duplicate-b", "0.1", "--delay-b-us",
                               "300", "--retransmit-loss", "0.3"}));
  Participant p(config_for(simulator));
  ASSERT_TRUE(poll_until({&p}, [&] { return p.status().stream.delivered > 3'000; }));
  Participant late(with_snapshots(simulator));
  ASSERT_TRUE(poll_until({&p, &late}, [&] {
    return late.all_fresh() && p.all_fresh() && p.status().stream.delivered > 8'000;
  }));
  EXPECT_TRUE(p.market.market(0).live && p.market.market(0).trading);
  EXPECT_LT(p.market.market(0).bid, p.market.market(0).ask);
  EXPECT_TRUE(late.market.market(1).trading);
  simulator.interrupt();
  ASSERT_TRUE(poll_until({&p, &late}, [&] { return p.status().ended && late.status().ended; }));
  for (const Participant* each : {&p, &late}) {
    const MarketDataStatus s = each->status();
    EXPECT_EQ(s.stream.given_up, 0u);
    EXPECT_EQ(s.stream.missed, 0u);
    EXPECT_EQ(s.stale_books, 0u);
    EXPECT_GT(s.stream.requests, 0u) << "the lines were better than ordered";
    EXPECT_EQ(s.requests_unsent, 0u);
    for (const auto& line : s.line) {
      EXPECT_FALSE(line.silent);
      EXPECT_GT(line.counters.won, 0u);
      EXPECT_GT(line.counters.lost, 0u);
      EXPECT_GT(line.counters.gaps, 0u);
      EXPECT_EQ(line.counters.malformed + line.counters.too_far, 0u);
    }
  }
  EXPECT_EQ(p.status().snapshots.attempts, 0u);
  EXPECT_GE(late.status().snapshots_merged, 1u);
  EXPECT_GT(p.went_stale[0], 0) << "what was lost on both lines made them stale for a while";
  expect_equal(p, late);
}

// Nobody answers re-requests, so a hole can only be given up, and a snapshot heals.
TEST(MarketOverLoopback, AHopelessHoleIsHealedByASnapshot) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  Simulator simulator(options({"--retransmit-loss", "1"}));
  gateway::MarketDataConfig config = with_snapshots(simulator);
  config.retransmit_attempts = 2;
  config.retransmit_timeout = 5 * kMilli;
  Participant p(config);
  ASSERT_TRUE(poll_until({&p}, [&] { return p.all_fresh(); }));
  const uint64_t merged = p.status().snapshots_merged;
  simulator.command("lose 20");
  ASSERT_TRUE(poll_until({&p}, [&] {
    return p.status().stream.given_up > 0 && p.all_fresh() && p.status().snapshots_merged > merged;
  }));
  EXPECT_GT(p.went_stale[0], 0);
  Participant late(config);
  ASSERT_TRUE(poll_until({&p, &late}, [&] { return late.all_fresh(); }));
  simulator.interrupt();
  ASSERT_TRUE(poll_until({&p, &late}, [&] { return p.status().ended && late.status().ended; }));
  expect_equal(p, late);
}

TEST(MarketOverLoopback, OneLineDiesThenTheVenue) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  Simulator simulator(options({"--loss-b", "1"}));
  gateway::MarketDataConfig config = config_for(simulator);
  config.line_silence = kSecond;
  Participant p(config);
  ASSERT_TRUE(poll_until({&p}, [&] { return p.all_fresh(); }));
  MarketDataStatus s = p.status();
  EXPECT_FALSE(s.line[0].silent);
  EXPECT_TRUE(s.line[1].silent);
  simulator.kill_now();
  ASSERT_TRUE(poll_until({&p}, [&] { return p.market.stream().silent(); }));
  s = p.status();
  EXPECT_TRUE(s.line[0].silent);
  EXPECT_TRUE(p.went_stale[0] > 0 && p.went_stale[1] > 0);
  EXPECT_EQ(s.stale_books, 2u);
  EXPECT_FALSE(p.market.market(0).live);
  EXPECT_EQ(p.market.book(0)->stale & ~book::kBehind, book::kSilent);
}

// Line A is joined from a station that is not the venue. Each packet leaves on A before it does on
// B, so what B has brought would be there.
TEST(MarketOverLoopback, AnotherSourceIsFilteredOut) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  Simulator simulator(options({}));
  gateway::MarketDataConfig config = config_for(simulator);
  config.lines[0].source = "127.0.0.9";
  config.lines[1].source = "127.0.0.1";
  Participant p(config);
  ASSERT_TRUE(poll_until({&p}, [&] { return p.status().line[1].counters.packets > 100; }));
  EXPECT_EQ(p.status().line[0].counters.packets, 0u);
}

TEST(MarketOverLoopback, AWrongPasswordIsToldAndNotTriedAgain) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  Simulator simulator(options({}));
  Participant p(with_snapshots(simulator), {"user01", "WRONG"});
  ASSERT_TRUE(poll_until({&p}, [&] { return p.status().snapshot_login_refused; }));
  EXPECT_EQ(p.status().snapshots.attempts, 1u);
  EXPECT_EQ(p.status().stale_books, 2u);
}

TEST(MarketOverLoopback, WhatCannotBeJoinedIsSaid) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  gateway::MarketDataConfig config;
  config.lines = {{"md_a", "10.1.2.3", "239.192.1.1", "", 26477}};
  config.symbols = {"AAPL"};
  gateway::KernelNetwork network{{.streams_max = 2}};
  MarketData market(config, {}, network, {.orders_max = 16, .kept_messages_max = 16});
  EXPECT_LT(market.open(), 0);
  for (const char* word : {"lines[0]", "239.192.1.1:26477", "md_a", "10.1.2.3"}) {
    EXPECT_NE(market.error().find(word), std::string::npos) << market.error();
  }
}

}  // namespace
}  // namespace pinion::market
