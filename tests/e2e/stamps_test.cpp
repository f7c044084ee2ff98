// Receive times of the NIC, in an application's completions: DPDK's net_pcap says when Linux had a
// frame, by Linux's clock, and hands it over much later. On Pinion's clock that lies between the
// sending and the completion.
#include "e2e/sockets.h"
#include "e2e/streams.h"
#include "e2e/world.h"

namespace pinion::e2e {
namespace {

constexpr uint16_t kStampsPort = 7000;
constexpr uint64_t kWrongBy = 1'000'000;  // a processor that stood still while clocks were read

class Stamps : public World {
 protected:
  static void SetUpTestSuite() { begin({.stamps = true}); }
  // Until then stamps are refused.
  static bool knows_the_clock(AppSocket& app, KernelSocket& kernel) {
    return within(kPatienceMs, [&] {
      if (kernel.send_to("known?", kPinionIp, kStampsPort) != 0) return false;
      const auto got = app.receive();
      return got && got->time_source == RIO_TIME_HARDWARE;
    });
  }
};

TEST_F(Stamps, OfDatagrams) {
  AppSocket app(socket_path(), {.port = kStampsPort});
  KernelSocket kernel;
  ASSERT_TRUE(knows_the_clock(app, kernel)) << daemon_said();
  EXPECT_NE(daemon_said().find("timestamps device"), std::string::npos) << daemon_said();
  for (const size_t length : {size_t{0}, size_t{1}, size_t{1472}}) {
    uint64_t before = 0;
    std::optional<Datagram> got;
    // Linux's clock may be set in between: then it is learned anew.
    EXPECT_TRUE(within(kPatienceMs, [&] {
      before = app.now_ns();
      EXPECT_EQ(kernel.send_to(pattern(length), kPinionIp, kStampsPort), 0);
      got = app.receive();
      return !got || got->time_source == RIO_TIME_HARDWARE;
    }));
    ASSERT_TRUE(got);
    EXPECT_EQ(got->bytes, pattern(length));
    EXPECT_GT(got->time_ns + kWrongBy, before);
    EXPECT_LE(got->time_ns, app.now_ns());
  }
  EXPECT_TRUE(within(kPatienceMs, [] {
    const uint64_t stamped = gauge("nic.rx_stamped");
    return stamped != UINT64_MAX && stamped >= 4;
  }));
  EXPECT_NE(gauge("nic.stamps_refused"), UINT64_MAX);
}

// Posted before they come, and behind: the time is that of the arrival.
TEST_F(Stamps, OfBytesOfAStream) {
  AppSocket app(socket_path(), {.port = kStampsPort});
  KernelSocket kernel;
  ASSERT_TRUE(knows_the_clock(app, kernel)) << daemon_said();
  Accepted c(socket_path());
  ASSERT_NO_FATAL_FAILURE(c.open(kStampsPort));
  uint64_t before = app.now_ns();
  ASSERT_EQ(c.peer.send("posted"), 0);
  const rio_result posted = c.stream.receive_once(6, RIO_WAITALL);
  EXPECT_EQ(posted.status, 0);
  EXPECT_EQ(posted.time_source, RIO_TIME_HARDWARE);
  EXPECT_GT(posted.time_ns + kWrongBy, before);
  EXPECT_LE(posted.time_ns, app.now_ns());
  before = app.now_ns();
  ASSERT_EQ(c.peer.send("waits"), 0);
  ASSERT_EQ(kernel.send_to("behind it", kPinionIp, kStampsPort), 0);
  const auto behind = app.receive();
  ASSERT_TRUE(behind);
  const rio_result waited = c.stream.receive_once(5, RIO_WAITALL);
  EXPECT_EQ(waited.status, 0);
  EXPECT_EQ(waited.time_source, RIO_TIME_HARDWARE);
  EXPECT_GT(waited.time_ns + kWrongBy, before);
  EXPECT_LE(waited.time_ns, behind->time_ns) << "when it came, not when it was asked for";
}

// A NIC whose times are needed and not to be had.
TEST_F(Stamps, ThatAreNeededAreNotReplaced) {
  const std::string text =
      "version: 1\ninstance: e2e\nhost: {hugepages_mb: 0, lock_memory: false, doctor: off, "
      "control_socket: {path: " +
      scratch().path("second.sock") +
      "}}\ncores: [{name: a, cpu: 0, idle: {sleep_after_us: 200}}]\n"
      "nics: [{name: n, device: {vdev: net_null0}, core: a, addresses: [10.0.0.1/24], "
      "timestamps: {rx: hardware}}]\nsessions: [{user: root, bind: [\"*:7000\"]}]\n";
  const Outcome tried = run({PINION_DAEMON, scratch().write("needed.yaml", text)});
  EXPECT_EQ(tried.status, 1) << tried.output;
  EXPECT_NE(tried.output.find("nic n: port 0: no timestamps of received frames: the device has"),
            std::string::npos)
      << tried.output;
}

}  // namespace
}  // namespace pinion::e2e
