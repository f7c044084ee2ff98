// IPv4 and ICMP through Net: what is for us, what is echoed, what earns an error and what must not.
#include <gtest/gtest.h>

#include "support/net_bed.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/udp.h"

namespace pinion {
namespace {

using namespace testing;

constexpr size_t kIpAt = sizeof(EthHdr), kIcmpAt = kIpAt + sizeof(Ipv4Hdr);

Packet echo(Bytes payload = {}, Ipv4 to = kOurs, Ipv4 from = kPeer, LinkEnds link = kIn) {
  return echo_frame(link, from, to, 0x00010002, payload);
}
Packet closed_port(Ipv4 to = kOurs, Ipv4 from = kPeer, LinkEnds link = kIn) {
  return udp_frame(link, {from, to, 1111, 2222}, bytes_of("anybody there, at this closed port?"));
}
uint8_t at(const Packet& p, size_t i) { return static_cast<uint8_t>(p.at(i)); }

TEST(Ipv4, SourcesThatNoHostHas) {
  NetBed bed;
  for (const Ipv4 from :
       {ipv4(0, 0, 0, 0), ipv4(0, 1, 2, 3), ipv4(127, 0, 0, 1), ipv4(224, 0, 0, 1),
        ipv4(240, 0, 0, 1), ipv4(255, 255, 255, 255), ipv4(10, 0, 0, 255), kOurs}) {
    EXPECT_EQ(bed.receive(echo({}, kOurs, from)), Drop::ipv4_source);
    EXPECT_EQ(bed.receive(closed_port(kOurs, from)), Drop::ipv4_source);
  }
  EXPECT_TRUE(bed.sent().empty());
}

// What was found good once is remembered, for its interface and for that address alone.
TEST(Ipv4, AGoodSourceMakesNoOtherOneGood) {
  MemoryPort second{{{2, 0, 0, 0, 0, 3}}};
  NetConfig config;
  config.interfaces = {{.name = "a", .addresses = {{kOurs, 24}}},
                       {.name = "b", .port = &second, .addresses = {{ipv4(10, 9, 0, 1), 16}}}};
  NetBed bed{config};
  const Ipv4 broadcast_of_b = ipv4(10, 9, 255, 255);
  const auto from = [&](Ipv4 source) { return bed.receive(closed_port(kFar, source)); };
  for (const Ipv4 good : {kPeer, broadcast_of_b, kFar, kPeer}) {
    EXPECT_EQ(from(good), Drop::ipv4_destination);
    EXPECT_EQ(from(good), Drop::ipv4_destination);
    for (const Ipv4 bad : {ipv4(0, 0, 0, 0), ipv4(10, 0, 0, 255), kOurs, ipv4(10, 9, 0, 1)})
      EXPECT_EQ(from(bad), Drop::ipv4_source);
  }
  second.receive(closed_port(kFar, broadcast_of_b, {{{2, 0, 0, 0, 0, 3}}, kPeerMac}));
  EXPECT_EQ(bed.receive_queued(), Drop::ipv4_source);
}

TEST(Ipv4, DestinationsThatAreNotOurs) {
  NetBed bed;
  for (const Ipv4 to :
       {kPeer, kFar, ipv4(127, 0, 0, 1), ipv4(0, 0, 0, 0), ipv4(10, 0, 0, 0), ipv4(240, 0, 0, 1)})
    EXPECT_EQ(bed.receive(echo({}, to)), Drop::ipv4_destination);
  EXPECT_EQ(bed.receive(echo({}, kOurs, kPeer, {kBroadcastMac, kPeerMac})), Drop::ipv4_destination)
      << "unicast in a broadcast frame, RFC 1122 3.3.6";
}

TEST(Ipv4, StrongHostTakesAnAddressOnItsInterfaceOnly) {
  MemoryPort second{{{2, 0, 0, 0, 0, 3}}};
  NetConfig config;
  config.interfaces = {{.name = "a", .addresses = {{kOurs, 24}}},
                       {.name = "b", .port = &second, .addresses = {{ipv4(10, 9, 0, 1), 24}}}};
  NetBed bed{config};
  bed.learn();
  EXPECT_EQ(bed.receive(echo({}, ipv4(10, 9, 0, 1))), Drop::ipv4_destination);
  EXPECT_EQ(bed.receive(echo()), Drop::none);
}

TEST(Ipv4, TtlZeroAndOneAreAccepted) {
  NetBed bed;
  bed.learn();
  for (const uint8_t ttl : {0, 1}) {
    Packet p = echo();
    p[kIpAt + 8] = std::byte{ttl};
    fix_ipv4_checksum(p);
    EXPECT_EQ(bed.receive(p), Drop::none);
  }
  EXPECT_EQ(bed.sent().size(), 2u);
}

TEST(Ipv4, FragmentsAreDroppedWithoutAnAnswer) {
  NetConfig off;
  off.reassembly_max = 0;
  NetBed bed(off);
  bed.learn();
  const auto fragment = [&](uint8_t high, uint8_t low, size_t bytes) {
    Ipv4Header h{.ttl = 64, .protocol = kProtocolUdp, .source = kPeer, .destination = kOurs};
    Packet p = ipv4_frame(kIn, h, Packet(bytes));
    p[kIpAt + 6] = std::byte{high};
    p[kIpAt + 7] = std::byte{low};
    fix_ipv4_checksum(p);
    return bed.receive(p);
  };
  EXPECT_EQ(fragment(0x20, 0, 16), Drop::fragment_off);
  EXPECT_EQ(fragment(0, 2, 5), Drop::fragment_off);
  EXPECT_EQ(fragment(0x20, 0, 15), Drop::ipv4_fragment_bad);
  EXPECT_EQ(fragment(0, 2, 0), Drop::ipv4_fragment_bad);
  EXPECT_EQ(fragment(0x60, 0, 16), Drop::ipv4_fragment_bad);
  EXPECT_EQ(fragment(0x80, 0, 16), Drop::ipv4_fragment_bad);
  EXPECT_TRUE(bed.sent().empty());
}

TEST(Icmp, EchoComesBackWhole) {
  NetBed bed;
  bed.learn();
  for (const size_t n : {0, 7, 8, 1471, 1472}) {
    Packet data(n);
    for (size_t i = 0; i < n; ++i) data[i] = static_cast<std::byte>(i * 7);
    ASSERT_EQ(bed.receive(echo(data)), Drop::none) << n;
    const auto out = bed.sent();
    ASSERT_EQ(out.size(), 1u);
    EthPacket eth;
    Ipv4Packet ip;
    IcmpMessage message;
    ASSERT_EQ(eth_parse(out[0], eth), Drop::none);
    ASSERT_EQ(ipv4_parse(eth.payload, ip), Drop::none);
    ASSERT_EQ(icmp_parse(ip.payload, message), Drop::none);
    EXPECT_EQ(eth.dst, kPeerMac);
    EXPECT_EQ(ip.header.source, kOurs);
    EXPECT_EQ(ip.header.destination, kPeer);
    EXPECT_EQ(message.type, kIcmpEchoReply);
    EXPECT_EQ(message.rest, 0x00010002u);
    EXPECT_EQ(Packet(message.body.begin(), message.body.end()), data);
    for (size_t i = kIpAt + ip.header.total_length; i < out[0].size(); ++i)
      EXPECT_EQ(out[0][i], std::byte{0}) << "pad";
  }
}

TEST(Icmp, EchoThatIsNotAnswered) {
  NetBed bed;
  bed.learn();
  Packet bad = echo(bytes_of("data"));
  bad[kIcmpAt + 2] ^= std::byte{1};
  EXPECT_EQ(bed.receive(bad), Drop::icmp_checksum);
  EXPECT_EQ(bed.receive(echo({}, ipv4(10, 0, 0, 255), kPeer, {kBroadcastMac, kPeerMac})),
            Drop::icmp_broadcast);
  EXPECT_EQ(bed.receive(echo({}, ipv4(255, 255, 255, 255), kPeer, {kBroadcastMac, kPeerMac})),
            Drop::icmp_broadcast);
  EXPECT_EQ(bed.receive(echo({}, ipv4(224, 0, 0, 1), kPeer, {{{1, 0, 0x5e, 0, 0, 1}}, kPeerMac})),
            Drop::icmp_broadcast);
  EXPECT_EQ(bed.receive(ipv4_frame(kIn, kPeer, kOurs, kProtocolIcmp, Packet(7))), Drop::icmp_short);
  EXPECT_EQ(bed.receive(icmp_frame(kIn, kPeer, kOurs, 5, 1, Packet(28))), Drop::icmp_type);
  EXPECT_EQ(bed.receive(icmp_frame(kIn, kPeer, kOurs, 0, 0, Packet(28))), Drop::icmp_type);
  EXPECT_EQ(bed.receive(echo(Packet(1473))), Drop::icmp_too_long);
  EXPECT_EQ(bed.receive(echo({}, kOurs, kFar)), Drop::tx_no_route);
  bed.port.pool_frames = 0;
  EXPECT_EQ(bed.receive(echo()), Drop::tx_no_frame);
  EXPECT_TRUE(bed.sent().empty());
}

TEST(Icmp, EchoOfAnUnknownNeighbourWaitsForArp) {
  NetBed bed;
  EXPECT_EQ(bed.receive(echo()), Drop::none);
  auto out = bed.sent();
  ASSERT_EQ(out.size(), 1u);
  Packet expected =
      arp_frame({kBroadcastMac, kOurMac}, {ArpOp::request, kOurMac, kOurs, {}, kPeer});
  expected.resize(kEthFrameMin);
  EXPECT_EQ(out[0], expected);
  EXPECT_EQ(bed.receive(arp_frame(kIn, NetBed::reply())), Drop::none);
  out = bed.sent();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(at(out[0], kIcmpAt), kIcmpEchoReply);
}

TEST(Icmp, EchoesAreLimited) {
  NetConfig config;
  config.icmp_echoes_per_s = 2;
  NetBed bed{config};
  bed.learn();
  EXPECT_EQ(bed.receive(echo()), Drop::none);
  EXPECT_EQ(bed.receive(echo()), Drop::none);
  EXPECT_EQ(bed.receive(echo()), Drop::icmp_rate);
}

TEST(Icmp, ClosedPortIsToldWithHeaderAndEightBytes) {
  NetBed bed;
  bed.learn();
  const Packet request = closed_port();
  ASSERT_EQ(bed.receive(request), Drop::udp_no_socket);
  const auto out = bed.sent();
  ASSERT_EQ(out.size(), 1u);
  EthPacket eth;
  Ipv4Packet ip;
  IcmpMessage message;
  ASSERT_EQ(eth_parse(out[0], eth), Drop::none);
  ASSERT_EQ(ipv4_parse(eth.payload, ip), Drop::none);
  ASSERT_EQ(icmp_parse(ip.payload, message), Drop::none);
  EXPECT_EQ(message.type, kIcmpUnreachable);
  EXPECT_EQ(message.code, kUnreachablePort);
  EXPECT_EQ(message.rest, 0u);
  EXPECT_EQ(Packet(message.body.begin(), message.body.end()),
            Packet(request.begin() + kIpAt, request.begin() + kIpAt + 28));
  EXPECT_LE(out[0].size(), request.size());
}

TEST(Icmp, UnknownProtocolIsTold) {
  NetBed bed;
  bed.learn();
  ASSERT_EQ(bed.receive(ipv4_frame(kIn, kPeer, kOurs, 99, Packet(40))), Drop::ipv4_protocol);
  const auto out = bed.sent();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(at(out[0], kIcmpAt), kIcmpUnreachable);
  EXPECT_EQ(at(out[0], kIcmpAt + 1), kUnreachableProtocol);
}

TEST(Icmp, NoErrorAboutWhatWentToMany) {
  NetBed bed;
  bed.learn();
  const LinkEnds all{kBroadcastMac, kPeerMac}, group{{{1, 0, 0x5e, 1, 1, 1}}, kPeerMac};
  EXPECT_EQ(bed.receive(closed_port(ipv4(10, 0, 0, 255), kPeer, all)), Drop::udp_no_socket);
  EXPECT_EQ(bed.receive(closed_port(ipv4(255, 255, 255, 255), kPeer, all)), Drop::udp_no_socket);
  EXPECT_EQ(bed.receive(closed_port(ipv4(239, 1, 1, 1), kPeer, group)),
            Drop::udp_multicast_not_joined);
  EXPECT_EQ(bed.receive(ipv4_frame(group, kPeer, ipv4(224, 0, 0, 1), 99, Packet(8))),
            Drop::ipv4_protocol);
  EXPECT_TRUE(bed.sent().empty());
  EXPECT_EQ(bed.counters.icmp_errors_suppressed, 3u);
}

TEST(Icmp, ErrorsAreLimitedAndCountedOnce) {
  NetConfig config;
  config.icmp_errors_per_s = 5;
  NetBed bed{config};
  bed.learn();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(bed.receive(closed_port()), Drop::udp_no_socket);
  EXPECT_EQ(bed.sent().size(), 5u);
  EXPECT_EQ(bed.counters.icmp_errors_sent, 5u);
  EXPECT_EQ(bed.counters.icmp_errors_suppressed, 15u);
}

TEST(Icmp, ErrorsThatQuoteNothingOfOurs) {
  NetBed bed;
  const Packet ours = udp_frame(kIn, {kOurs, kPeer, 1, 2}, {});
  const Packet theirs = udp_frame(kIn, {kPeer, kOurs, 1, 2}, {});
  for (const Packet& quoted : {ours, theirs})
    EXPECT_EQ(bed.receive(icmp_frame(kIn, kPeer, kOurs, kIcmpUnreachable, 3,
                                     Bytes{quoted}.subspan(kIpAt, 28))),
              Drop::icmp_quote);
  EXPECT_EQ(bed.receive(icmp_frame(kIn, kPeer, kOurs, kIcmpUnreachable, 3, Packet(4))),
            Drop::icmp_quote);
  EXPECT_TRUE(bed.sent().empty()) << "never an error about an error";
}

}  // namespace
}  // namespace pinion
