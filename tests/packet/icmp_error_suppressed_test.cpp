// HOSTILE W27 (RFC 1122 3.2.2): no error about an ICMP error, a fragment, what went to many, or
// what came from no single host. And I6: errors are limited, and quote no more than RFC 792 asks
// for.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

const UdpSegment kToClosedPort{.udp = {.dst = 9999}, .data = std::string(64, 'c')};

// The quote: header and first 8 bytes (RFC 792).
std::string quote_of(const UdpSegment& s) {
  return packet_of(s).substr(0, 20 + s.ip.options.size() + 8);
}

TEST(IcmpErrorOutput, PortUnreachable) {  // RFC 1122 4.1.3.1
  Peer peer;
  const Packet request = frame_of(kToClosedPort);
  const Packet error = peer.expect_drop_answered(Drop::udp_no_socket, request);
  EXPECT_EQ(error, frame_of(IcmpSegment{
                       .eth = {.dst = kPeerMac, .src = kOurMac},
                       .ip = {.flags_fragment = kDontFragment, .src = kOurIp, .dst = kPeerIp},
                       .icmp = {.type = 3, .code = 3, .rest = 0},
                       .data = quote_of(kToClosedPort)}));
  EXPECT_LE(error.size(), request.size());  // I6
  peer.expect_baseline();
}

TEST(IcmpErrorOutput, ProtocolUnreachable) {  // RFC 1122 3.2.2.1
  Peer peer;
  const Ipv4Segment unknown{.ip = {.protocol = 132}, .data = std::string(64, 'p')};
  const Decoded d = decode(peer.expect_drop_answered(Drop::ipv4_protocol, frame_of(unknown)));
  ASSERT_TRUE(d.icmp.has_value());
  EXPECT_EQ(d.icmp->type, 3);
  EXPECT_EQ(d.icmp->code, 2);
  EXPECT_EQ(d.data.size(), 28u);
}

// The least error that RFC 1122 3.2.2 allows is 56 bytes of IPv4. A station on the link, which has
// to answer ARP for its address, gets it for less: ten bytes more than the least frame.
TEST(IcmpErrorOutput, I6SmallestRequestOnTheLink) {
  Peer peer;
  const Packet request = padded(frame_of(UdpSegment{.udp = {.dst = 9999}}));
  const Packet error = peer.expect_drop_answered(Drop::udp_no_socket, request);
  EXPECT_EQ(error.size(), 14u + 56u);
}

TEST(IcmpErrorOutput, QuoteHoldsTheOptions) {
  Peer peer;
  UdpSegment with_options = kToClosedPort;
  with_options.ip.options = std::string(40, '\x01');
  const Packet request = frame_of(with_options);
  const Packet error = peer.expect_drop_answered(Drop::udp_no_socket, request);
  EXPECT_EQ(decode(error).data, quote_of(with_options));
  EXPECT_LE(error.size(), request.size());
}

TEST(IcmpErrorOutput, I6ErrorsAreLimited) {
  PeerOptions options;
  options.net.icmp_errors_per_s = 10;
  Peer peer(options);
  for (int i = 0; i < 500; ++i) peer.sends(frame_of(kToClosedPort));
  EXPECT_EQ(peer.take_all().size(), 10u);
  EXPECT_EQ(peer.dropped(Drop::udp_no_socket), 500u);
  EXPECT_EQ(peer.counters().icmp_errors_suppressed, 490u);
  peer.wait(kSecond);
  peer.expect_drop_answered(Drop::udp_no_socket, frame_of(kToClosedPort));
}

TEST(IcmpErrorOutput, W27NotAboutAnIcmpError) {
  Peer peer;
  for (const uint8_t type : {3, 4, 5, 11, 12})
    for (const uint8_t code : {0, 3, 200}) {
      peer.sends(frame_of(IcmpSegment{.icmp = {.type = type, .code = code}, .data = "junk"}));
      peer.sends(frame_of(
          IcmpSegment{.icmp = {.type = type, .code = code}, .data = packet_of(kToClosedPort)}));
      peer.sends(frame_of(IcmpSegment{.icmp = {.type = type, .code = code, .checksum = 7}}));
    }
  peer.expects_nothing();
  EXPECT_EQ(peer.dropped_in_all(), 5u * 3 * 3);
}

