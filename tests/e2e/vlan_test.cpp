// A NIC whose frames are tagged (802.1Q), against a VLAN of Linux's; and that what is not tagged so
// is not heard. Drivers filter, strip and insert tags by themselves unless they are told otherwise.
#include <thread>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

constexpr uint16_t kVlanPort = 7850;
constexpr size_t kVlanBulk = 2u << 20;

class Vlan : public World {
 protected:
  static void SetUpTestSuite() { begin({.vlan_id = 77}); }
};

TEST_F(Vlan, PingOfSeveralLengths) {
  for (const char* length : {"0", "1", "18", "56", "1000", "1472"}) {
    const Outcome o =
        run({"ping", "-n", "-c", "3", "-i", "0.01", "-W", "5", "-s", length, kPinionIp});
    EXPECT_EQ(o.status, 0) << length << ": " << o.output;
  }
}

TEST_F(Vlan, UdpBothWays) {
  AppSocket app(socket_path(), {.port = kVlanPort});
  KernelSocket kernel;
  for (size_t length = 0; length <= 1472; length += length < 64 || length > 1440 ? 1 : 29) {
    ASSERT_EQ(kernel.send_to(pattern(length), kPinionIp, kVlanPort), 0);
    const auto here = app.receive();
    ASSERT_TRUE(here) << length;
    ASSERT_EQ(here->bytes, pattern(length)) << length;
    ASSERT_EQ(app.send(pattern(length), kKernelIp, kernel.port()), 0) << length;
    const auto there = kernel.receive();
    ASSERT_TRUE(there) << length;
    ASSERT_EQ(there->bytes, pattern(length)) << length;
  }
}

TEST_F(Vlan, TcpBothWays) {
  const uint64_t before = gauge("tcp_tso_frames");
  Accepted c(socket_path());
  ASSERT_NO_FATAL_FAILURE(c.open(kVlanPort));
  c.bulk_both_ways(kVlanBulk);
  EXPECT_TRUE(cuts_as_said(before));
}

TEST_F(Vlan, WhatIsNotTaggedSoIsNotHeard) {
  AppSocket app(socket_path(), {.port = kVlanPort});
  KernelSocket kernel;
  const uint64_t before = drops("vlan_unknown");
  send_raw(udp_frame(pinion_mac(), {2, 0, 0, 0, 0, 9}, kKernelIp, kPinionIp, kVlanPort, "bare"));
  EXPECT_TRUE(within(kPatienceMs, [&] { return drops("vlan_unknown") > before; }));
  ASSERT_EQ(kernel.send_to("tagged", kPinionIp, kVlanPort), 0);
  const auto got = app.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "tagged");
}

}  // namespace
}  // namespace pinion::e2e
