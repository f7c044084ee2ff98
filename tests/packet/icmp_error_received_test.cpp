// RFC 1122 4.1.3.3: an ICMP error is told to the socket that sent what it quotes (RIO_SO_ERROR);
// one that quotes nothing of ours is dropped. Requests do not fail by it. HOSTILE W29 as far as UDP
// without path MTU discovery goes: whatever MTU a router names, nothing is learned from it.
#include <gtest/gtest.h>

#include <cerrno>

#include "support/peer.h"

namespace pinion::testing {
namespace {

// What the peer would quote of a datagram of ours.
UdpSegment ours(uint16_t to_port = kPeerPort) {
  return {.eth = {.dst = kPeerMac, .src = kOurMac},
          .ip = {.flags_fragment = kDontFragment, .src = kOurIp, .dst = kPeerIp},
          .udp = {.src = kOurPort, .dst = to_port},
          .data = "hello"};
}

IcmpSegment unreachable(uint8_t code, const std::string& quote) {
  return {.icmp = {.type = 3, .code = code, .rest = 0}, .data = quote};
}

TEST(IcmpErrorInput, PortUnreachableReachesTheSocket) {
  Peer peer;
  UdpSocket socket(peer);
  socket.send("hello", kPeerEndpoint, 1);
  peer.poll();
  socket.expects_sent(1);
  peer.expects(padded(frame_of(ours())));
  EXPECT_EQ(socket.option(RIO_SO_ERROR), 0);
  peer.expect_handled(frame_of(unreachable(3, packet_of(ours()))));
  EXPECT_EQ(socket.option(RIO_SO_ERROR), -ECONNREFUSED);
  EXPECT_EQ(socket.option(RIO_SO_ERROR), 0) << "reading clears it";
  socket.expects_no_completion();
  socket.send("again", kPeerEndpoint, 2);  // a datagram socket goes on
  peer.poll();
  socket.expects_sent(2);
}

TEST(IcmpErrorInput, EachCodeHasItsErrno) {  // RFC 1122 3.2.2.1, 4.1.3.3
  Peer peer;
  UdpSocket socket(peer, {.remote = kPeerEndpoint});
  const struct {
    uint8_t type, code;
    int64_t error;
  } cases[] = {{3, 0, -ENETUNREACH},   {3, 1, -EHOSTUNREACH},  {3, 2, -ENOPROTOOPT},
               {3, 3, -ECONNREFUSED},  {3, 4, -EMSGSIZE},      {3, 13, -EHOSTUNREACH},
               {11, 0, -EHOSTUNREACH}, {11, 1, -EHOSTUNREACH}, {12, 0, -EPROTO}};
  for (const auto& c : cases) {
    peer.expect_handled(frame_of(IcmpSegment{.icmp = {.type = c.type, .code = c.code, .rest = 0},
                                             .data = packet_of(ours())}));
    EXPECT_EQ(socket.option(RIO_SO_ERROR), c.error) << int{c.type} << "/" << int{c.code};
  }
}

TEST(IcmpErrorInput, QuoteThatIsNotOurs) {
  Peer peer;
  UdpSocket connected(peer, {.remote = kPeerEndpoint});
  UdpSegment forged = ours();
  forged.ip.src = kGatewayIp;
  peer.expect_drop(Drop::icmp_quote, frame_of(unreachable(3, packet_of(forged))));
  forged = ours();
  forged.udp.src = 1;
  peer.expect_drop(Drop::icmp_quote, frame_of(unreachable(3, packet_of(forged))));
  forged = ours(9);  // the socket talks to another port
  peer.expect_drop(Drop::icmp_quote, frame_of(unreachable(3, packet_of(forged))));
  forged = ours();
  forged.ip.protocol = 6;
  peer.expect_drop(Drop::icmp_quote, frame_of(unreachable(3, packet_of(forged))));
  forged = ours();
  forged.ip.flags_fragment = 1;
  peer.expect_drop(Drop::icmp_quote, frame_of(unreachable(3, packet_of(forged))));
  EXPECT_EQ(connected.option(RIO_SO_ERROR), 0);
}

TEST(IcmpErrorInput, QuoteCutAnywhere) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string quote = packet_of(ours());
  for (size_t length = 0; length < 28; ++length)
    peer.expect_drop(Drop::icmp_quote, frame_of(unreachable(3, quote.substr(0, length))));
  EXPECT_EQ(socket.option(RIO_SO_ERROR), 0);
  peer.expect_handled(frame_of(unreachable(3, quote.substr(0, 28))));
  EXPECT_EQ(socket.option(RIO_SO_ERROR), -ECONNREFUSED);
}

TEST(IcmpErrorInput, QuotedHeaderLengthLies) {
  Peer peer;
  UdpSocket socket(peer);
  UdpSegment forged = ours();
  for (const uint8_t ihl : {0, 4, 15}) {
    forged.ip.ihl = ihl;
    peer.expect_drop(Drop::icmp_quote, frame_of(unreachable(3, packet_of(forged).substr(0, 40))));
  }
  EXPECT_EQ(socket.option(RIO_SO_ERROR), 0);
}

TEST(IcmpErrorInput, ToABroadcastAddress) {
  Peer peer;
  UdpSocket socket(peer);
  IcmpSegment error = unreachable(3, packet_of(ours()));
  error.eth.dst = kBroadcastMac, error.ip.dst = kSubnetBroadcast;
  peer.expect_drop(Drop::icmp_broadcast, frame_of(error));
  EXPECT_EQ(socket.option(RIO_SO_ERROR), 0);
}

// The quote may have had options, and may be longer than RFC 792 asks for (RFC 1812 4.3.2.3).
TEST(IcmpErrorInput, QuoteWithOptionsAndWhole) {
  Peer peer;
  UdpSocket socket(peer);
  for (size_t options = 0; options <= 40; options += 4) {
    UdpSegment quoted = ours();
    quoted.ip.options = std::string(options, '\x01');
    const std::string quote = packet_of(quoted);
    peer.expect_drop(Drop::icmp_quote, frame_of(unreachable(3, quote.substr(0, 27 + options))));
    EXPECT_EQ(socket.option(RIO_SO_ERROR), 0);
    for (const size_t length : {28 + options, quote.size()}) {
      peer.expect_handled(frame_of(unreachable(3, quote.substr(0, length))));
      EXPECT_EQ(socket.option(RIO_SO_ERROR), -ECONNREFUSED);
    }
  }
}

TEST(IcmpErrorInput, W29FragmentationNeededWithAnyMtu) {
  Peer peer;
  UdpSocket socket(peer, {.remote = kPeerEndpoint});
  uint64_t context = 0;
  for (const uint32_t mtu : {0, 20, 67, 68, 551, 552, 576, 1499, 1500, 65535})
    for (const uint16_t flags : {kDontFragment, uint16_t{0}}) {  // DF clear: never ours
      UdpSegment quoted = ours();
      quoted.ip.flags_fragment = flags;
      peer.expect_handled(frame_of(
          IcmpSegment{.icmp = {.type = 3, .code = 4, .rest = mtu}, .data = packet_of(quoted)}));
      EXPECT_EQ(socket.option(RIO_SO_ERROR), -EMSGSIZE);
      socket.send(std::string(1472, 'w'), std::nullopt, ++context);
      peer.poll();
      socket.expects_sent(context);
      EXPECT_EQ(peer.expects_decoded().data.size(), 1472u) << "the MTU is the link's";
    }
}

TEST(IcmpErrorInput, W29TenThousandFlowsLeaveNothing) {
  Peer peer;
  UdpSocket socket(peer, {.remote = kPeerEndpoint});
  for (uint32_t i = 0; i < 10'000; ++i) {
    UdpSegment quoted = ours(static_cast<uint16_t>(10'000 + i));
    quoted.ip.dst = {ipv4(172, 16, 0, 0).v + i};
    peer.expect_drop(Drop::icmp_quote,
                     frame_of(IcmpSegment{.ip = {.src = {ipv4(198, 51, 0, 0).v + i + 1}},
                                          .icmp = {.type = 3, .code = 4, .rest = 68},
                                          .data = packet_of(quoted)}));
  }
  EXPECT_EQ(socket.option(RIO_SO_ERROR), 0);
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 1u);
}

TEST(IcmpErrorInput, BadChecksumTellsNobody) {
  Peer peer;
  UdpSocket socket(peer);
  IcmpSegment error = unreachable(3, packet_of(ours()));
  for (const uint16_t wrong : {0x0000, 0xffff, 0x1234}) {
    error.icmp.checksum = wrong;
    peer.expect_drop(Drop::icmp_checksum, frame_of(error));
  }
  EXPECT_EQ(socket.option(RIO_SO_ERROR), 0);
}

}  // namespace
}  // namespace pinion::testing
