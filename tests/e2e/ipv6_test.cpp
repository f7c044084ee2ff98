// IPv6 against Linux: ping, UDP of every length, TCP in both roles, resolution both ways, and that
// tshark finds no wrong checksum in what left.
#include <signal.h>

#include <cerrno>
#include <thread>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

constexpr uint16_t kPort6 = 7600;
constexpr size_t kLongest6 = 1452;  // 1500 less the headers of IPv6 and UDP
constexpr size_t kBulk6 = 16u << 20;

class Ipv6 : public World {
 protected:
  // The daemon claims its address before it uses it, which takes up to two seconds.
  void SetUp() override {
    World::SetUp();
    if (IsSkipped()) return;
    if (!speaks_ipv6()) GTEST_SKIP() << "needs a kernel that speaks IPv6";
    ASSERT_TRUE(within(kPatienceMs, [] {
      return run({"ping", "-6", "-n", "-c", "1", "-W", "1", kPinionIp6}).status == 0;
    })) << "the address never answers";
  }
};

TEST_F(Ipv6, PingOfSeveralLengths) {
  for (const char* length : {"0", "1", "56", "1000", "1452"}) {
    const Outcome o =
        run({"ping", "-6", "-n", "-c", "3", "-i", "0.01", "-W", "5", "-s", length, kPinionIp6});
    EXPECT_EQ(o.status, 0) << o.output;
  }
}

TEST_F(Ipv6, EveryLengthOfUdpBothWays) {
  AppSocket app(socket_path(), {.port = kPort6, .any = "::"});
  KernelSocket kernel(kKernelIp6);
  for (size_t length = 0; length <= kLongest6; ++length) {
    ASSERT_EQ(kernel.send_to(pattern(length), kPinionIp6, kPort6), 0);
    const auto here = app.receive();
    ASSERT_TRUE(here) << length;
    ASSERT_EQ(here->status, 0) << length;
    ASSERT_EQ(here->bytes, pattern(length)) << length;
    ASSERT_EQ(here->ip, kKernelIp6);
    ASSERT_EQ(here->port, kernel.port());
    ASSERT_EQ(app.send(pattern(length), kKernelIp6, kernel.port()), 0) << length;
    const auto there = kernel.receive();
    ASSERT_TRUE(there) << length;
    ASSERT_EQ(there->bytes, pattern(length)) << length;
    ASSERT_EQ(there->ip, kPinionIp6);
    ASSERT_EQ(there->port, kPort6);
  }
  EXPECT_EQ(app.send(pattern(kLongest6 + 1), kKernelIp6, kernel.port()), -EMSGSIZE);
}

TEST_F(Ipv6, ErrorsAreToldBothWays) {
  KernelSocket kernel(kKernelIp6);
  kernel.connect(kPinionIp6, 9);
  EXPECT_EQ(kernel.send("nobody there"), 0);
  EXPECT_EQ(kernel.receive_error(), -ECONNREFUSED);
  AppSocket app(socket_path(), {.port = kPort6 + 1, .any = "::"});
  app.connect(kKernelIp6, 9);
  EXPECT_EQ(app.send("nobody there"), 0);
  EXPECT_EQ(app.wait_for_error(), -ECONNREFUSED);
}

TEST_F(Ipv6, TcpBulkInBothRoles) {
  App app(socket_path());
  const std::string all = pattern(kBulk6);
  const uint64_t cut = gauge("tcp_tso_frames");
  for (const bool active : {false, true}) {
    AppStream listener(app, kEnds6), stream(app, kEnds6);
    KernelStream socket(kEnds6);
    std::optional<KernelStream> accepted;
    if (active) {
      ASSERT_EQ(stream.connect(socket.listen()), 0) << rio_last_error();
      accepted.emplace(socket.accept());
    } else {
      ASSERT_EQ(listener.listen(kPort6), 0) << rio_last_error();
      ASSERT_EQ(socket.connect(kPort6), 0);
      ASSERT_EQ(listener.accept(stream), 0) << rio_last_error();
    }
    KernelStream& peer = active ? *accepted : socket;
    ASSERT_EQ(stream.make_queue(), 0);
    std::string there;
    std::jthread kernel([&] {
      there = peer.receive(kBulk6);
      peer.send(all);
      peer.shutdown();
    });
    EXPECT_EQ(stream.send(all), 0);
    const std::string here = stream.receive(kBulk6);
    kernel.join();
    EXPECT_TRUE(there == all) << active;
    EXPECT_TRUE(here == all) << active;
    EXPECT_EQ(stream.receive_once(10).bytes, 0u);
  }
  EXPECT_TRUE(cuts_as_said(cut));
}

