// Multicast against Linux: its bridge is the switch with a querier, and what it has snooped of
// Pinion's reports is the witness; its sockets send and receive.
#include <arpa/inet.h>
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>

#include "e2e/sockets.h"
#include "e2e/world.h"

namespace pinion::e2e {
namespace {

constexpr uint16_t kFeedPort = 7000;
constexpr const char* kGroup = "239.1.2.3";
constexpr const char* kSsmGroup = "232.1.2.3";
constexpr int kQuerierPatienceMs = 10'000;

// The kernel's end of the veth becomes a port of a bridge, and the bridge the station.
class Multicast : public World {
 protected:
  static void SetUpTestSuite() {
    World::SetUpTestSuite();
    const std::string commands[] = {
        "ip link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_query_use_ifaddr 1 "
        "mcast_igmp_version 3 mcast_query_response_interval 20 mcast_last_member_interval 20 "
        "mcast_startup_query_interval 100 mcast_query_interval 300 forward_delay 0",
        "ip addr flush dev kernel0",
        "ip link set kernel0 master br0",
        std::string("ip addr add ") + kKernelIp + "/24 dev br0",
        std::string("ip addr add ") + kKernelIp2 + "/24 dev br0",
        "ip link set br0 addrgenmode none up",
        "ip route add 224.0.0.0/4 dev br0",
        "ethtool -K br0 tx off"};
    for (const std::string& command : commands) {
      const Outcome made = run({"sh", "-c", command});
      if (made.status != 0) why_not_ = command + ": " + made.output;
    }
  }
  void SetUp() override {
    World::SetUp();
    if (!why_not_.empty()) GTEST_SKIP() << "needs a bridge that snoops: " << why_not_;
  }

  // What the bridge has learned of a group; empty: nothing.
  static std::string learned(const std::string& group) {
    const std::string all = run({"bridge", "-d", "mdb", "show", "dev", "br0"}).output;
    std::string found;
    for (size_t at = 0, end = 0; at < all.size(); at = end + 1) {
      end = std::min(all.find('\n', at), all.size());
      const std::string line = all.substr(at, end - at);
      if (line.find("port kernel0 grp " + group + " ") != std::string::npos) found += line + "\n";
    }
    return found;
  }
  static bool learns(const std::string& group, const std::string& what = "") {
    return within(kQuerierPatienceMs, [&] {
      const std::string seen = learned(group);
      return !seen.empty() && seen.find(what) != std::string::npos;
    });
  }
  static std::string status() {
    return run({PINION_CTL, "--socket", socket_path(), "status"}).output;
  }

  static std::string why_not_;
};
std::string Multicast::why_not_;

// A socket of the kernel that sends to groups.
class Feed {
 public:
  explicit Feed(const std::string& from = kKernelIp) : socket_(from) {
    in_addr address{};
    inet_pton(AF_INET, from.c_str(), &address);
    EXPECT_EQ(setsockopt(socket_.fd(), IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address), 0);
  }
  void send(const std::string& text, const std::string& group) {
    EXPECT_EQ(socket_.send_to(text, group, kFeedPort), 0);
  }

 private:
  KernelSocket socket_;
};

TEST_F(Multicast, JoinBringsTheFeedAndLeaveEndsIt) {
  AppSocket app(socket_path(), {.port = kFeedPort});
  ASSERT_EQ(app.join(kGroup), 0);
  ASSERT_TRUE(learns(kGroup, "exclude")) << run({"bridge", "-d", "mdb"}).output;
  Feed feed;
  feed.send("tick", kGroup);
  const auto got = app.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "tick");
  EXPECT_EQ(got->ip, kKernelIp);
  ASSERT_TRUE(within(kQuerierPatienceMs, [] {
    return status().find("igmp_querier") != std::string::npos;
  })) << status();
  EXPECT_NE(status().find(std::string("nic.") + kGroup), std::string::npos) << status();

