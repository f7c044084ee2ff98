// UDP against Linux: every length that fits one frame, both ways; what does not fit; and datagrams
// that must not get through.
#include <sys/socket.h>

#include "e2e/sockets.h"
#include "e2e/world.h"

namespace pinion::e2e {
namespace {

using Udp = World;

constexpr size_t kLongest = 1472;     // 1500 less the headers of IPv4 and UDP
const size_t kStep = in_vm ? 23 : 1;  // ends with the longest, odd and even
constexpr uint16_t kPort = 7000;

TEST_F(Udp, EveryLengthFromLinux) {
  AppSocket app(socket_path(), {.port = kPort});
  KernelSocket kernel;
  for (size_t length = 0; length <= kLongest; length += kStep) {
    ASSERT_EQ(kernel.send_to(pattern(length), kPinionIp, kPort), 0);
    const auto got = app.receive();
    ASSERT_TRUE(got) << length;
    ASSERT_EQ(got->status, 0) << length;
    ASSERT_EQ(got->bytes, pattern(length)) << length;
    ASSERT_EQ(got->ip, kKernelIp);
    ASSERT_EQ(got->port, kernel.port());
  }
}

TEST_F(Udp, EveryLengthToLinux) {
  AppSocket app(socket_path(), {.port = kPort});
  KernelSocket kernel;
  for (size_t length = 0; length <= kLongest; length += kStep) {
    ASSERT_EQ(app.send(pattern(length), kKernelIp, kernel.port()), 0) << length;
    const auto got = kernel.receive();
    ASSERT_TRUE(got) << length;
    ASSERT_EQ(got->bytes, pattern(length)) << length;
    ASSERT_EQ(got->ip, kPinionIp);
    ASSERT_EQ(got->port, kPort);
  }
}

TEST_F(Udp, ABurstArrivesInOrder) {
  constexpr int kBurst = 200;  // more than are posted: the rest waits in the socket
  AppSocket app(socket_path(), {.port = kPort});
  KernelSocket kernel;
  for (int i = 0; i < kBurst; ++i)
    ASSERT_EQ(kernel.send_to(std::to_string(i), kPinionIp, kPort), 0);
  for (int i = 0; i < kBurst; ++i) {
    const auto got = app.receive();
    ASSERT_TRUE(got) << i;
    ASSERT_EQ(got->bytes, std::to_string(i));
  }
}

TEST_F(Udp, LongerThanTheSlice) {
  AppSocket app(socket_path(), {.port = kPort, .slice = 100});
  KernelSocket kernel;
  EXPECT_EQ(kernel.send_to(pattern(300), kPinionIp, kPort), 0);
  EXPECT_EQ(kernel.send_to("next", kPinionIp, kPort), 0);
  const auto cut = app.receive(), next = app.receive();
  ASSERT_TRUE(cut && next);
  EXPECT_EQ(cut->status, -EMSGSIZE);
  EXPECT_EQ(cut->true_length, 300u);
  EXPECT_EQ(cut->bytes, pattern(300).substr(0, 100));
  EXPECT_EQ(next->status, 0);
  EXPECT_EQ(next->bytes, "next");
}

TEST_F(Udp, LongerThanTheMtu) {
  AppSocket app(socket_path(), {.port = kPort});
  KernelSocket kernel;
  EXPECT_EQ(app.send(pattern(kLongest + 1), kKernelIp, kernel.port()), -EMSGSIZE);
  EXPECT_EQ(app.send("fits", kKernelIp, kernel.port()), 0);
  const auto got = kernel.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "fits") << "nothing of the long one left";
  // Linux cuts this one into fragments; DPDK's net_af_packet asks Linux to put them together again,
  // as long as the whole fits its frames.
  EXPECT_EQ(kernel.send_to(pattern(kLongest + 1), kPinionIp, kPort), 0);
  const auto whole = app.receive();
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, pattern(kLongest + 1));
  const uint64_t before = drops("ipv4_total_length");
  EXPECT_EQ(kernel.send_to(pattern(4000), kPinionIp, kPort), 0);
  EXPECT_TRUE(within(kPatienceMs, [&] { return drops("ipv4_total_length") == before + 1; }));
}

TEST_F(Udp, WithoutAChecksum) {  // RFC 768: the sender need not make one
  AppSocket app(socket_path(), {.port = kPort});
  KernelSocket kernel;
  const int on = 1;
  ASSERT_EQ(setsockopt(kernel.fd(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
  EXPECT_EQ(kernel.send_to("unchecked", kPinionIp, kPort), 0);
  const auto got = app.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "unchecked");
}

TEST_F(Udp, ABadChecksumIsNeverAccepted) {
  const uint64_t before = drops("udp_checksum");
  AppSocket app(socket_path(), {.port = kPort});
  const MacAddress from{2, 0, 0, 0, 0, 7};
  const std::string good = udp_frame(pinion_mac(), from, kKernelIp, kPinionIp, kPort, "genuine");
  std::string bad = good;
  bad.back() = 'X';
  send_raw(bad);
  send_raw(good);
  const auto got = app.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "genuine");
  EXPECT_TRUE(within(kPatienceMs, [&] { return drops("udp_checksum") == before + 1; }));
}

}  // namespace
}  // namespace pinion::e2e
