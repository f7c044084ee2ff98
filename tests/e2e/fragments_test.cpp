// Fragments and narrow paths against Linux, over a tap, which shows Pinion each fragment: UDP up to
// its longest both ways and in both families, and pings as long; and two routers with a narrower
// link between them, whose errors UDP and TCP follow (RFC 1191, RFC 8201).
#include <sys/socket.h>

#include <cerrno>
#include <memory>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

constexpr uint16_t kFragmentsPort = 7700;
constexpr size_t kNarrow = 1400;  // bytes of a packet between the routers

// Who is where, in one family.
struct Family {
  const char* any;
  const char* kernel;
  const char* pinion;
  const char* far;
  size_t headers;  // of IP and UDP
  const char* ping;
};
constexpr Family kFamilies[] = {{"0.0.0.0", kKernelIp, kPinionIp, kFarIp, 28, "-4"},
                                {"::", kKernelIp6, kPinionIp6, kFarIp6, 48, "-6"}};

class Fragments : public TapWorld {
 protected:
  void SetUp() override {
    TapWorld::SetUp();
    if (IsSkipped()) return;
    if (!speaks_ipv6()) GTEST_SKIP() << "needs a kernel that speaks IPv6";
    for (const Family& f : kFamilies) {
      ASSERT_TRUE(within(kPatienceMs, [&] {
        return run({"ping", f.ping, "-n", "-c", "1", "-W", "1", f.pinion}).status == 0;
      })) << "the address never answers";
    }
  }
  static AppOptions options(const Family& f) {
    return {.port = kFragmentsPort, .any = f.any, .slice = 65'536, .receives = 4};
  }
  static KernelSocket far_socket(const Family& f) {
    const In far(far_namespace());
    return KernelSocket(f.far);
  }
  // The page that pinionctl reads is renewed from time to time.
  static bool becomes(const char* name, uint64_t value) {
    return within(kPatienceMs, [&] { return gauge(name) == value; });
  }
  // What has reached it, or -EMSGSIZE from us, in the end: what was too long for the path is lost.
  static bool reaches(AppSocket& app, const std::string& bytes, KernelSocket& far) {
    return within(kPatienceMs, [&] {
      const int status = app.send(bytes);
      EXPECT_TRUE(status == 0 || status == -ENOBUFS) << status;
      const auto got = far.receive(1000);
      return got && got->bytes == bytes;
    });
  }
};

TEST_F(Fragments, UdpOfEveryKindOfLengthBothWays) {
  for (const Family& f : kFamilies) {
    AppSocket app(socket_path(), options(f));
    ASSERT_EQ(app.set_option(RIO_SO_FRAGMENT, 1), 0);
    KernelSocket kernel(f.kernel);
    const uint64_t before = gauge("reassembled");
    uint64_t cut = 0;
    for (const size_t length : {1452, 1453, 1473, 2960, 9000, 32'768, 65'506, 65'507}) {
      ASSERT_EQ(kernel.send_to(pattern(length), f.pinion, kFragmentsPort), 0);
      const auto here = app.receive();
      ASSERT_TRUE(here) << length;
      ASSERT_TRUE(here->bytes == pattern(length)) << length;
      ASSERT_EQ(here->ip, f.kernel);
      ASSERT_EQ(app.send(pattern(length), f.kernel, kernel.port()), 0) << length;
      const auto there = kernel.receive();
      ASSERT_TRUE(there) << length;
      ASSERT_TRUE(there->bytes == pattern(length)) << length;
      ASSERT_EQ(there->ip, f.pinion);
      cut += length + f.headers > 1500;
    }
    EXPECT_TRUE(becomes("reassembled", before + cut)) << "it was Pinion that put them together";
  }
}

TEST_F(Fragments, LongestPing) {
  for (const Family& f : kFamilies) {
    const uint64_t before = gauge("reassembled");
    const Outcome o =
        run({"ping", f.ping, "-n", "-c", "3", "-i", "0.2", "-W", "5", "-s", "65507", f.pinion});
    EXPECT_EQ(o.status, 0) << o.output;
    EXPECT_TRUE(becomes("reassembled", before + 3));
  }
}

TEST_F(Fragments, NarrowPathIsTold) {
  const uint64_t before = gauge("udp_path_mtu_lowered");
  for (const Family& f : kFamilies) {
    AppSocket app(socket_path(), options(f));
    KernelSocket far = far_socket(f);
    app.connect(f.far, far.port());
    ASSERT_EQ(app.send(pattern(1500 - f.headers)), 0);
    EXPECT_EQ(app.wait_for_error(), -EMSGSIZE);
    EXPECT_EQ(app.send(pattern(1500 - f.headers)), -EMSGSIZE);
    EXPECT_EQ(app.send(pattern(kNarrow - f.headers + 1)), -EMSGSIZE);
    EXPECT_TRUE(reaches(app, pattern(kNarrow - f.headers), far));
  }
  EXPECT_TRUE(becomes("udp_path_mtu_lowered", before + 2));
}

TEST_F(Fragments, NarrowPathIsFollowed) {
  const uint64_t before = gauge("udp_path_mtu_lowered");
  for (const Family& f : kFamilies) {
    AppSocket app(socket_path(), options(f));
    ASSERT_EQ(app.set_option(RIO_SO_FRAGMENT, 1), 0);
    KernelSocket far = far_socket(f);
    app.connect(f.far, far.port());
    for (const size_t length : {1500 - f.headers, size_t{9000}, size_t{65'507}})
      EXPECT_TRUE(reaches(app, pattern(length), far)) << f.far << " " << length;
  }
  EXPECT_TRUE(becomes("udp_path_mtu_lowered", before + 2)) << "one socket of each family";
}

TEST_F(Fragments, TcpFollowsANarrowPath) {
  constexpr size_t kBytes = 40'000;  // less than the first window: nobody reads meanwhile
  for (const Family& f : kFamilies) {
    const uint64_t before = gauge("tcp_path_mtu_lowered");
    const Ends ends{f.far, f.pinion, f.any};
    App app(socket_path());
    AppStream stream(app, ends);
    std::optional<KernelStream> listener;
    uint16_t port = 0;
    {
      const In far(far_namespace());
      listener.emplace(ends);
      port = listener->listen();
    }
    ASSERT_EQ(stream.connect(port), 0) << rio_last_error();
    KernelStream peer = listener->accept();
    ASSERT_EQ(stream.make_queue(), 0);
    EXPECT_EQ(stream.send(pattern(kBytes)), 0);
    EXPECT_TRUE(peer.receive(kBytes) == pattern(kBytes));
    EXPECT_TRUE(becomes("tcp_path_mtu_lowered", before + 1));
  }
}

// What the routers cut again on their way: fragments of two sizes.
TEST_F(Fragments, FromBeyondTheNarrowLink) {
  for (const Family& f : kFamilies) {
    AppSocket app(socket_path(), options(f));
    KernelSocket far = far_socket(f);
    for (const size_t length : {1500 - f.headers, size_t{9000}, size_t{65'507}}) {
      EXPECT_TRUE(within(kPatienceMs,
                         [&] {
                           far.send_to(pattern(length), f.pinion,
                                       kFragmentsPort);  // Linux may refuse one: -EMSGSIZE
                           const auto got = app.receive(1000);
                           return got && got->bytes == pattern(length);
                         }))
          << f.far << " " << length;
    }
  }
}

}  // namespace
}  // namespace pinion::e2e
