// UDP input through Net, for ports that nobody has bound: which datagrams are looked at and which
// are not even that. Deliveries are in tests/upcalls and tests/packet.
#include <gtest/gtest.h>

#include "support/net_bed.h"
#include "wire/udp.h"

namespace pinion {
namespace {

using namespace testing;

constexpr size_t kUdpAt = sizeof(EthHdr) + sizeof(Ipv4Hdr);

Packet closed_port() {
  return udp_frame(kIn, {kPeer, kOurs, 1111, 2222}, bytes_of("is anybody there, at this port?"));
}

TEST(UdpInput, HeaderRules) {
  NetBed bed;
  Packet p = closed_port();
  p[kUdpAt + 7] ^= std::byte{1};
  EXPECT_EQ(bed.receive(p), Drop::udp_checksum);
  p[kUdpAt + 6] = p[kUdpAt + 7] = std::byte{0};
  EXPECT_EQ(bed.receive(p), Drop::udp_no_socket) << "no checksum is allowed";
  EXPECT_EQ(bed.receive(udp_frame(kIn, {kPeer, kOurs, 1, 0}, {})), Drop::udp_port_zero);
  for (uint8_t length = 0; length < 8; ++length) {
    p[kUdpAt + 4] = std::byte{0}, p[kUdpAt + 5] = std::byte{length};
    EXPECT_EQ(bed.receive(p), Drop::udp_length);
  }
}

TEST(UdpInput, OnlyAGoodVerdictOfThePortCounts) {
  NetBed bed;
  Packet wrong = closed_port();
  wrong[kUdpAt + 7] ^= std::byte{1};
  const struct {
    RxCsum verdict;
    Drop right, wrong;
  } cases[] = {{RxCsum::unknown, Drop::udp_no_socket, Drop::udp_checksum},
               {RxCsum::bad, Drop::udp_no_socket, Drop::udp_checksum},
               {RxCsum::good, Drop::udp_no_socket, Drop::udp_no_socket}};
  for (const auto& c : cases) {
    bed.port.receive(closed_port()).rx_l4_csum = c.verdict;
    EXPECT_EQ(bed.receive_queued(), c.right);
    bed.port.receive(wrong).rx_l4_csum = c.verdict;
    EXPECT_EQ(bed.receive_queued(), c.wrong);
  }
}

TEST(UdpInput, LinkAndAddressesDecideFirst) {
  NetBed bed;
  const Bytes data = bytes_of("x");
  EXPECT_EQ(bed.receive(udp_frame(kIn, {kPeer, kGateway, 1, 2}, data)), Drop::ipv4_destination);
  EXPECT_EQ(bed.receive(udp_frame(kIn, {kPeer, ipv4(239, 1, 2, 3), 1, 2}, data)),
            Drop::udp_multicast_not_joined);
  EXPECT_EQ(bed.receive(udp_frame(kIn, {kPeer, ipv4(10, 0, 0, 255), 1, 2}, data)),
            Drop::udp_no_socket);
  EXPECT_EQ(bed.counters.icmp_errors_sent, 0u) << "none about what went to many";
}

}  // namespace
}  // namespace pinion
