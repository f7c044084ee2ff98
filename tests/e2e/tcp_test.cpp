// TCP against Linux, in both roles: connect, accept, bulk both ways, half-close, resets, the death
// of an application, and curl with the HTTP sample.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

using Tcp = World;

constexpr uint16_t kTcpPort = 7100;
const size_t kBulk = in_vm ? 4u << 20 : 16u << 20;

TEST_F(Tcp, ConnectsToLinuxAndBothTalk) {
  KernelStream listener;
  App app(socket_path());
  AppStream stream(app);
  ASSERT_EQ(stream.connect(listener.listen()), 0) << rio_last_error();
  KernelStream peer = listener.accept();
  ASSERT_EQ(stream.make_queue(), 0) << rio_last_error();
  for (size_t length = 1; length < 5000; length += 97) {
    ASSERT_EQ(stream.send(pattern(length)), 0);
    ASSERT_EQ(peer.receive(length), pattern(length));
    ASSERT_EQ(peer.send(pattern(length)), 0);
    ASSERT_EQ(stream.receive(length), pattern(length));
  }
}

// What arrived before there was a queue comes out of the first receive.
TEST_F(Tcp, AcceptsFromLinuxWithWhatHasArrived) {
  App app(socket_path());
  AppStream listener(app), stream(app);
  ASSERT_EQ(listener.listen(kTcpPort), 0) << rio_last_error();
  KernelStream peer;
  ASSERT_EQ(peer.connect(kTcpPort), 0);
  ASSERT_EQ(peer.send("before there was a queue"), 0);
  ASSERT_EQ(listener.accept(stream), 0) << rio_last_error();
  usleep(50'000);
  ASSERT_EQ(stream.make_queue(), 0) << rio_last_error();
  const rio_result r = stream.receive_once(1000);
  EXPECT_EQ(r.status, 0);
  EXPECT_EQ(std::string(app.memory + App::kHalf, r.bytes), "before there was a queue");
}

TEST_F(Tcp, BulkBothWays) {
  Accepted c(socket_path());
  ASSERT_NO_FATAL_FAILURE(c.open(kTcpPort + 1));
  c.bulk_both_ways(kBulk);
}

TEST_F(Tcp, HalfCloseOfEitherSide) {
  KernelStream listener;
  App app(socket_path());
  AppStream stream(app);
  ASSERT_EQ(stream.connect(listener.listen()), 0);
  KernelStream peer = listener.accept();
  ASSERT_EQ(stream.make_queue(), 0);
  ASSERT_EQ(stream.send("all I say"), 0);
  ASSERT_EQ(stream.socket().shutdown(), 0) << rio_last_error();
  EXPECT_EQ(peer.receive(100), "all I say");  // to its end
  ASSERT_EQ(peer.send("still here"), 0);
  EXPECT_EQ(stream.receive(10), "still here");
  peer.shutdown();
  for (int i = 0; i < 3; ++i) {
    const rio_result r = stream.receive_once(10);
    EXPECT_EQ(r.status, 0);
    EXPECT_EQ(r.bytes, 0u);
  }
  EXPECT_EQ(stream.send("no more"), -EPIPE);
}

TEST_F(Tcp, RefusedIsTold) {
  App app(socket_path());
  AppStream stream(app);
  EXPECT_EQ(stream.connect(9), -ECONNREFUSED);
  KernelStream peer;
  EXPECT_EQ(peer.connect(9), -ECONNREFUSED);
}

TEST_F(Tcp, ResetIsTold) {
  KernelStream listener;
  App app(socket_path());
  AppStream stream(app);
  ASSERT_EQ(stream.connect(listener.listen()), 0);
  KernelStream peer = listener.accept();
  ASSERT_EQ(stream.make_queue(), 0);
  peer.reset();
  EXPECT_EQ(stream.receive_once(10).status, -ECONNRESET);
  EXPECT_EQ(stream.receive_once(10).status, -ECONNRESET);
  EXPECT_EQ(stream.send("x"), -ECONNRESET);
}

TEST_F(Tcp, DeathOfTheApplicationResets) {
  Program http({PINION_HTTP, "--socket", socket_path(), "--port", "8081"});
  ASSERT_TRUE(http.says("ready")) << http.output();
  KernelStream accepted, waiting;
  ASSERT_EQ(accepted.connect(8081), 0);
  ASSERT_EQ(accepted.send("GET /bytes/3 HTTP/1.1\r\n\r\n"), 0);
  EXPECT_EQ(accepted.receive(8), "HTTP/1.1");
  ASSERT_EQ(accepted.send("GET /bytes/"), 0);
  ASSERT_EQ(waiting.connect(8081), 0);
  EXPECT_EQ(http.end(SIGKILL), 128 + SIGKILL);
  std::string rest = accepted.receive(1000);  // to the reset
  EXPECT_EQ(waiting.error(), -ECONNRESET);
  EXPECT_EQ(accepted.send("x"), -EPIPE);
}

// With RIO_SO_LINGER_0, and with data that nobody read (RFC 2525 2.17).
TEST_F(Tcp, CloseThatResets) {
  App app(socket_path());
  AppStream listener(app);
  ASSERT_EQ(listener.listen(kTcpPort + 2), 0) << rio_last_error();
  for (const bool linger : {true, false}) {
    KernelStream peer;
    ASSERT_EQ(peer.connect(kTcpPort + 2), 0);
    {
      AppStream stream(app);
      ASSERT_EQ(listener.accept(stream), 0) << rio_last_error();
      if (linger) {
        ASSERT_EQ(stream.socket().set_option(RIO_SO_LINGER_0, 1), 0);
      } else {
        ASSERT_EQ(peer.send("unread"), 0);
        usleep(50'000);
      }
    }
    EXPECT_EQ(peer.error(), -ECONNRESET) << linger;
  }
}

TEST_F(Tcp, CurlGetsThePage) {
  Program http({PINION_HTTP, "--socket", socket_path(), "--port", "8080"});
  ASSERT_TRUE(http.says("ready")) << http.output();
  const std::string base = std::string("http://") + kPinionIp + ":8080";
  const Outcome page = run({"curl", "-sS", "-m", "10", base + "/"});
  if (page.status == 127) GTEST_SKIP() << "needs curl";
  EXPECT_EQ(page.status, 0) << page.output;
  EXPECT_NE(page.output.find("Pinion"), std::string::npos) << page.output;
  const Outcome many = run({"curl", "-sS", "-m", "10", base + "/bytes/70000", base + "/bytes/3"});
  EXPECT_EQ(many.output.size(), 70'003u);
  EXPECT_EQ(http.end(SIGTERM), 0) << http.output();
}

}  // namespace
}  // namespace pinion::e2e
