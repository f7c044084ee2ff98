// What happens to a NIC while it is in use: its cable is pulled, its daemon is killed; and the
// application of another user on its rings. On a veth as on the real drivers of tests/vm.
#include <signal.h>

#include <cerrno>
#include <cstdio>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

using Nic = World;

constexpr uint16_t kNicPort = 7200;
constexpr uint32_t kNicBulk = 8u << 20;

bool link_becomes(uint64_t (*gauge)(const std::string&), uint64_t up) {
  return within(kPatienceMs, [&] { return gauge("nic.link") == up; });
}

TEST_F(Nic, SaysWhatItDoes) {
  const std::string said = daemon_said();
  const size_t at = said.find("piniond: nic nic: ");
  ASSERT_NE(at, std::string::npos) << said;
  std::printf("%s\n", said.substr(at, said.find('\n', at) - at).c_str());
  EXPECT_TRUE(link_becomes(gauge, 1));
}

TEST_F(Nic, EchoOfAnotherUser) {
  Program echo({"setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
                "--no-new-privs", PINION_ECHO, "--socket", socket_path(), "--address", kPinionIp});
  ASSERT_TRUE(echo.says("ready")) << echo.output();
  KernelSocket kernel;
  for (size_t length = 1; length <= 1472; length += 7) {
    ASSERT_EQ(kernel.send_to(pattern(length), kPinionIp, 7000), 0);
    const auto got = kernel.receive();
    ASSERT_TRUE(got) << length;
    ASSERT_EQ(got->bytes, pattern(length)) << length;
  }
  EXPECT_EQ(echo.end(SIGTERM), 0) << echo.output();
}

// What is longer than copy_bytes is never copied where the NIC's start-up test said so, and always
// elsewhere; either way it arrives.
TEST_F(Nic, LongPayloadsLeaveFromWhereTheyLie) {
  constexpr uint64_t kSends = 100;
  const bool attaches = daemon_said().find("payload attached") != std::string::npos;
  ASSERT_TRUE(within(kPatienceMs, [] { return gauge("dma_mappings") == 0; }));
  const uint64_t before = gauge("nic.tx_attached");
  {
    AppSocket app(socket_path());
    KernelSocket kernel;
    ASSERT_EQ(app.send("the neighbour is known now", kKernelIp, kernel.port()), 0);
    ASSERT_TRUE(kernel.receive());
    for (uint64_t i = 0; i < kSends; ++i) {
      ASSERT_EQ(app.send(pattern(1372 + i), kKernelIp, kernel.port()), 0);
      const auto got = kernel.receive();
      ASSERT_TRUE(got) << i;
      ASSERT_EQ(got->bytes, pattern(1372 + i));
    }
    const uint64_t after = before + (attaches ? kSends : 0);
    EXPECT_TRUE(within(kPatienceMs, [&] { return gauge("nic.tx_attached") == after; }))
        << before << " -> " << gauge("nic.tx_attached");
    EXPECT_EQ(gauge("dma_mappings") > 0, attaches);
  }
  // With the session the IOMMU's mappings of its memory end.
  EXPECT_TRUE(within(kPatienceMs, [] { return gauge("dma_mappings") == 0; }))
      << gauge("dma_mappings");
}

// What TCP sends at once leaves in long frames where the NIC said that it cuts them, and is whole.
TEST_F(Nic, LongSendsAreCutByTheNic) {
  const uint64_t before = gauge("tcp_tso_frames");
  Accepted c(socket_path());
  ASSERT_NO_FATAL_FAILURE(c.open(kNicPort + 1));
  c.bulk_both_ways(kNicBulk);
  EXPECT_TRUE(cuts_as_said(before)) << before << " -> " << gauge("tcp_tso_frames");
}

// What was said while the link was down arrives when it is up again, both ways.
TEST_F(Nic, ConnectionsSurviveLinkFlaps) {
  Accepted c(socket_path());
  ASSERT_NO_FATAL_FAILURE(c.open(kNicPort, RIO_RQ_COPIED));
  AppStream& stream = c.stream;
  KernelStream& peer = c.peer;
  AppSocket datagrams(socket_path());
  for (int flap = 0; flap < 3; ++flap) {
    plug(false);
    ASSERT_TRUE(link_becomes(gauge, 0)) << flap;
    EXPECT_EQ(datagrams.send("lost", kKernelIp, 9), -ENETDOWN);
    ASSERT_EQ(stream.send(pattern(3000)), 0);
    ASSERT_EQ(peer.send(pattern(5000)), 0);
    plug(true);
    ASSERT_TRUE(link_becomes(gauge, 1)) << flap;
    ASSERT_EQ(peer.receive(3000), pattern(3000)) << flap;
    ASSERT_EQ(stream.receive(5000), pattern(5000)) << flap;
  }
  EXPECT_TRUE(daemon_says("nic nic: link down\npinion: nic nic: link up\n")) << daemon_said();
}

