// QuickFIX against the session layer: every acceptance definition of FIX 4.2 and 4.4, and a client
// on its library that dies in the middle of its orders and comes back.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "e2e/world.h"
#include "gateway/support/trading.h"

namespace pinion::e2e {
namespace {

using QuickFixSuite = World;
using QuickFixClient = World;
using QuickFixTrade = World;

constexpr int64_t kSuitePatienceMs = 240'000;
const std::string kLoopback = "127.0.0.1";

std::unique_ptr<Program> start_echo(const std::vector<std::string>& more) {
  std::vector<std::string> all = {PINION_FIX_ECHO};
  all.insert(all.end(), more.begin(), more.end());
  auto echo = std::make_unique<Program>(all);
  EXPECT_TRUE(echo->says("ready on port")) << echo->output();
  return echo;
}

std::vector<std::string> definitions(const std::string& version) {
  std::vector<std::string> found;
  const std::string dir =
      std::string(PINION_QUICKFIX_SOURCE) + "/test/definitions/server/" + version;
  for (const auto& entry : std::filesystem::directory_iterator(dir))
    if (entry.path().extension() == ".def") found.push_back(entry.path());
  return found;
}

std::unique_ptr<Program> start_suite(const std::string& host, int port,
                                     const std::string& version) {
  std::vector<std::string> all = {"sh",
                                  "-c",
                                  "cd \"$1\" && shift && exec ruby -I. Runner.rb \"$@\"",
                                  "suite",
                                  std::string(PINION_QUICKFIX_SOURCE) + "/test",
                                  host,
                                  std::to_string(port)};
  for (const std::string& file : definitions(version)) all.push_back(file);
  return std::make_unique<Program>(all);
}

bool has_ruby() { return run({"ruby", "-e", "require 'socket'"}).status == 0; }

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

struct SuiteRun {
  std::string name, host, version;
  int port;
  std::vector<std::string> echo_arguments;
  size_t definitions_expected;
  std::unique_ptr<Program> echo = {}, suite = {};
};

// All at the same time, for most of it is waiting.
TEST_F(QuickFixSuite, EveryDefinitionOf42And44) {
  if (!std::filesystem::exists(std::string(PINION_QUICKFIX_SOURCE) + "/test/Runner.rb"))
    GTEST_SKIP() << "no suite: see the test gateway_quickfix.fetch";
  if (!has_ruby()) GTEST_SKIP() << "needs the package ruby";
  SuiteRun runs[] = {
      {"4.2 over Pinion", kPinionIp, "fix42", 9871, {"--socket", socket_path()}, 58},
      {"4.4 over Pinion", kPinionIp, "fix44", 9872, {"--socket", socket_path()}, 59},
      {"4.2 over the kernel", kLoopback, "fix42", 9873, {"--transport", "kernel"}, 58},
  };
  for (SuiteRun& r : runs) {
    for (const std::string& a :
         {std::string("--port"), std::to_string(r.port), std::string("--version"), r.version})
      r.echo_arguments.push_back(a);
    r.echo = start_echo(r.echo_arguments);
    r.suite = start_suite(r.host, r.port, r.version);
  }
  const int64_t end = now_ms() + kSuitePatienceMs;
  for (SuiteRun& r : runs) {
    while (!r.suite->says("</at>") && now_ms() < end && kill(r.suite->pid(), 0) == 0) {
    }
    EXPECT_EQ(r.suite->end(now_ms() < end ? 0 : SIGKILL), 0) << r.name << r.suite->output();
    EXPECT_EQ(count(r.suite->output(), "result='success'"), r.definitions_expected)
        << r.name << r.suite->output();
    EXPECT_NE(r.suite->output().find("failures='0'"), std::string::npos) << r.name;
    EXPECT_EQ(r.echo->end(SIGTERM), 0) << r.name << r.echo->output();
    std::printf("%s: %zu of %zu\n", r.name.c_str(), count(r.suite->output(), "result='success'"),
                r.definitions_expected);
  }
}

#ifdef PINION_QUICKFIX_CLIENT

struct Orders {
  int first, last, first_wanted, die_after;
};

// What came back, by id: how often as new, and how often marked as sent again.
struct Seen {
  int fresh = 0, again = 0;
};

// Whom it trades with, and how that is started.
struct Acceptor {
  std::string host;
  int port;
  std::string client_store;
  std::vector<std::string> client_arguments = {};
  std::function<std::unique_ptr<Program>()> start = {};
};

void trade(const Acceptor& a, const Orders& o, const std::string& expected,
           std::map<int, Seen>& seen) {
  std::vector<std::string> all = {PINION_QUICKFIX_CLIENT, a.host, std::to_string(a.port),
                                  a.client_store};
  for (const int n : {o.first, o.last, o.first_wanted, o.die_after})
    all.push_back(std::to_string(n));
  all.insert(all.end(), a.client_arguments.begin(), a.client_arguments.end());
  Program client(all);
  const int status = client.end(0);
  EXPECT_EQ(status, 0) << client.output();
  EXPECT_NE(client.output().find(expected), std::string::npos) << client.output();
  EXPECT_EQ(client.output().find("rejected"), std::string::npos) << client.output();
  std::istringstream lines(client.output());
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("got ")) continue;
    Seen& one = seen[std::stoi(line.substr(4))];
    ++(line.ends_with(" again") ? one.again : one.fresh);
  }
}