  ASSERT_EQ(app.leave(kGroup), 0);
  EXPECT_TRUE(within(kQuerierPatienceMs, [] { return learned(kGroup).empty(); }))
      << learned(kGroup);
  const uint64_t before = drops("udp_multicast_not_joined");
  feed.send("nobody hears this", kGroup);
  KernelSocket unicast;  // behind it on the same wire
  EXPECT_EQ(unicast.send_to("and this comes", kPinionIp, kFeedPort), 0);
  const auto next = app.receive();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->bytes, "and this comes");
  EXPECT_EQ(drops("udp_multicast_not_joined"), before) << "the switch sends it no more";
}

// The sample, one page of C.
TEST_F(Multicast, SampleFeed) {
  Program sample({"sh", "-c", "PINION_SOCKET=" + socket_path() + " exec " PINION_FEED " " + kGroup +
                                  " " + std::to_string(kFeedPort)});
  ASSERT_TRUE(sample.says("joined")) << sample.output();
  ASSERT_TRUE(learns(kGroup));
  Feed feed;
  feed.send("ticks", kGroup);
  EXPECT_TRUE(sample.says(std::string("5 bytes from ") + kKernelIp)) << sample.output();
  sample.end(SIGTERM);
}

TEST_F(Multicast, QueriesAreAnswered) {
  AppSocket app(socket_path(), {.port = kFeedPort});
  ASSERT_EQ(app.join(kGroup), 0);
  ASSERT_TRUE(learns(kGroup));
  // What it has learned is forgotten unless its queries are answered.
  run({"sh", "-c", "bridge mdb del dev br0 port kernel0 grp 239.1.2.3"});
  EXPECT_TRUE(learns(kGroup)) << run({"bridge", "-d", "mdb"}).output;
}

TEST_F(Multicast, OneSourceOnly) {
  AppSocket app(socket_path(), {.port = kFeedPort});
  ASSERT_EQ(app.join(kSsmGroup), -EINVAL) << "RFC 4607: a source is needed";
  ASSERT_EQ(app.join(kSsmGroup, kKernelIp), 0);
  ASSERT_TRUE(learns(kSsmGroup, kKernelIp)) << run({"bridge", "-d", "mdb"}).output;
  Feed wanted(kKernelIp), other(kKernelIp2);
  other.send("no", kSsmGroup);
  wanted.send("yes", kSsmGroup);
  const auto got = app.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "yes");
  EXPECT_EQ(got->ip, kKernelIp);
}

TEST_F(Multicast, Version2Querier) {
  ASSERT_EQ(run({"ip", "link", "set", "br0", "type", "bridge", "mcast_igmp_version", "2"}).status,
            0);
  ASSERT_TRUE(within(kQuerierPatienceMs, [] {
    const std::string s = status();
    const size_t at = s.find("nic.igmp_querier");
    return at != std::string::npos && s.substr(at, 60).find(" 2 ") != std::string::npos;
  })) << status();
  AppSocket app(socket_path(), {.port = kFeedPort});
  ASSERT_EQ(app.join(kGroup), 0);
  EXPECT_TRUE(learns(kGroup));
  ASSERT_EQ(app.leave(kGroup), 0);
  EXPECT_TRUE(within(kQuerierPatienceMs, [] { return learned(kGroup).empty(); }));
}

TEST_F(Multicast, SendToAGroup) {
  KernelSocket listener("0.0.0.0");
  ip_mreq request{};
  inet_pton(AF_INET, kGroup, &request.imr_multiaddr);
  inet_pton(AF_INET, kKernelIp, &request.imr_interface);
  ASSERT_EQ(setsockopt(listener.fd(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request), 0);
  AppSocket app(socket_path(), {.port = kFeedPort});
  ASSERT_EQ(app.send("tick", kGroup, listener.port()), 0);
  const auto got = listener.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "tick");
  EXPECT_EQ(got->ip, kPinionIp);
}

}  // namespace
}  // namespace pinion::e2e
