// Multicast against Linux, over both families: its bridge is the switch with a querier, and what
// it has snooped of Pinion's reports is the witness; its sockets send and receive.
#include <arpa/inet.h>
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>

#include <cerrno>

#include "e2e/sockets.h"
#include "e2e/world.h"

namespace pinion::e2e {
namespace {

constexpr uint16_t kFeedPort = 7000;
constexpr const char* kGroup = "239.1.2.3";
constexpr const char* kSsmGroup = "232.1.2.3";
constexpr const char* kGroup6 = "ff0e::1:2:3";
constexpr const char* kSsmGroup6 = "ff3e::8000:1";
constexpr const char* kLinkGroup6 = "ff02::4321";
constexpr const char* kKernelIp6b = "2001:db8:77::3";  // the same station
constexpr const char* kKernelLinkLocal = "fe80::77:1";
constexpr int kQuerierPatienceMs = 10'000;

class Feed;

// The kernel's end of the veth becomes a port of a bridge, and the bridge the station.
class Multicast : public World {
 protected:
  static void SetUpTestSuite() {
    World::SetUpTestSuite();
    const std::string commands[] = {
        "ip link add br0 type bridge mcast_snooping 1 mcast_query_use_ifaddr 1 "
        "mcast_igmp_version 3 mcast_query_response_interval 20 mcast_last_member_interval 20 "
        "mcast_startup_query_interval 100 mcast_query_interval 300 forward_delay 0",
        // Now: it floods what nobody joined for one response interval, which is 10 s at first.
        "ip link set br0 type bridge mcast_querier 1",
        "ip addr flush dev kernel0",
        "ip link set kernel0 master br0",
        std::string("ip addr add ") + kKernelIp + "/24 dev br0",
        std::string("ip addr add ") + kKernelIp2 + "/24 dev br0",
        "ip link set br0 addrgenmode none up",
        "ip route add 224.0.0.0/4 dev br0",
        "ethtool -K br0 tx off"};
    for (const std::string& command : commands) do_or_skip(command);
    if (!speaks_ipv6()) return;
    do_or_skip("ip link set br0 type bridge mcast_mld_version 2");
    for (const char* address : {kKernelLinkLocal, kKernelIp6, kKernelIp6b})
      do_or_skip(std::string("ip addr add ") + address + "/64 dev br0 nodad");
  }
  static void do_or_skip(const std::string& command) {
    const Outcome made = run({"sh", "-c", command});
    if (made.status != 0) why_not_ = command + ": " + made.output;
  }
  void SetUp() override {
    World::SetUp();
    if (!why_not_.empty()) GTEST_SKIP() << "needs a bridge that snoops: " << why_not_;
  }

  // What the bridge has learned of a group, of Pinion (or on br0 of Linux itself); empty: nothing.
  static std::string learned(const std::string& group, const std::string& port = "kernel0") {
    const std::string all = run({"bridge", "-d", "mdb", "show", "dev", "br0"}).output;
    std::string found;
    for (size_t at = 0, end = 0; at < all.size(); at = end + 1) {
      end = std::min(all.find('\n', at), all.size());
      const std::string line = all.substr(at, end - at);
      if (line.find("port " + port + " grp " + group + " ") != std::string::npos)
        found += line + "\n";
    }
    return found;
  }
  static bool learns(const std::string& group, const std::string& what = "") {
    return within(kQuerierPatienceMs, [&] {
      const std::string seen = learned(group);
      return !seen.empty() && seen.find(what) != std::string::npos;
    });
  }
  static void expect_unheard(AppSocket& app, Feed& feed, const std::string& group,
                             const std::string& pinion, const std::string& reason);
  static std::string status() {
    return run({PINION_CTL, "--socket", socket_path(), "status"}).output;
  }
  // The page is written a few times a second: waits for one that is newer than this call.
  static void await_page() {
    const uint64_t seen = gauge("passes");
    ASSERT_TRUE(within(kPatienceMs, [&] { return gauge("passes") != seen; }));
  }
  static bool status_shows(const std::string& querier, const std::string& group) {
    const std::string s = status();
    return s.find("nic." + querier) != std::string::npos &&
           s.find("nic." + group) != std::string::npos;
  }