void trade_and_resume(const Acceptor& a) {
  std::map<int, Seen> seen;
  auto acceptor = a.start();
  trade(a, {1, 200, 1, 50}, "got 50", seen);  // dies behind the 50th
  const size_t before = seen.size();
  EXPECT_EQ(before, 50u);
  trade(a, {201, 220, 51, 0}, "all came back", seen);
  for (int id = 1; id <= 220; ++id) {
    EXPECT_LE(seen[id].fresh, 1) << id;
    EXPECT_GE(seen[id].fresh + seen[id].again, 1) << id;
  }
  int again = 0;
  for (const auto& [id, one] : seen) again += one.again;
  EXPECT_GE(again, 1);  // the resend did happen

  // The acceptor is killed and comes back with its store: the numbers go on.
  acceptor->end(SIGKILL);
  acceptor = a.start();
  trade(a, {221, 230, 221, 0}, "all came back", seen);
  for (int id = 221; id <= 230; ++id) EXPECT_EQ(seen[id].fresh, 1) << id;
  EXPECT_EQ(acceptor->end(SIGTERM), 0) << acceptor->output();
}

void trade_with_echo(const std::string& host, int port, const Scratch& scratch,
                     std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--port", std::to_string(port), "--keep-numbers", "--store",
                                     scratch.path("echo" + std::to_string(port))});
  trade_and_resume({.host = host,
                    .port = port,
                    .client_store = scratch.path("client" + std::to_string(port)),
                    .start = [&] { return start_echo(arguments); }});
}

TEST_F(QuickFixClient, DiesAndResumesOverPinion) {
  trade_with_echo(kPinionIp, 9881, scratch(), {"--socket", socket_path()});
}

TEST_F(QuickFixClient, DiesAndResumesOverTheKernel) {
  trade_with_echo(kLoopback, 9882, scratch(), {"--transport", "kernel"});
}

// With the gateway, whose reports QuickFIX checks by its own dictionary. The orders rest far below
// the market, so each is answered once.
void trade_with_gateway(gateway_test::TradingConfig config) {
  const std::string dictionary = std::string(PINION_QUICKFIX_SOURCE) + "/spec/FIX42.xml";
  if (!std::filesystem::exists(dictionary))
    GTEST_SKIP() << "no dictionary: see the test gateway_quickfix.fetch";
  std::filesystem::create_directory(config.directory);
  config.price_collar_bps = 10'000;
  gateway_test::Trading trading(config);
  trading.start_sim();
  trade_and_resume({.host = trading.own_ip(),
                    .port = 9878,
                    .client_store = trading.path("client"),
                    .client_arguments = {"CLIENT1", "GATEWAY", dictionary},
                    .start = [&] {
                      trading.start_gateway();
                      EXPECT_TRUE(trading.until_trading());
                      return std::move(trading.gateway);
                    }});
  EXPECT_EQ(trading.sim->end(SIGTERM), 0) << trading.sim->output();
  EXPECT_NE(trading.sim->output().find("230 entered"), std::string::npos)
      << trading.sim->output();
  EXPECT_NE(trading.sim->output().find(" 0 repeats"), std::string::npos);
}

TEST_F(QuickFixTrade, OverPinion) {
  trade_with_gateway(
      {.pinion = true, .pinion_socket = socket_path(), .directory = scratch().path("pinion")});
}

TEST_F(QuickFixTrade, OverTheKernel) {
  trade_with_gateway({.directory = scratch().path("kernel")});
}

#else

TEST_F(QuickFixClient, DiesAndResumes) { GTEST_SKIP() << "needs the package libquickfix-dev"; }

#endif

}  // namespace
}  // namespace pinion::e2e
