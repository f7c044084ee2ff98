// ICMP errors against Linux, in both directions: what one side says about a datagram reaches the
// socket of the other that sent it.
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>  // wants time.h before it

#include <cstring>

#include "e2e/sockets.h"
#include "e2e/world.h"

namespace pinion::e2e {
namespace {

using IcmpErrors = World;

constexpr uint16_t kClosedPort = 9;

TEST_F(IcmpErrors, PortUnreachableFromPinion) {
  const uint64_t before = drops("udp_no_socket");
  KernelSocket kernel;
  kernel.connect(kPinionIp, kClosedPort);
  EXPECT_EQ(kernel.send("anybody?"), 0);
  EXPECT_EQ(kernel.receive_error(), -ECONNREFUSED);
  EXPECT_TRUE(within(kPatienceMs, [&] { return drops("udp_no_socket") == before + 1; }));
}

TEST_F(IcmpErrors, PortUnreachableFromLinux) {
  AppSocket app(socket_path());
  app.connect(kKernelIp, kClosedPort);
  EXPECT_EQ(app.send("anybody?"), 0);
  EXPECT_EQ(app.wait_for_error(), -ECONNREFUSED);
  EXPECT_EQ(app.option(RIO_SO_ERROR), 0);
  EXPECT_EQ(app.send("still there"), 0);  // a datagram socket goes on
}

// As traceroute does: the last hop says that nobody is at the port, and who it is.
TEST_F(IcmpErrors, PinionIsTheLastHop) {
  KernelSocket kernel;
  const int on = 1, one = 1;
  ASSERT_EQ(setsockopt(kernel.fd(), IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
  ASSERT_EQ(setsockopt(kernel.fd(), IPPROTO_IP, IP_TTL, &one, sizeof one), 0);
  EXPECT_EQ(kernel.send_to("probe", kPinionIp, 33434), 0);
  pollfd p{kernel.fd(), POLLERR, 0};
  ASSERT_EQ(poll(&p, 1, kPatienceMs), 1);
  char data[64], control[512];
  iovec io{data, sizeof data};
  msghdr message{};
  message.msg_iov = &io, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof control;
  ASSERT_GE(recvmsg(kernel.fd(), &message, MSG_ERRQUEUE), 0) << std::strerror(errno);
  const cmsghdr* c = CMSG_FIRSTHDR(&message);
  while (c != nullptr && c->cmsg_type != IP_RECVERR)
    c = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(c));
  ASSERT_NE(c, nullptr);
  sock_extended_err error;
  std::memcpy(&error, CMSG_DATA(c), sizeof error);
  EXPECT_EQ(error.ee_type, ICMP_DEST_UNREACH);
  EXPECT_EQ(error.ee_code, ICMP_PORT_UNREACH);
  sockaddr_in who;
  std::memcpy(&who, CMSG_DATA(c) + sizeof error, sizeof who);
  EXPECT_EQ(ntohl(who.sin_addr.s_addr), 0x0a4d0002u);  // kPinionIp
}

// Linux as the router on the way: it counts the time to live down to 0 and says so.
TEST_F(IcmpErrors, TimeExceededOnTheWay) {
  AppSocket app(socket_path());
  app.connect(kBehindIp, 33434);
  ASSERT_EQ(app.set_option(RIO_SO_TTL, 1), 0);
  EXPECT_EQ(app.send("probe"), 0);
  EXPECT_EQ(app.wait_for_error(), -EHOSTUNREACH);
}

}  // namespace
}  // namespace pinion::e2e