  static std::string why_not_;
};
std::string Multicast::why_not_;

// The same over IPv6, once Pinion's address is in use.
class Multicast6 : public Multicast {
 protected:
  void SetUp() override {
    Multicast::SetUp();
    if (IsSkipped()) return;
    if (!speaks_ipv6()) GTEST_SKIP() << "needs a kernel that speaks IPv6";
    ASSERT_TRUE(within(kPatienceMs, [] {
      return run({"ping", "-6", "-n", "-c", "1", "-W", "1", kPinionIp6}).status == 0;
    })) << "the address never answers";
  }
  static constexpr AppOptions kOptions = {.port = kFeedPort, .any = "::"};
};

// A socket of the kernel that sends to groups.
class Feed {
 public:
  explicit Feed(const std::string& from = kKernelIp) : socket_(from) {
    if (from.find(':') != std::string::npos) {
      const unsigned device = if_nametoindex("br0");
      EXPECT_EQ(setsockopt(socket_.fd(), IPPROTO_IPV6, IPV6_MULTICAST_IF, &device, sizeof device),
                0);
      return;
    }
    in_addr address{};
    inet_pton(AF_INET, from.c_str(), &address);
    EXPECT_EQ(setsockopt(socket_.fd(), IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address), 0);
  }
  void send(const std::string& text, const std::string& to) {
    EXPECT_EQ(socket_.send_to(text, to, kFeedPort), 0);
  }

 private:
  KernelSocket socket_;
};

// The switch sends what nobody has joined no more. Linux itself sends little to groups meanwhile.
void Multicast::expect_unheard(AppSocket& app, Feed& feed, const std::string& group,
                               const std::string& pinion, const std::string& reason) {
  constexpr int kUnheard = 50;
  await_page();
  const uint64_t before = drops(reason);
  for (int i = 0; i < kUnheard; ++i) feed.send("nobody hears this", group);
  feed.send("and this comes", pinion);  // behind it on the same wire
  const auto next = app.receive();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->bytes, "and this comes");
  await_page();
  EXPECT_LT(drops(reason) - before, uint64_t{kUnheard} / 2);
}

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
  ASSERT_TRUE(within(kQuerierPatienceMs, [] { return status_shows("igmp_querier", kGroup); }))
      << status();

  ASSERT_EQ(app.leave(kGroup), 0);
  EXPECT_TRUE(within(kQuerierPatienceMs, [] { return learned(kGroup).empty(); }))
      << learned(kGroup);
  expect_unheard(app, feed, kGroup, kPinionIp, "udp_multicast_not_joined");
}

// The configuration has room for one group: the policy's joins_max has more.
TEST_F(Multicast, PoolsHoldWhatThePolicyPromises) {
  constexpr int kJoinsMax = 64;
  AppSocket app(socket_path(), {.port = kFeedPort});
  for (int i = 1; i <= kJoinsMax; ++i)
    ASSERT_EQ(app.join("239.9.9." + std::to_string(i)), 0) << i;
  EXPECT_EQ(app.join("239.9.10.1"), -EDQUOT);
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
  ASSERT_TRUE(within(kQuerierPatienceMs, [] { return !learned(kGroup, "br0").empty(); }));
  AppSocket app(socket_path(), {.port = kFeedPort});
  ASSERT_EQ(app.send("tick", kGroup, listener.port()), 0);
  const auto got = listener.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "tick");
  EXPECT_EQ(got->ip, kPinionIp);
}

// MLDv2 (RFC 3810): the bridge has learned what Pinion reported, and forwards by it.
TEST_F(Multicast6, JoinBringsTheFeedAndLeaveEndsIt) {
  AppSocket app(socket_path(), kOptions);
  ASSERT_EQ(app.join(kGroup6), 0);
  ASSERT_TRUE(learns(kGroup6, "exclude")) << run({"bridge", "-d", "mdb"}).output;
  Feed feed(kKernelIp6);
  feed.send("tick", kGroup6);
  const auto got = app.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "tick");
  EXPECT_EQ(got->ip, kKernelIp6);
  ASSERT_TRUE(within(kQuerierPatienceMs, [] { return status_shows("mld_querier", kGroup6); }))
      << status();

  ASSERT_EQ(app.leave(kGroup6), 0);
  EXPECT_TRUE(within(kQuerierPatienceMs, [] { return learned(kGroup6).empty(); }))
      << learned(kGroup6);
  expect_unheard(app, feed, kGroup6, kPinionIp6, "ipv6_group_not_joined");
}

