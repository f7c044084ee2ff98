// ICMPv6 errors, sent and received (RFC 4443 2.4, 3; RFC 5927 as far as it fits IPv6).
#include <gtest/gtest.h>

#include <cerrno>

#include "packet/ipv6_bed.h"

namespace pinion::testing {
namespace {

std::string quoted_datagram(Ip src, Ip dst, uint8_t next, const std::string& data) {
  return bytes8({0x60, 0, 0, 0}) + be16_text(static_cast<unsigned>(data.size())) +
         bytes8({next, 64}) + text_of(src) + text_of(dst) + data;
}

TEST(Icmp6Error, PortUnreachableQuotesWhatFitsTheLeastMtu) {
  Ipv6Peer peer;
  peer.resolve();
  for (const size_t length : {0, 8, 1183, 1184, 1185, 1452}) {
    const std::string datagram = udp6_text(4000, 9999, std::string(length, 'd'));
    const Packet frame = v6_frame({}, kNextUdp, datagram);
    const Sent6 out = sent6(peer.expect_drop_answered(Drop::udp_no_socket, frame));
    EXPECT_EQ(out.fault, "");
    EXPECT_EQ(out.payload.substr(0, 2), bytes8({1, 4}));
    EXPECT_EQ(out.word(4), 0u);
    EXPECT_EQ(out.payload.size(), std::min<size_t>(8 + 40 + datagram.size(), 1240));
    const std::string packet(reinterpret_cast<const char*>(frame.data()) + 14,
                             40 + datagram.size());
    EXPECT_EQ(out.payload.substr(8), packet.substr(0, out.payload.size() - 8));
  }
}

TEST(Icmp6Error, NotAboutWhatWentToManyOrCameFromNobody) {
  Ipv6Peer peer;
  peer.resolve();
  const std::string datagram = udp6_text(4000, 9999, "data");
  peer.expect_drop(Drop::udp_multicast_not_joined,
                   v6_frame({.dst_mac = kAllNodesMac, .dst = kAllNodes6}, kNextUdp, datagram));
}

TEST(Icmp6Error, BeyondAGatewayNoMoreThanItSent) {  // I6
  Ipv6Peer peer;
  const Mac gateway{{2, 0, 0, 0, 0, 0xfe}};
  peer.sends(
      v6_frame({.src_mac = gateway, .src = ip6("fe80::fe"), .dst = kOurLinkLocal, .hop_limit = 255},
               kNextIcmp6, nd_text(135, 0, kOurLinkLocal, gateway)));
  peer.take_all();
  const auto from_afar = [&](size_t length) {
    return v6_frame({.src_mac = gateway, .src = kFarIp6}, kNextUdp,
                    udp6_text(4000, 9999, std::string(length, 'd')));
  };
  peer.expect_drop(Drop::udp_no_socket, from_afar(40));
  const Packet frame = from_afar(200);
  const Packet answer = peer.expect_drop_answered(Drop::udp_no_socket, frame);
  EXPECT_LE(answer.size(), frame.size());
}

TEST(Icmp6Error, IsLimited) {
  PeerOptions options;
  options.net.icmp_errors_per_s = 3;
  Ipv6Peer peer(options);
  peer.resolve();
  for (int i = 0; i < 10; ++i) peer.sends(v6_frame({}, kNextUdp, udp6_text(1, 9999, "data")));
  EXPECT_EQ(peer.take_all().size(), 3u);
}

TEST(Icmp6Error, OfADatagramOfOursIsTold) {
  struct Case {
    uint8_t type, code;
    int error;
  };
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}, .remote = Endpoint{kPeerIp6, 5000}});
  for (const Case c : {Case{1, 0, -ENETUNREACH},
                       {1, 1, -EACCES},
                       {1, 3, -EHOSTUNREACH},
                       {1, 4, -ECONNREFUSED},
                       {2, 0, -EMSGSIZE},
                       {3, 0, -EHOSTUNREACH},
                       {4, 1, -ENOPROTOOPT},
                       {4, 0, -EPROTO}}) {
    const std::string quote =
        quoted_datagram(kOurIp6, kPeerIp6, kNextUdp, udp6_text(4000, 5000, "data"));
    peer.expect_handled(
        v6_frame({.src = kFarIp6}, kNextIcmp6, icmp6_text(c.type, c.code, 1300, quote)));
    EXPECT_EQ(static_cast<int>(socket.option(RIO_SO_ERROR)), c.error);
  }
}

TEST(Icmp6Error, QuotesThatAreNoneOfOurs) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}, .remote = Endpoint{kPeerIp6, 5000}});
  UdpSocket mapped(peer, {.local = {kOurIp, 4000}, .remote = Endpoint{kPeerIp, 5000}});
  const std::string ports = udp6_text(4000, 5000, "data");
  const auto error = [](const std::string& quote) {
    return v6_frame({}, kNextIcmp6, icmp6_text(1, 4, 0, quote));
  };
  peer.expect_drop(Drop::icmp6_quote, error(quoted_datagram(kFarIp6, kPeerIp6, 17, ports)));
  peer.expect_drop(Drop::icmp6_quote, error(quoted_datagram(kOurIp6, kFarIp6, 17, ports)));
  peer.expect_drop(Drop::icmp6_quote, error(quoted_datagram(kOurIp6, kPeerIp6, 58, ports)));
  peer.expect_drop(
      Drop::icmp6_quote,  // W76: IPv4 by another name
      error(quoted_datagram(ip6("::ffff:10.0.0.1"), ip6("::ffff:10.0.0.2"), 17, ports)));
  const std::string whole = quoted_datagram(kOurIp6, kPeerIp6, 17, ports.substr(0, 8));
  for (size_t length = 0; length < whole.size(); ++length)
    peer.expect_drop(Drop::icmp6_quote, error(whole.substr(0, length)));
  EXPECT_EQ(socket.option(RIO_SO_ERROR), 0);
  EXPECT_EQ(mapped.option(RIO_SO_ERROR), 0);
  peer.expect_drop(Drop::icmp6_group, v6_frame({.dst_mac = kAllNodesMac, .dst = kAllNodes6},
                                               kNextIcmp6, icmp6_text(1, 4, 0, whole)));
}

}  // namespace
}  // namespace pinion::testing
