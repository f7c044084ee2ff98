// The metrics' small HTTP server: what curl gets, and what becomes of everything else.
#include "gateway/control/metrics_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/rng.h"
#include "bed.h"
#include "e2e/process.h"

namespace pinion::control {
namespace {

using e2e::kPatienceMs;
using e2e::within;

constexpr const char* kGet = "GET /metrics HTTP/1.0\r\n\r\n";

struct MetricsBed {
  MetricsBed() {
    metrics.add("gateway_up", "1: trading", up);
    up.set(1);
    std::string why;
    EXPECT_TRUE(server.open("", 0, why)) << why;
  }
  // Turns, on a clock that stands, until the client's connection has ended: what it was told.
  std::string answer(RawClient& client) {
    std::string all;
    EXPECT_TRUE(within(kPatienceMs, [&] {
      server.turn(now);
      all += client.read();
      return client.ended();
    })) << all;
    return all;
  }
  Gauge up;
  Metrics metrics;
  MetricsServer server{metrics};
  Nanos now = 50 * kSecond;
};

TEST(MetricsServer, Answers) {
  MetricsBed bed;
  RawClient client(bed.server.port());
  client.send(kGet);
  const std::string body = bed.metrics.text();
  EXPECT_EQ(bed.answer(client),
            "HTTP/1.0 200 OK\r\n"
            "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
            "Content-Length: " +
                std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body);
}

TEST(MetricsServer, SaysWhatItDoesNotHave) {
  const std::pair<std::string, const char*> cases[] = {
      {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 404 Not Found\r\n"},
      {"POST /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 405 Method Not Allowed\r\nAllow: GET\r\n"},
      {"hello\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n"},
      {std::string(MetricsServer::kRequestMax, 'x'),
       "HTTP/1.0 431 Request Header Fields Too Large\r\n"},
  };
  MetricsBed bed;
  for (const auto& [request, expected] : cases) {
    RawClient client(bed.server.port());
    client.send(request);
    EXPECT_TRUE(bed.answer(client).starts_with(expected)) << request;
  }
}

TEST(MetricsServer, WhoSaysNothingIsForgottenAndHoldsUpOnlySoLong) {
  MetricsBed bed;
  std::vector<std::unique_ptr<RawClient>> silent;
  for (size_t i = 0; i < MetricsServer::kClientsMax; ++i) {
    silent.push_back(std::make_unique<RawClient>(bed.server.port()));
    silent.back()->send("GET /met");
  }
  // All of them are there once the listener is no longer waited for.
  EXPECT_TRUE(within(kPatienceMs, [&] {
    bed.server.turn(bed.now);
    std::vector<pollfd> fds;
    bed.server.watch(fds);
    return fds.size() == MetricsServer::kClientsMax;
  }));
  RawClient client(bed.server.port());
  client.send(kGet);
  bed.server.turn(bed.now);
  EXPECT_EQ(client.read(), "");
  bed.now += MetricsServer::kEndAfter + 1;
  EXPECT_TRUE(bed.answer(client).starts_with("HTTP/1.0 200 OK"));
  for (const auto& c : silent) EXPECT_EQ(bed.answer(*c), "");
}

TEST(MetricsServer, SurvivesGarbage) {
  MetricsBed bed;
  Rng rng(5);
  for (int round = 0; round < 200; ++round) {
    RawClient bad(bed.server.port());
    std::string bytes(1 + rng.below(2'000), '\0');
    for (char& c : bytes) c = static_cast<char>(rng.below(6) == 0 ? '\n' : rng.below(256));
    (void)::send(bad.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    bed.server.turn(bed.now);
    bed.server.turn(bed.now);
  }
  RawClient client(bed.server.port());
  client.send(kGet);
  EXPECT_TRUE(bed.answer(client).starts_with("HTTP/1.0 200 OK"));
}

TEST(MetricsServer, CurlGetsIt) {
  if (std::system("command -v curl >/dev/null") != 0) GTEST_SKIP() << "no curl here";
  MetricsBed bed;
  std::atomic<bool> stop = false;
  std::thread housekeeping([&] {
    std::vector<pollfd> fds;
    while (!stop) {
      fds.clear();
      bed.server.watch(fds);
      poll(fds.data(), fds.size(), 10);
      bed.server.turn(bed.now);
    }
  });
  const std::string url = "http://127.0.0.1:" + std::to_string(bed.server.port());
  const e2e::Outcome good = e2e::run(
      {"curl", "-sS", "--fail", "--max-time", "10", "-w", "%{content_type}", url + "/metrics"});
  const e2e::Outcome bad = e2e::run({"curl", "-s", "--fail", "--max-time", "10", url + "/"});
  stop = true;
  housekeeping.join();
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(good.output,
            bed.metrics.text() + "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(bad.status, 22);
}

TEST(MetricsServer, AnAddressThatCannotBeIsSaid) {
  MetricsBed bed;
  MetricsServer second(bed.metrics);
  std::string why;
  EXPECT_FALSE(second.open("localhost", 9464, why));
  EXPECT_EQ(why, "metrics on localhost:9464: expected an IPv4 address such as 127.0.0.1");
  EXPECT_FALSE(second.open("127.0.0.1", bed.server.port(), why));
  EXPECT_NE(why.find("Address already in use"), std::string::npos) << why;
}

}  // namespace
}  // namespace pinion::control