TEST_F(Multicast6, QueriesAreAnswered) {
  AppSocket app(socket_path(), kOptions);
  ASSERT_EQ(app.join(kGroup6), 0);
  ASSERT_TRUE(learns(kGroup6));
  run({"sh", "-c", std::string("bridge mdb del dev br0 port kernel0 grp ") + kGroup6});
  EXPECT_TRUE(learns(kGroup6)) << run({"bridge", "-d", "mdb"}).output;
}

TEST_F(Multicast6, OneSourceOnly) {
  AppSocket app(socket_path(), kOptions);
  ASSERT_EQ(app.join(kSsmGroup6), -EINVAL) << "RFC 4607: a source is needed";
  ASSERT_EQ(app.join(kSsmGroup6, kKernelIp6), 0);
  ASSERT_TRUE(learns(kSsmGroup6, kKernelIp6)) << run({"bridge", "-d", "mdb"}).output;
  Feed wanted(kKernelIp6), other(kKernelIp6b);
  other.send("no", kSsmGroup6);
  wanted.send("yes", kSsmGroup6);
  const auto got = app.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "yes");
  EXPECT_EQ(got->ip, kKernelIp6);
}

// RFC 3810 8.2.1: reports and "done" of version 1.
TEST_F(Multicast6, Version1Querier) {
  ASSERT_EQ(run({"ip", "link", "set", "br0", "type", "bridge", "mcast_mld_version", "1"}).status,
            0);
  ASSERT_TRUE(within(kQuerierPatienceMs, [] {
    const std::string s = status();
    const size_t at = s.find("nic.mld_querier");
    return at != std::string::npos && s.substr(at, 60).find(" 1 ") != std::string::npos;
  })) << status();
  AppSocket app(socket_path(), kOptions);
  ASSERT_EQ(app.join(kGroup6), 0);
  EXPECT_TRUE(learns(kGroup6));
  ASSERT_EQ(app.leave(kGroup6), 0);
  EXPECT_TRUE(within(kQuerierPatienceMs, [] { return learned(kGroup6).empty(); }));
}

// To join a group of the link's scope, the sample names the NIC.
TEST_F(Multicast6, SampleFeed) {
  Program sample({"sh", "-c", "PINION_SOCKET=" + socket_path() + " exec " PINION_FEED " " +
                                  kLinkGroup6 + " " + std::to_string(kFeedPort) + " - nic"});
  ASSERT_TRUE(sample.says("joined")) << sample.output();
  ASSERT_TRUE(learns(kLinkGroup6));
  Feed feed(kKernelIp6);
  feed.send("ticks", kLinkGroup6);
  EXPECT_TRUE(sample.says(std::string("5 bytes from ") + kKernelIp6)) << sample.output();
  sample.end(SIGTERM);
}

// To a group of the world's scope and to one of the link's, each from an address of that scope.
TEST_F(Multicast6, SendToAGroup) {
  for (const auto& [group, from] : {std::pair(kGroup6, kPinionIp6), {kLinkGroup6, "fe80::"}}) {
    KernelSocket listener("::");
    ipv6_mreq request{};
    inet_pton(AF_INET6, group, &request.ipv6mr_multiaddr);
    request.ipv6mr_interface = if_nametoindex("br0");
    ASSERT_EQ(setsockopt(listener.fd(), IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request),
              0);
    const std::string to = group;
    ASSERT_TRUE(within(kQuerierPatienceMs, [&] { return !learned(to, "br0").empty(); }));
    AppSocket app(socket_path(), kOptions);
    ASSERT_EQ(app.send("tick", to, listener.port()), 0);
    const auto got = listener.receive();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->bytes, "tick");
    EXPECT_EQ(got->ip.rfind(from, 0), 0u) << got->ip;
  }
}

}  // namespace
}  // namespace pinion::e2e
