// What Net tells sockets: deliveries, the outcome of each send exactly once, and ICMP errors. rio
// is replaced by upcalls that write down what they are told.
#include <gtest/gtest.h>

#include <cerrno>

#include "support/net_bed.h"
#include "upcalls/fake_upcalls.h"
#include "wire/icmp.h"

namespace pinion {
namespace {

using namespace testing;
using Outcomes = std::vector<RecordedUpcalls::Outcome>;

struct Upcalls : ::testing::Test {
  NetBed bed;
  Socket sk;
  void SetUp() override {
    upcalls() = {};
    ASSERT_EQ(bed.net.udp().bind(sk, {{}, 7000}, false), 0);
    bed.learn();
  }
  Packet datagram(Ipv4 to = kOurs, LinkEnds link = kIn) {
    return udp_frame(link, {kPeer, to, 1234, 7000}, bytes_of("hello"));
  }
};

TEST_F(Upcalls, DatagramReachesItsSocketWithoutPadding) {
  Packet frame = datagram();
  frame.resize(kEthFrameMin, std::byte{0x5a});
  EXPECT_EQ(bed.receive(frame), Drop::none);
  ASSERT_EQ(upcalls().deliveries.size(), 1u);
  const auto& d = upcalls().deliveries[0];
  EXPECT_EQ(d.socket, &sk);
  EXPECT_EQ(d.payload.size(), 5u);
  EXPECT_EQ(d.from, (Endpoint{kPeer, 1234}));
  EXPECT_EQ(d.to, (Endpoint{kOurs, 7000}));
  EXPECT_EQ(d.time, bed.now);
  EXPECT_FALSE(d.time_is_hardware);
  EXPECT_EQ(bed.counters.udp_received, 1u);
  EXPECT_EQ(bed.port.outstanding(), 0u);
}

TEST_F(Upcalls, HardwareTimeAndChecksumOfThePortAreUsed) {
  Packet bad = datagram();
  bad[40] ^= std::byte{1};  // the port's verdict stands for the sum
  Frame& frame = bed.port.receive(bad);
  frame.hw_time = 77;
  frame.rx_l4_csum = RxCsum::good;
  EXPECT_EQ(bed.receive_queued(), Drop::none);
  ASSERT_EQ(upcalls().deliveries.size(), 1u);
  EXPECT_EQ(upcalls().deliveries[0].time, 77);
  EXPECT_TRUE(upcalls().deliveries[0].time_is_hardware);
}

TEST_F(Upcalls, BroadcastReachesTheWildcard) {
  const LinkEnds all{kBroadcastMac, kPeerMac};
  EXPECT_EQ(bed.receive(datagram(ipv4(255, 255, 255, 255), all)), Drop::none);
  EXPECT_EQ(bed.receive(datagram(ipv4(10, 0, 0, 255), all)), Drop::none);
  EXPECT_EQ(upcalls().deliveries.size(), 2u);
}

TEST_F(Upcalls, SocketsReasonIsTheDropThatCounts) {
  upcalls().answer = Drop::udp_backlog_full;
  EXPECT_EQ(bed.receive(datagram()), Drop::udp_backlog_full);
  EXPECT_EQ(bed.counters.udp_received, 0u);
}

TEST_F(Upcalls, SentIsToldWhenThePortHasTakenTheFrame) {
  ASSERT_EQ(bed.send(kPeer, {}, 11), 0);
  ASSERT_EQ(bed.send(kPeer, {}, 12), 0);
  ASSERT_EQ(bed.send(kPeer, {}, 0), 0);
  EXPECT_TRUE(upcalls().outcomes.empty());
  bed.port.tx_accepts = 1;
  bed.sent();
  EXPECT_EQ(upcalls().outcomes, (Outcomes{{11, 0, &bed}}));
  bed.port.tx_accepts = 8;
  bed.sent();
  EXPECT_EQ(upcalls().outcomes, (Outcomes{{11, 0, &bed}, {12, 0, &bed}}));
  bed.sent();
  EXPECT_EQ(upcalls().outcomes.size(), 2u);
}

TEST_F(Upcalls, ParkedSendsAreToldOfResolution) {
  const Ipv4 other = ipv4(10, 0, 0, 3);
  ASSERT_EQ(bed.send(other, {}, 21), 0);
  bed.sent();
  EXPECT_TRUE(upcalls().outcomes.empty());
  EXPECT_EQ(bed.receive(arp_frame(kIn, NetBed::reply(other, kLiarMac))), Drop::none);
  bed.sent();
  EXPECT_EQ(upcalls().outcomes, (Outcomes{{21, 0, &bed}}));
}

TEST_F(Upcalls, ParkedSendsAreToldOfFailure) {
  const Ipv4 other = ipv4(10, 0, 0, 3);
  ASSERT_EQ(bed.send(other, {}, 31), 0);
  ASSERT_EQ(bed.send(other, {}, 32), 0);
  for (int i = 0; i < 3; ++i) bed.pass(kSecond), bed.sent();
  EXPECT_EQ(upcalls().outcomes, (Outcomes{{31, -EHOSTUNREACH, &bed}, {32, -EHOSTUNREACH, &bed}}));
}

TEST_F(Upcalls, QueuedSendsAreToldOfTheLinksEnd) {
  ASSERT_EQ(bed.send(kPeer, {}, 41), 0);
  bed.port.link_is_up = false;
  bed.pass(kSecond);
  bed.sent();
  EXPECT_EQ(upcalls().outcomes, (Outcomes{{41, -ENETDOWN, &bed}}));
}

TEST_F(Upcalls, RefusedSendsAreNeverTold) {
  bed.port.pool_frames = 0;
  EXPECT_EQ(bed.send(kPeer, {}, 51), -EAGAIN);
  bed.sent();
  EXPECT_TRUE(upcalls().outcomes.empty());
}

TEST_F(Upcalls, IcmpErrorFindsTheSocketThatItQuotes) {
  const Packet quoted = udp_frame({kPeerMac, kOurMac}, {kOurs, kPeer, 7000, 1234}, bytes_of("x"));
  const auto unreachable = [&](uint8_t type, uint8_t code) {
    return icmp_frame(kIn, kPeer, kOurs, type, code, Bytes{quoted}.subspan(sizeof(EthHdr), 28));
  };
  EXPECT_EQ(bed.receive(unreachable(3, 3)), Drop::none);
  EXPECT_EQ(bed.receive(unreachable(3, 1)), Drop::none);
  EXPECT_EQ(bed.receive(unreachable(3, 4)), Drop::none);
  EXPECT_EQ(bed.receive(unreachable(11, 0)), Drop::none);
  ASSERT_EQ(upcalls().errors.size(), 4u);
  EXPECT_EQ(upcalls().errors[0].socket, &sk);
  EXPECT_EQ(upcalls().errors[0].error, -ECONNREFUSED);
  EXPECT_EQ(upcalls().errors[1].error, -EHOSTUNREACH);
  EXPECT_EQ(upcalls().errors[2].error, -EMSGSIZE);
  EXPECT_EQ(upcalls().errors[3].error, -EHOSTUNREACH);
  EXPECT_EQ(bed.counters.icmp_errors_received, 4u);
}

}  // namespace
}  // namespace pinion
