// udp_send and the transmit queue: the bytes on the wire, and every reason to refuse.
#include <gtest/gtest.h>

#include <cerrno>

#include "support/net_bed.h"
#include "wire/checksum.h"
#include "wire/udp.h"

namespace pinion {
namespace {

using namespace testing;

struct Parsed {
  EthPacket eth;
  Ipv4Packet ip;
  UdpDatagram udp;
  Drop why = Drop::none;
};

// With checksums judged.
Parsed parse(const Packet& frame) {
  Parsed p;
  if ((p.why = eth_parse(frame, p.eth)) != Drop::none) return p;
  if ((p.why = ipv4_parse(p.eth.payload, p.ip)) != Drop::none) return p;
  if ((p.why = udp_parse(p.ip.payload, p.udp)) != Drop::none) return p;
  if (!udp_checksum_ok(p.ip.payload, p.udp, p.ip.header.source, p.ip.header.destination))
    p.why = Drop::udp_checksum;
  return p;
}

NetConfig pinned() {
  NetConfig config;
  config.neighbours = {{kPeer, kPeerMac, 0}, {kGateway, kGatewayMac, 0}};
  config.routes = {{ipv4(0, 0, 0, 0), 0, kGateway, 0}};
  return config;
}

TEST(UdpSend, EveryLengthLeavesWholeAndWithoutAStrangersByte) {
  NetBed bed{pinned()};
  for (size_t n = 0; n <= 100; ++n) {
    const Packet payload(n, std::byte{0x42});
    ASSERT_EQ(bed.send(kPeer, payload), 0);
    const auto out = bed.sent();
    ASSERT_EQ(out.size(), 1u);
    const Parsed p = parse(out[0]);
    ASSERT_EQ(p.why, Drop::none) << n;
    EXPECT_EQ(p.eth.dst, kPeerMac);
    EXPECT_EQ(p.ip.header.source, kOurs);
    EXPECT_EQ(p.udp.source_port, 4000);
    EXPECT_EQ(p.udp.destination_port, 5000);
    EXPECT_EQ(Packet(p.udp.payload.begin(), p.udp.payload.end()), payload);
    ASSERT_GE(out[0].size(), kEthFrameMin);
    for (size_t i = 42 + n; i < out[0].size(); ++i) ASSERT_EQ(out[0][i], std::byte{0});
  }
  EXPECT_EQ(bed.port.outstanding(), 0u);
}

TEST(UdpSend, ChecksumIsNeverZeroOnTheWire) {
  NetBed bed{pinned()};
  for (uint32_t i = 0; i < 65536; ++i) {
    const be16 word = be16::of(static_cast<uint16_t>(i));
    ASSERT_EQ(bed.send(kPeer, std::as_bytes(std::span{&word, 1})), 0);
    const auto out = bed.sent();
    const Parsed p = parse(out.at(0));
    ASSERT_EQ(p.why, Drop::none);
    ASSERT_NE(p.udp.checksum, 0);
  }
}

TEST(UdpSend, OffloadLeavesThePseudoHeaderSumToComplete) {
  NetBed bed{pinned(), kTxIpv4Csum | kTxUdpCsum};
  ASSERT_EQ(bed.send(kPeer, bytes_of("hello")), 0);
  bed.net.tx(bed.now);
  auto out = bed.port.take_sent_with_offload();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].tx_offload, kTxIpv4Csum | kTxUdpCsum);
  EXPECT_EQ(out[0].l2_length, 14);
  EXPECT_EQ(out[0].l3_length, 20);
  Packet& frame = out[0].bytes;
  EXPECT_EQ(frame[24], std::byte{0});
  EXPECT_EQ(frame[25], std::byte{0});
  // What a NIC does: sum the datagram as it stands, and put the complement into the field.
  const be16 sum = be16::of(checksum(Bytes{frame}.subspan(34, 13)));
  std::memcpy(&frame[40], &sum, sizeof sum);
  fix_ipv4_checksum(frame);
  EXPECT_EQ(parse(frame).why, Drop::none);
}

