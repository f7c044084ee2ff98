// ARP and ICMP echo against Linux: each side finds the other, and ping of iputils is answered.
#include <fstream>
#include <sstream>

#include "e2e/sockets.h"
#include "e2e/world.h"

namespace pinion::e2e {
namespace {

using Neighbours = World;

// The line of Linux's table that is about Pinion; empty while there is none.
std::string linux_neighbour() {
  std::ifstream table("/proc/thread-self/net/arp");
  for (std::string line; std::getline(table, line);)
    if (line.starts_with(std::string(kPinionIp) + " ")) return line;
  return "";
}

std::string text_of(const MacAddress& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                mac[4], mac[5]);
  return text;
}

TEST_F(Neighbours, LinuxAsksFirst) {
  ASSERT_EQ(linux_neighbour(), "");
  AppSocket app(socket_path(), {.port = 7000});
  KernelSocket kernel;
  EXPECT_EQ(kernel.send_to("first", kPinionIp, 7000), 0);
  const auto got = app.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "first");
  EXPECT_NE(linux_neighbour().find(text_of(pinion_mac())), std::string::npos) << linux_neighbour();
}

// The datagram waits for the answer to Pinion's own request, and is not lost.
TEST_F(Neighbours, PinionAsksFirst) {
  AppSocket app(socket_path());
  KernelSocket kernel(kKernelIp2);
  EXPECT_EQ(app.send("first", kKernelIp2, kernel.port()), 0);
  const auto got = kernel.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "first");
  EXPECT_EQ(got->ip, kPinionIp);
  EXPECT_EQ(got->port, app.port());
}

TEST_F(Neighbours, NobodyAnswers) {
  AppSocket app(socket_path());
  EXPECT_EQ(app.send("into the void", "10.77.0.77", 9), -EHOSTUNREACH);
}

// A reply of a station that says it is Pinion (RFC 826): counted, and told.
TEST_F(Neighbours, AnotherStationClaimsTheAddress) {
  const MacAddress other{0x02, 0, 0, 0, 0, 0x66};
  const uint64_t before = drops("arp_conflict");
  const std::string station(other.begin(), other.end()), us("\x0a\x4d\x00\x02", 4);
  const MacAddress pinion = pinion_mac();
  const std::string to(pinion.begin(), pinion.end());
  const std::string reply("\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02", 10);
  send_raw(to + station + reply + station + us + to + us);
  EXPECT_TRUE(within(kPatienceMs, [&] { return drops("arp_conflict") == before + 1; }));
  EXPECT_TRUE(daemon_says("another station claims an address of ours (packets so far: 1)"))
      << daemon_said();
}

TEST_F(Neighbours, PingOfEverySizeOfOneFrame) {
  for (const char* size : {"0", "1", "15", "56", "1000", "1471", "1472"}) {
    // All five at once; the next would leave after twenty seconds, when those are given up. An
    // emulated machine has no room for five at once.
    const char *at_once = in_vm ? "1" : "5", *pause = in_vm ? "0.2" : "20";
    const Outcome ping = run({"ping", "-n", "-l", at_once, "-c", "5", "-i", pause, "-w", "20", "-M",
                              "do", "-s", size, kPinionIp});
    EXPECT_EQ(ping.status, 0) << ping.output;
    EXPECT_NE(ping.output.find(" 0% packet loss"), std::string::npos) << ping.output;
    EXPECT_EQ(ping.output.find("wrong data"), std::string::npos) << ping.output;
  }
}

}  // namespace
}  // namespace pinion::e2e
