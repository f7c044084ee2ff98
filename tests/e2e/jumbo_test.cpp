// Frames of 9000 bytes, against Linux with the same MTU: pings, UDP and TCP of both families.
#include <cerrno>
#include <thread>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

constexpr uint16_t kJumboPort = 7900;
constexpr uint16_t kJumbo = 9000;
constexpr size_t kJumboBulk = 8u << 20;

// Who is where, in one family.
struct Side {
  const char* any;
  const char* kernel;
  const char* pinion;
  size_t headers;  // of IP and UDP, or of IP and ICMP
  const char* ping;
  Ends ends;
};

class Jumbo : public World, public ::testing::WithParamInterface<Side> {
 protected:
  static void SetUpTestSuite() { begin({.mtu_bytes = kJumbo}); }
  void SetUp() override {
    World::SetUp();
    if (IsSkipped()) return;
    if (side().headers == 48 && !speaks_ipv6()) GTEST_SKIP() << "needs a kernel that speaks IPv6";
    ASSERT_TRUE(within(kPatienceMs, [] {
      return run({"ping", side().ping, "-n", "-c", "1", "-W", "1", side().pinion}).status == 0;
    })) << "the address never answers";
  }
  static const Side& side() { return GetParam(); }
};

TEST_P(Jumbo, PingsInOneFrame) {
  for (const size_t length : {size_t{1473}, size_t{2048}, size_t{4097}, kJumbo - side().headers}) {
    const Outcome o = run({"ping", side().ping, "-n", "-c", "3", "-i", "0.01", "-W", "5", "-M",
                           "do", "-s", std::to_string(length), side().pinion});
    EXPECT_EQ(o.status, 0) << o.output;
  }
}

TEST_P(Jumbo, UdpBothWays) {
  AppSocket app(socket_path(), {.port = kJumboPort, .any = side().any, .slice = 16'384});
  KernelSocket kernel(side().kernel);
  const size_t longest = kJumbo - side().headers;
  for (size_t length = 1; length <= longest; length += length < longest - 40 ? 37 : 1) {
    ASSERT_EQ(kernel.send_to(pattern(length), side().pinion, kJumboPort), 0);
    const auto here = app.receive();
    ASSERT_TRUE(here) << length;
    ASSERT_EQ(here->bytes, pattern(length)) << length;
    ASSERT_EQ(app.send(pattern(length), side().kernel, kernel.port()), 0) << length;
    const auto there = kernel.receive();
    ASSERT_TRUE(there) << length;
    ASSERT_EQ(there->bytes, pattern(length)) << length;
  }
  EXPECT_EQ(app.send(pattern(longest + 1), side().kernel, kernel.port()), -EMSGSIZE);
}

TEST_P(Jumbo, TcpInLongSegments) {
  Accepted c(socket_path(), side().ends);
  ASSERT_NO_FATAL_FAILURE(c.open(kJumboPort));
  const uint64_t sent = gauge("tcp_sent"), cut = gauge("tcp_tso_frames");
  c.bulk_both_ways(kJumboBulk);
  EXPECT_TRUE(cuts_as_said(cut));
  // Ours, and an ACK for every second one of theirs and some more: with 1460 bytes, twice as many.
  const uint64_t frames = kJumboBulk / (kJumbo - side().headers - 32);
  EXPECT_TRUE(within(kPatienceMs, [&] { return gauge("tcp_sent") - sent >= frames; }));
  EXPECT_LT(gauge("tcp_sent") - sent, kJumboBulk / 1460);
}

INSTANTIATE_TEST_SUITE_P(
    Of, Jumbo,
    ::testing::Values(Side{"0.0.0.0", kKernelIp, kPinionIp, 28, "-4", {}},
                      Side{"::", kKernelIp6, kPinionIp6, 48, "-6", kEnds6}),
    [](const auto& of) { return std::string(of.param.headers == 28 ? "IPv4" : "IPv6"); });

}  // namespace
}  // namespace pinion::e2e