TEST(UdpSend, RoutesByGatewayAndSource) {
  NetBed bed{pinned()};
  ASSERT_EQ(bed.send(kFar, bytes_of("x")), 0);
  const auto out = bed.sent();
  const Parsed p = parse(out.at(0));
  EXPECT_EQ(p.eth.dst, kGatewayMac);
  EXPECT_EQ(p.ip.header.destination, kFar);
  EXPECT_EQ(bed.net.source_for(kFar), kOurs);
}

TEST(UdpSend, Refusals) {
  NetBed bed;
  const auto refused = [&](UdpSend send) {
    send.source.port = 1;
    return bed.net.udp_send(send, bed.now);
  };
  const Packet big(1473), largest(1472);
  EXPECT_EQ(refused({.destination = {kPeer, 0}, .payload = {}}), -EINVAL);
  EXPECT_EQ(refused({.destination = {{}, 9}, .payload = {}}), -EINVAL);
  EXPECT_EQ(refused({.destination = {kFar, 9}, .payload = {}}), -ENETUNREACH);
  EXPECT_EQ(refused({.destination = {kOurs, 9}, .payload = {}}), -ENETUNREACH);
  EXPECT_EQ(refused({.destination = {ipv4(127, 0, 0, 1), 9}, .payload = {}}), -ENETUNREACH);
  EXPECT_EQ(refused({.destination = {ipv4(240, 0, 0, 1), 9}, .payload = {}}), -ENETUNREACH);
  EXPECT_EQ(refused({.source = {kFar, 0}, .destination = {kPeer, 9}, .payload = {}}), -ENETUNREACH);
  EXPECT_EQ(refused({.destination = {kPeer, 9}, .payload = big}), -EMSGSIZE);
  EXPECT_EQ(refused({.destination = {ipv4(10, 0, 0, 255), 9}, .payload = {}}), -EACCES);
  EXPECT_EQ(refused({.destination = {ipv4(255, 255, 255, 255), 9}, .payload = {}}), -EACCES);
  bed.port.link_is_up = false;
  bed.pass(kSecond);
  bed.net.tx(bed.now);
  EXPECT_EQ(refused({.destination = {kPeer, 9}, .payload = {}}), -ENETDOWN);
  bed.port.link_is_up = true;
  bed.port.pool_frames = 0;
  EXPECT_EQ(refused({.destination = {kPeer, 9}, .payload = {}}), -EAGAIN);
  EXPECT_TRUE(bed.net.idle());
  EXPECT_EQ(bed.net.neighbours().size(), 0u);
  bed.port.pool_frames = SIZE_MAX;
  EXPECT_EQ(refused({.destination = {kPeer, 9}, .payload = largest}), 0);
}

TEST(UdpSend, Broadcast) {
  NetBed bed;
  for (const Ipv4 to : {ipv4(10, 0, 0, 255), ipv4(255, 255, 255, 255)}) {
    ASSERT_EQ(bed.net.udp_send({.source = {{}, 1},
                                .destination = {to, 9},
                                .broadcast_ok = true,
                                .payload = bytes_of("all")},
                               bed.now),
              0);
    const auto out = bed.sent();
    const Parsed p = parse(out.at(0));
    EXPECT_EQ(p.why, Drop::none);
    EXPECT_EQ(p.eth.dst, kBroadcastMac);
    EXPECT_EQ(p.ip.header.source, kOurs);
  }
}

