// Two cores, each with a NIC of its own: what they share is the daemon, and nothing else. A session
// lives on one of them.
#include <signal.h>

#include <cerrno>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

class CoresApart : public World {
 protected:
  static void SetUpTestSuite() { begin({.cables = Cables::apart}); }
};

constexpr uint16_t kApartPort = 7000;
constexpr Ends kEndsApart{kKernelApartIp, kPinionApartIp, "0.0.0.0"};

void expect_echo(const char* from, const char* to) {
  KernelSocket kernel(from);
  for (size_t length = 1; length <= 1472; length += 37) {
    ASSERT_EQ(kernel.send_to(pattern(length), to, kApartPort), 0);
    const auto got = kernel.receive();
    ASSERT_TRUE(got) << to << " " << length;
    ASSERT_EQ(got->bytes, pattern(length));
  }
}

Program echo_on(const std::string& socket_path, const std::string& core,
                const std::string& user = "root") {
  return Program({"setpriv", "--reuid", user, "--clear-groups", "--no-new-privs", PINION_ECHO,
                  "--block", "--socket", socket_path, "--core", core});
}

TEST_F(CoresApart, ASessionIsWhereItAskedToBe) {
  AppSocket unasked(socket_path()), second(socket_path(), {.core = 1});
  EXPECT_EQ(unasked.core(), 0u);
  EXPECT_EQ(second.core(), 1u);
  rio::Session none;
  EXPECT_EQ(none.open_on(2, socket_path().c_str()), -ENXIO);
  EXPECT_NE(std::string(rio_last_error()).find("no such core"), std::string::npos)
      << rio_last_error();
  EXPECT_TRUE(within(kPatienceMs, [] {
    return of_core(0, "sessions") == 1 && of_core(1, "sessions") == 1 && gauge("sessions") == 2;
  })) << run({PINION_CTL, "--socket", socket_path(), "status"}).output;
}

TEST_F(CoresApart, TheOthersAddressIsNotThere) {
  for (const auto& [core, own, foreign] :
       {std::tuple(0u, kPinionIp, kPinionApartIp), {1u, kPinionApartIp, kPinionIp}}) {
    rio::Session session;
    ASSERT_EQ(session.open_on(core, socket_path().c_str()), 0) << rio_last_error();
    rio::Socket socket;
    ASSERT_EQ(socket.create(session), 0);
    EXPECT_EQ(socket.create(session, RIO_TYPE_DATAGRAM, 1 - core), -ENXIO);
    ASSERT_EQ(socket.create(session), 0);
    rio_address at;
    rio_parse_address(foreign, kApartPort, &at);
    EXPECT_EQ(socket.bind(at), -EADDRNOTAVAIL) << core;
    rio_parse_address(own, kApartPort, &at);
    EXPECT_EQ(socket.bind(at), 0) << core << rio_last_error();
  }
}

// Two applications with the same port, one of which is killed.
TEST_F(CoresApart, OneApplicationOnEachAndOneDies) {
  auto first = echo_on(socket_path(), "0");
  auto second = echo_on(socket_path(), "1");
  ASSERT_TRUE(first.says("ready")) << first.output();
  ASSERT_TRUE(second.says("ready")) << second.output();
  expect_echo(kKernelIp, kPinionIp);
  expect_echo(kKernelApartIp, kPinionApartIp);
  EXPECT_EQ(first.end(SIGKILL), 128 + SIGKILL);
  expect_echo(kKernelApartIp, kPinionApartIp);
  EXPECT_TRUE(within(kPatienceMs, [] { return of_core(0, "sessions") == 0; }));
  auto third = echo_on(socket_path(), "0");
  ASSERT_TRUE(third.says("ready")) << third.output();
  expect_echo(kKernelIp, kPinionIp);
  expect_echo(kKernelApartIp, kPinionApartIp);
  EXPECT_EQ(second.end(SIGTERM), 0) << second.output();
  EXPECT_EQ(third.end(SIGTERM), 0) << third.output();
}

// sessions[].core of the configuration: core1 for nobody.
TEST_F(CoresApart, AUserHasAHome) {
  Program echo({"setpriv", "--reuid", "nobody", "--clear-groups", "--no-new-privs", PINION_ECHO,
                "--block", "--socket", socket_path()});
  ASSERT_TRUE(echo.says("ready")) << echo.output();
  expect_echo(kKernelApartIp, kPinionApartIp);
  EXPECT_EQ(echo.end(SIGTERM), 0) << echo.output();
}

TEST_F(CoresApart, StreamsAreCountedWhereTheyAre) {
  const uint64_t before[] = {of_core(0, "tcp_accepted"), of_core(1, "tcp_accepted")};
  App first(socket_path(), 0), second(socket_path(), 1);
  for (int round = 1; round <= 3; ++round) {
    for (auto& [app, ends] : {std::pair<App*, Ends>{&first, Ends{}}, {&second, kEndsApart}}) {
      AppStream listener(*app, ends), stream(*app, ends);
      ASSERT_EQ(listener.listen(kApartPort + 1), 0) << rio_last_error();
      KernelStream peer(ends);
      ASSERT_EQ(peer.connect(kApartPort + 1), 0);
      ASSERT_EQ(listener.accept(stream), 0) << rio_last_error();
      ASSERT_EQ(stream.make_queue(), 0);
      ASSERT_EQ(stream.send(pattern(100'000)), 0);
      ASSERT_EQ(peer.receive(100'000), pattern(100'000));
      ASSERT_EQ(peer.send(pattern(50'000)), 0);
      ASSERT_EQ(stream.receive(50'000), pattern(50'000));
      EXPECT_EQ(stream.socket().core(), static_cast<int>(app->session.core()));
    }
  }
  EXPECT_TRUE(within(kPatienceMs, [&] {
    return of_core(0, "tcp_accepted") == before[0] + 3 &&
           of_core(1, "tcp_accepted") == before[1] + 3 &&
           gauge("tcp_accepted") == before[0] + before[1] + 6;
  }));
}

TEST_F(CoresApart, CtlShowsEachCore) {
  const Outcome status = run({PINION_CTL, "--socket", socket_path(), "status", "--all"});
  EXPECT_EQ(status.status, 0) << status.output;
  for (const char* part : {"core0 on CPU", "core1 on CPU", "\nof each core ", "\napart.link"})
    EXPECT_NE(status.output.find(part), std::string::npos) << part << status.output;
  // Both sleep when nothing happens, and go on.
  for (const uint32_t core : {0u, 1u}) {
    const uint64_t sleeps = of_core(core, "sleeps");
    EXPECT_TRUE(within(kPatienceMs, [&] { return of_core(core, "sleeps") > sleeps; })) << core;
  }
}

}  // namespace
}  // namespace pinion::e2e