TEST(IcmpErrorOutput, W27NotAboutAFragment) {
  Peer peer;
  Ipv4Segment fragment{.ip = {.flags_fragment = 1, .protocol = 132}, .data = std::string(64, 'f')};
  peer.expect_drop(Drop::ipv4_fragment_protocol, frame_of(fragment));
  Ipv4Segment later{.ip = {.flags_fragment = 3, .protocol = 17}, .data = "later"};
  peer.expect_handled(frame_of(later));
  peer.wait(2 * kSecond);  // nor about one whose first fragment never came
  peer.expects_nothing();
}

TEST(IcmpErrorOutput, W27NotAboutWhatWentToMany) {
  Peer peer;
  const Mac group{{0x01, 0, 0x5e, 1, 2, 3}};
  const struct {
    Mac mac;
    Ipv4 dst;
  } many[] = {{kBroadcastMac, kSubnetBroadcast}, {kBroadcastMac, {0xffffffff}},
              {kOurMac, kSubnetBroadcast},       {kOurMac, {0xffffffff}},
              {group, ipv4(224, 1, 2, 3)},       {kOurMac, ipv4(224, 1, 2, 3)},
              {kBroadcastMac, kOurIp},           {group, kOurIp}};
  for (const auto& m : many) {
    peer.sends(frame_of(UdpSegment{
        .eth = {.dst = m.mac}, .ip = {.dst = m.dst}, .udp = {.dst = 9999}, .data = "x"}));
    peer.sends(frame_of(Ipv4Segment{.eth = {.dst = m.mac}, .ip = {.protocol = 132, .dst = m.dst}}));
  }
  peer.expects_nothing();
  EXPECT_EQ(peer.dropped_in_all(), 2 * std::size(many));
  EXPECT_EQ(peer.counters().icmp_errors_sent, 0u);
}

// A source beyond the gateway is nobody that we have verified: it gets no more than it sent.
TEST(IcmpErrorOutput, I6SourceBeyondTheGateway) {
  Peer peer;
  peer.sends(padded(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac, .src = kOtherMac},
                                        .arp = {.sha = kOtherMac, .spa = kGatewayIp}})));
  peer.take_all();
  for (size_t options = 0; options <= 40; options += 20)
    for (size_t length = 0; length <= 64; ++length) {
      const UdpSegment request{
          .ip = {.src = ipv4(192, 0, 2, 7), .options = std::string(options, '\x01')},
          .udp = {.dst = 9999},
          .data = std::string(length, 'r')};
      peer.wait(10 * kMilli);  // the limit of errors is not what this is about
      EXPECT_EQ(peer.reaction_to(frame_of(request)), Drop::udp_no_socket);
      if (length < 28) {
        peer.expects_nothing();
        continue;
      }
      const Decoded error = peer.expects_decoded();
      EXPECT_EQ(error.eth.dst, kOtherMac);
      EXPECT_EQ(error.data, quote_of(request));
      EXPECT_LE(*error.ip->total_length, packet_of(request).size());
    }
}

// What is bad is nothing to complain about.
TEST(IcmpErrorOutput, W27NotAboutWhatIsBroken) {
  Peer peer;
  UdpSegment bad = kToClosedPort;
  bad.udp.checksum = 1;
  peer.expect_drop(Drop::udp_checksum, frame_of(bad));
  bad = kToClosedPort, bad.udp.length = 7;
  peer.expect_drop(Drop::udp_length, frame_of(bad));
  bad = kToClosedPort, bad.ip.checksum = 1;
  peer.expect_drop(Drop::ipv4_checksum, frame_of(bad));
  bad = kToClosedPort, bad.ip.dst = kGatewayIp;
  peer.expect_drop(Drop::ipv4_destination, frame_of(bad));  // we are no router
  bad = kToClosedPort, bad.ip.options = std::string("\x07\0\0\0", 4);
  peer.expect_drop(Drop::ipv4_options, frame_of(bad));
  EXPECT_EQ(peer.counters().icmp_errors_sent, 0u);
}

// RFC 1122 3.2.2: not about what came as a link broadcast, whatever its addresses say.
TEST(IcmpErrorOutput, W27NotAboutALinkBroadcast) {
  Peer peer;
  for (const uint8_t protocol : {17, 99, 132}) {
    const Ipv4Fields ip{.protocol = protocol};
    peer.expect_drop(Drop::ipv4_destination,
                     frame_of(Ipv4Segment{{.dst = kBroadcastMac}, ip, std::string(64, 'b')}));
  }
}

}  // namespace
}  // namespace pinion::testing