TEST_F(Nic, ADaemonThatWasKilledStartsAgain) {
  for (int round = 0; round < 2; ++round) {
    KernelStream listener;
    App app(socket_path());
    AppStream stream(app);
    ASSERT_EQ(stream.connect(listener.listen()), 0) << rio_last_error();
    KernelStream peer = listener.accept();
    ASSERT_EQ(stream.make_queue(), 0);
    ASSERT_EQ(stream.send("before"), 0);
    ASSERT_EQ(peer.receive(6), "before");
    kill_and_restart();
    ASSERT_EQ(peer.send("is there anybody"), 0);
    EXPECT_EQ(peer.error(), -ECONNRESET) << "the new daemon knows of no connection";
    AppSocket after(socket_path(), {.port = kNicPort});
    KernelSocket kernel;
    EXPECT_EQ(kernel.send_to("after", kPinionIp, kNicPort), 0);
    const auto got = after.receive();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->bytes, "after");
  }
}

// A core that may sleep beside a NIC, and what ends its sleeps.
class NicAsleep : public World {
 protected:
  static void SetUpTestSuite() { begin({.core = Core::sleeps}); }
  static Outcome ping(const char* times) {
    return run({"ping", "-n", "-c", times, "-i", "0.1", "-W", "10", kPinionIp});
  }
};

constexpr uint64_t kWorks = 2;  // WakeState

// Where interrupts have come a frame ends a sleep, and nothing else has to: naps of 50 us would be
// hundreds between two of these.
void expect_wakes(uint64_t (*gauge)(const std::string&), Outcome (*ping)(const char*)) {
  ASSERT_TRUE(within(kPatienceMs, [&] {
    EXPECT_EQ(ping("4").status, 0);
    return gauge("nic.rx_interrupt") == kWorks;
  })) << gauge("nic.rx_interrupt");
  constexpr uint64_t kPings = 30;
  const uint64_t sleeps = gauge("sleeps"), wakes = gauge("nic.rx_wakes"),
                 frames = gauge("nic.rx_frames");
  const Outcome o = ping(std::to_string(kPings).c_str());
  EXPECT_EQ(o.status, 0) << o.output;
  ASSERT_TRUE(within(kPatienceMs, [&] { return gauge("nic.rx_frames") >= frames + kPings; }));
  EXPECT_GE(gauge("nic.rx_wakes") - wakes, kPings / 2);
  EXPECT_LT(gauge("sleeps") - sleeps, kPings * 10);
  EXPECT_EQ(gauge("nic.rx_interrupt"), kWorks);
}

// DPDK has no receive interrupts for a packet socket, on the veth of these tests.
TEST_F(NicAsleep, WhatEndsTheSleep) {
  if (daemon_said().find("rx interrupt yes") != std::string::npos) {
    expect_wakes(gauge, ping);
    return;
  }
  EXPECT_EQ(ping("3").status, 0);
  EXPECT_EQ(gauge("nic.rx_interrupt"), 0u);
  const uint64_t sleeps = gauge("sleeps");
  EXPECT_TRUE(within(kPatienceMs, [&] { return gauge("sleeps") > sleeps + 100; }));
}

TEST_F(NicAsleep, ConnectionsSurviveALinkFlap) {
  Accepted c(socket_path());
  ASSERT_NO_FATAL_FAILURE(c.open(kNicPort, RIO_RQ_COPIED));
  AppStream& stream = c.stream;
  KernelStream& peer = c.peer;
  plug(false);
  ASSERT_TRUE(link_becomes(gauge, 0));
  ASSERT_EQ(stream.send(pattern(3000)), 0);
  ASSERT_EQ(peer.send(pattern(5000)), 0);
  plug(true);
  ASSERT_TRUE(link_becomes(gauge, 1));
  ASSERT_EQ(peer.receive(3000), pattern(3000));
  ASSERT_EQ(stream.receive(5000), pattern(5000));
}

}  // namespace
}  // namespace pinion::e2e