TEST(UdpSend, QueueKeepsItsOrderAndItsLimit) {
  NetConfig config = pinned();
  config.tx_queue_max = 8;
  config.tx_burst = 4;
  NetBed bed{config};
  bed.port.tx_accepts = 3;
  for (char c = '0'; c < '8'; ++c) ASSERT_EQ(bed.send(kPeer, bytes_of({&c, 1})), 0);
  EXPECT_EQ(bed.send(kPeer, {}), -EAGAIN);
  EXPECT_FALSE(bed.net.idle());
  std::string order;
  for (int pass = 0; pass < 3; ++pass)
    for (const Packet& p : bed.sent()) order += static_cast<char>(p.at(42));
  EXPECT_EQ(order, "01234567");
  EXPECT_TRUE(bed.net.idle());
  EXPECT_EQ(bed.counters.tx_frames, 8u);
}

TEST(UdpSend, UnresolvedNeighbourParksWithinLimits) {
  NetBed bed;
  for (int i = 0; i < 8; ++i) ASSERT_EQ(bed.send(kPeer, bytes_of("wait")), 0);
  EXPECT_EQ(bed.send(kPeer, {}), -ENOBUFS);
  EXPECT_EQ(bed.sent().size(), 1u) << "one request";
  EXPECT_EQ(bed.receive(arp_frame(kIn, NetBed::reply())), Drop::none);
  const auto out = bed.sent();
  ASSERT_EQ(out.size(), 8u);
  for (const Packet& p : out) EXPECT_EQ(parse(p).eth.dst, kPeerMac);
}

TEST(UdpSend, SilentNeighbourFailsIsRememberedAndForgotten) {
  NetBed bed;
  ASSERT_EQ(bed.send(kPeer, bytes_of("lost")), 0);
  EXPECT_EQ(bed.net.next_deadline(), bed.now + kSecond);
  size_t requests = bed.sent().size();
  for (int second = 0; second < 3; ++second) {
    bed.pass(kSecond);
    requests += bed.sent().size();
  }
  EXPECT_EQ(requests, 3u);
  EXPECT_EQ(bed.counters.dropped(Drop::tx_neighbour_failed), 1u);
  EXPECT_EQ(bed.port.outstanding(), 0u);
  EXPECT_EQ(bed.send(kPeer, {}), -EHOSTUNREACH);
  bed.pass(kSecond);
  EXPECT_EQ(bed.net.neighbours().size(), 0u);
  EXPECT_EQ(bed.send(kPeer, {}), 0);
}

TEST(UdpSend, ScanOfSilentNeighboursStaysBoundedAndHarmsNoKnownOne) {
  NetConfig config;
  config.interfaces = {{.name = "wide", .addresses = {{ipv4(10, 0, 0, 1), 16}}}};
  config.neighbours_max = 64;
  config.neighbour_parked_max = 100;
  NetBed bed{config};
  bed.learn();
  ASSERT_EQ(bed.send(kPeer, {}), 0);
  bed.sent();
  size_t accepted = 0;
  for (uint32_t i = 0; i < 10'000; ++i)
    accepted += bed.send({ipv4(10, 0, 1, 0).v + i}, bytes_of("scan")) == 0;
  EXPECT_EQ(accepted, 32u) << "half of the table";
  EXPECT_LE(bed.port.outstanding(), 2 * accepted);
  EXPECT_EQ(bed.send(kPeer, {}), 0);
  bed.sent();
  for (int i = 0; i < 120; ++i) bed.pass(kSecond), bed.sent();
  EXPECT_EQ(bed.port.outstanding(), 0u);
  EXPECT_EQ(bed.net.neighbours().size(), 0u);
  EXPECT_EQ(bed.net.next_deadline(), kNever);
}

TEST(UdpSend, LinkDownEmptiesTheQueue) {
  NetBed bed{pinned()};
  ASSERT_EQ(bed.send(kPeer, {}), 0);
  bed.port.link_is_up = false;
  bed.pass(kSecond);
  EXPECT_TRUE(bed.sent().empty());
  EXPECT_EQ(bed.counters.dropped(Drop::tx_link_down), 1u);
  EXPECT_TRUE(bed.net.idle());
  EXPECT_EQ(bed.port.outstanding(), 0u);
}

}  // namespace
}  // namespace pinion
