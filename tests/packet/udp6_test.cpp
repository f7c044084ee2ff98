// UDP over IPv6 (RFC 8200 8.1, HOSTILE W35, W36): checksums, demultiplexing apart from IPv4, sends
// again along a kept path, and what a socket of one family refuses of the other.
#include <gtest/gtest.h>

#include <cerrno>

#include "packet/ipv6_bed.h"

namespace pinion::testing {
namespace {

const Endpoint kPeer6{kPeerIp6, 5000};

Packet datagram6(const std::string& data, V6 v = {}) {
  return v6_frame(v, kNextUdp, udp6_text(5000, 4000, data));
}

TEST(Udp6, ArrivesWithItsSender) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}});
  for (const size_t length : {0, 1, 5, 6, 7, 512, 1452}) {
    socket.receive(1);
    peer.expect_handled(datagram6(std::string(length, 'd')));
    const rio_abi_completion c = socket.expects_completion();
    EXPECT_EQ(c.status, 0);
    EXPECT_EQ(c.bytes, length);
    EXPECT_EQ(c.family, RIO_FAMILY_IPV6);
    EXPECT_EQ(c.port, 5000);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(c.peer), 16), text_of(kPeerIp6));
  }
}

TEST(Udp6, W36ChecksumZeroAndWrong) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}});
  for (const uint16_t wrong : {0x0000, 0x1234, 0xffff})
    peer.expect_drop(Drop::udp_checksum, datagram6("data", {.checksum = wrong}));
  Frame& frame = peer.queues(datagram6("data", {.checksum = uint16_t{0}}));
  frame.rx_l4_csum = RxCsum::good;  // "none" is not good, whatever the port says
  peer.poll();
  EXPECT_EQ(peer.dropped(Drop::udp_checksum), 4u);
}

TEST(Udp6, W35Lengths) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}});
  for (size_t length = 0; length < 8; ++length)
    peer.expect_drop(Drop::udp_short,
                     v6_frame({.next_header = kNextUdp}, 0, std::string(length, '\x08')));
  for (const unsigned length : {0u, 7u, 13u, 0xffffu}) {
    std::string text = udp6_text(5000, 4000, "data");
    text.replace(4, 2, be16_text(length));
    peer.expect_drop(Drop::udp_length, v6_frame({}, kNextUdp, text));
  }
}

TEST(Udp6, FirstAndLaterSendsLeaveAlike) {
  for (const int offload : {int{kTxNone}, int{kTxUdpCsum}, kTxIpv4Csum | kTxUdpCsum}) {
    Ipv6Peer peer({.tx_offload = static_cast<uint8_t>(offload)});
    peer.resolve();
    UdpSocket socket(peer, {.local = {kOurIp6, 4000}});
    EXPECT_EQ(socket.set_option(RIO_SO_TTL, 7), 0);
    EXPECT_EQ(socket.set_option(RIO_SO_DSCP, 46), 0);
    for (uint64_t i = 0; i < 8; ++i) {
      const std::string data(i * 3, static_cast<char>('a' + i));
      socket.send(data, kPeer6, i);
      peer.poll();
      const Packet frame = peer.expects_frame();
      EXPECT_EQ(frame[14] == std::byte{0x6b} && frame[15] == std::byte{0x80}, true) << "DSCP";
      const Sent6 out = sent6(frame);
      EXPECT_EQ(out.fault, "");
      EXPECT_EQ(out.hop_limit, 7);
      EXPECT_EQ(out.source, kOurIp6);
      EXPECT_EQ(out.destination, kPeerIp6);
      EXPECT_EQ(out.payload.substr(0, 6),
                be16_text(4000) + be16_text(5000) + be16_text(static_cast<unsigned>(8 + i * 3)));
      EXPECT_EQ(out.payload.substr(8), data);
      socket.expects_sent(i);
    }
  }
}

TEST(Udp6, LongestDatagramAndOneMore) {
  Ipv6Peer peer;
  peer.resolve();
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}});
  socket.send(std::string(1452, 'd'), kPeer6, 1);
  socket.send(std::string(1453, 'd'), kPeer6, 2);
  peer.poll();
  EXPECT_EQ(peer.expects6().payload.size(), 1460u);
  socket.expects_sent(1);
  socket.expects_sent(2, -EMSGSIZE);
}

TEST(Udp6, BeyondTheGateway) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kAnyIpv6, 4000}});
  socket.send("far", Endpoint{kFarIp6, 5000}, 1);
  peer.poll();
  const Sent6 question = peer.expects6();
  EXPECT_EQ(question.address(8), ip6("fe80::fe"));
  EXPECT_EQ(question.source, kOurLinkLocal);
  const Mac gateway{{2, 0, 0, 0, 0, 0xfe}};
  peer.expect_handled(
      v6_frame({.src_mac = gateway, .src = ip6("fe80::fe"), .dst = kOurLinkLocal, .hop_limit = 255},
               kNextIcmp6, nd_text(136, 3u << 29, ip6("fe80::fe"), gateway)));
  const Sent6 out = peer.expects6();
  EXPECT_EQ(out.dst, gateway);
  EXPECT_EQ(out.source, kOurIp6) << "of the destination's scope";
  socket.expects_sent(1);
}

TEST(Udp6, FamiliesShareNoPort) {
  Ipv6Peer peer;
  UdpSocket four(peer, {.local = {Ipv4{}, 4000}});
  UdpSocket six(peer, {.local = {kAnyIpv6, 4000}});
  four.receive(4), six.receive(6);
  peer.expect_handled(datagram6("six"));
  EXPECT_EQ(six.expects_received(6), "six");
  peer.expect_handled(padded(frame_of(UdpSegment{.udp = {.dst = 4000}, .data = "four"})));
  EXPECT_EQ(four.expects_received(4), "four");
  four.expects_no_completion();
  six.expects_no_completion();
}

TEST(Udp6, ASocketOfOneFamilyRefusesTheOther) {
  Ipv6Peer peer;
  RawApp& app = peer.app();
  const uint32_t six = app.socket(RIO_FAMILY_IPV6), four = app.socket();
  EXPECT_EQ(app.bind(six, {kOurIp, 4000}).status, -EAFNOSUPPORT);
  EXPECT_EQ(app.bind(four, {kOurIp6, 4000}).status, -EAFNOSUPPORT);
  EXPECT_EQ(app.connect(six, {kPeerIp, 4000}).status, -EAFNOSUPPORT);
  EXPECT_EQ(app.connect(four, {kPeerIp6, 4000}).status, -EAFNOSUPPORT);
  EXPECT_EQ(app.bind(six, {ip6("2001:db8::9"), 4000}).status, -EADDRNOTAVAIL);
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}});
  socket.send("data", kPeerEndpoint, 1);
  socket.send("data", Endpoint{ip6("ff01::1"), 5000}, 2);
  peer.poll();
  socket.expects_sent(1, -EAFNOSUPPORT);
  socket.expects_sent(2, -ENETUNREACH);
  peer.expects_nothing();
}

TEST(Udp6, ConnectedHearsItsPeerAlone) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kAnyIpv6, 4000}, .remote = kPeer6});
  socket.receive(1);
  peer.sends(datagram6("another's", {.src = ip6("2001:db8::3")}));
  EXPECT_EQ(peer.dropped(Drop::udp_no_socket), 1u);
  peer.take_all();
  peer.expect_handled(datagram6("ours"));
  EXPECT_EQ(socket.expects_received(1), "ours");
}

}  // namespace
}  // namespace pinion::testing