TEST_F(Ipv6, TcpRefusedIsTold) {
  App app(socket_path());
  AppStream stream(app, kEnds6);
  EXPECT_EQ(stream.connect(9), -ECONNREFUSED);
  KernelStream peer(kEnds6);
  EXPECT_EQ(peer.connect(9), -ECONNREFUSED);
}

TEST_F(Ipv6, TsharkFindsNoWrongChecksum) {
  if (run({"sh", "-c", "command -v tshark dumpcap"}).status != 0)
    GTEST_SKIP() << "needs tshark and dumpcap";
  const std::string file = scratch().path("six.pcap");
  Program dumpcap({"dumpcap", "-q", "-P", "-i", "kernel0", "-f", "ip6", "-w", file});
  ASSERT_TRUE(dumpcap.says("File: ")) << dumpcap.output();
  EXPECT_EQ(run({"ip", "neigh", "flush", "dev", "kernel0"}).status, 0);  // both are asked anew
  AppSocket app(socket_path(), {.port = kPort6 + 2, .any = "::"});
  KernelSocket kernel(kKernelIp6);
  for (size_t length = 0; length <= kLongest6; length += 11)
    ASSERT_EQ(app.send(pattern(length), kKernelIp6, kernel.port()), 0);
  EXPECT_EQ(run({"ping", "-6", "-n", "-c", "3", "-i", "0.01", "-W", "5", kPinionIp6}).status, 0);
  App streams(socket_path());
  AppStream stream(streams, kEnds6);
  KernelStream listener(kEnds6);
  ASSERT_EQ(stream.connect(listener.listen()), 0);
  KernelStream peer = listener.accept();
  ASSERT_EQ(stream.make_queue(), 0);
  ASSERT_EQ(stream.send(pattern(100'000)), 0);
  EXPECT_EQ(peer.receive(100'000), pattern(100'000));
  ASSERT_TRUE(within(kPatienceMs, [&] {
    return run({"tshark", "-n", "-r", file, "-Y", "icmpv6.type == 129"}).output.find("Echo") !=
           std::string::npos;
  }));
  EXPECT_EQ(dumpcap.end(SIGINT), 0) << dumpcap.output();
  const std::string from_us = std::string("ipv6.src == ") + kPinionIp6;
  const auto frames = [&](const std::string& filter) {
    const Outcome o = run({"sh", "-c",
                           "tshark -n -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE -r " +
                               file + " -Y '" + filter + "' 2>/dev/null | wc -l"});
    return std::stoul("0" + o.output.substr(o.output.find_first_of("0123456789")));
  };
  EXPECT_EQ(frames("udp.checksum.status == \"Bad\" || tcp.checksum.status == \"Bad\" || "
                   "icmpv6.checksum.status == \"Bad\" || _ws.malformed"),
            0u);
  EXPECT_GE(frames(from_us + " && udp.checksum.status == \"Good\""), kLongest6 / 11);
  EXPECT_GT(frames(from_us + " && tcp.checksum.status == \"Good\""), 50u);
  EXPECT_EQ(frames(from_us + " && icmpv6.type == 129 && icmpv6.checksum.status == \"Good\""), 3u);
  EXPECT_GE(frames(from_us + " && icmpv6.type == 136"), 1u) << "Linux asked where we are";
}

}  // namespace
}  // namespace pinion::e2e
