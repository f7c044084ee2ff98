// HOSTILE W25 (RFC 792, RFC 1122 3.2.2.6): the data of an echo comes back whole, from the address
// that was asked; a bad checksum or a broadcast destination is dropped. The 65507-byte request
// comes in fragments.
#include <gtest/gtest.h>

#include "packet/fragments.h"

namespace pinion::testing {
namespace {

Packet reply_with(const std::string& data) {
  return padded(frame_of(IcmpSegment{
      .eth = {.dst = kPeerMac, .src = kOurMac},
      .ip = {.flags_fragment = kDontFragment, .src = kOurIp, .dst = kPeerIp},
      .icmp = {.type = 0},
      .data = data}));
}

TEST(IcmpEcho, W25DataComesBack) {
  Peer peer;
  for (const size_t length : {0, 1, 7, 8, 17, 18, 19, 56, 1471, 1472}) {
    std::string data(length, '\0');
    for (size_t i = 0; i < length; ++i) data[i] = static_cast<char>(i * 31);
    const Packet request = padded(frame_of(IcmpSegment{.data = data}));
    peer.expect_handled(request);
    const Packet reply = reply_with(data);
    peer.expects(reply);
    EXPECT_LE(reply.size(), request.size());  // I6
  }
  peer.expect_baseline();
}

TEST(IcmpEcho, W25BadChecksum) {
  Peer peer;
  for (const uint16_t wrong : {0x0000, 0xffff, 0x1234})
    peer.expect_drop(Drop::icmp_checksum,
                     frame_of(IcmpSegment{.icmp = {.checksum = wrong}, .data = "data"}));
}

TEST(IcmpEcho, W25CutShort) {
  Peer peer;
  for (size_t length = 0; length < 8; ++length)
    peer.expect_drop(Drop::icmp_short, frame_of(Ipv4Segment{.ip = {.protocol = 1},
                                                            .data = std::string(length, '\x08')}));
}

TEST(IcmpEcho, W25ToBroadcastAndMulticast) {
  Peer peer;
  const Mac group{{0x01, 0, 0x5e, 0, 0, 1}};
  peer.expect_drop(Drop::icmp_broadcast,
                   frame_of(IcmpSegment{.eth = {.dst = kBroadcastMac},
                                        .ip = {.dst = kSubnetBroadcast}, .data = "x"}));
  peer.expect_drop(Drop::icmp_broadcast,
                   frame_of(IcmpSegment{.eth = {.dst = kBroadcastMac},
                                        .ip = {.dst = {0xffffffff}}, .data = "x"}));
  peer.expect_drop(Drop::icmp_broadcast,
                   frame_of(IcmpSegment{.eth = {.dst = group},
                                        .ip = {.dst = ipv4(224, 0, 0, 1)}, .data = "x"}));
}

TEST(IcmpEcho, W25FragmentedRequest) {
  Peer peer;
  const std::vector<Packet> request =
      fragments_of(payload_of(IcmpSegment{.data = text_of(65507)}), {.protocol = 1});
  for (const Packet& f : request) peer.expect_handled(f);
  EXPECT_EQ(peer.counters().icmp_echo_replies, 1u);
  peer.wait(kMilli);
  const std::string reply = payload_of(IcmpSegment{.icmp = {.type = 0}, .data = text_of(65507)});
  std::string got;
  std::optional<uint16_t> id;
  for (size_t i = 0; i < request.size(); ++i) {
    const Decoded d = peer.expects_decoded();
    ASSERT_TRUE(d.ip);
    const bool last = i + 1 == request.size();
    EXPECT_EQ(d.ip->flags_fragment, got.size() / 8 | (last ? 0 : kMoreFragments));
    EXPECT_EQ(d.ip->id, id.value_or(d.ip->id));
    EXPECT_EQ(d.ip->dst, kPeerIp);
    id = d.ip->id, got += d.data;
  }
  EXPECT_EQ(got, reply);
  peer.expects_nothing();
  peer.expect_baseline();
}

// All fragments of an answer leave, or none; and it has no more of them than the request.
TEST(IcmpEcho, W25FragmentedAnswerIsWholeOrNotThere) {
  Peer peer;
  const std::string request = payload_of(IcmpSegment{.data = text_of(4000)});
  peer.port.pool_frames = 2;
  for (const Packet& f : fragments_of(request, {.id = 1, .protocol = 1})) peer.sends(f);
  EXPECT_EQ(peer.dropped(Drop::tx_port_full), 1u);
  peer.expects_nothing();
  peer.port.pool_frames = SIZE_MAX;
  const std::vector<Packet> jumbo = fragments_of(request, {.id = 2, .protocol = 1}, 3000);
  peer.expect_handled(jumbo[0]);
  peer.expect_drop(Drop::icmp_too_long, jumbo[1]);
  EXPECT_EQ(peer.port.outstanding(), 0u);
}

// So much does not wait for a neighbour: the next one is answered.
TEST(IcmpEcho, W25FragmentedAnswerToAStranger) {
  Peer peer({.resolved = false});
  const std::string request = payload_of(IcmpSegment{.data = text_of(4000)});
  for (const Packet& f : fragments_of(request, {.id = 1, .protocol = 1})) peer.sends(f);
  EXPECT_EQ(peer.dropped(Drop::tx_neighbour_full), 1u);
  EXPECT_TRUE(peer.expects_decoded().arp.has_value());
  peer.sends(padded(frame_of(ArpSegment{.arp = {.op = 2, .tha = kOurMac}})));
  peer.expects_nothing();
  for (const Packet& f : fragments_of(request, {.id = 2, .protocol = 1})) peer.sends(f);
  EXPECT_EQ(peer.take_all().size(), 3u);
}

// RFC 7739: whoever knows one answer's identification knows no other source's.
TEST(IcmpEcho, W25IdentificationsDiffer) {
  Peer peer;
  const std::string request = payload_of(IcmpSegment{.data = text_of(2000)});
  std::vector<uint16_t> ids;
  for (uint16_t i = 0; i < 3; ++i) {
    for (const Packet& f : fragments_of(request, {.id = i, .protocol = 1})) peer.sends(f);
    ids.push_back(peer.expects_decoded().ip->id);
    peer.expects_decoded();
  }
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_NE(ids[1], ids[2]);
}

// A reply that nobody asked for, and types that RFC 1122 3.2.2 has a host discard in silence.
TEST(IcmpInput, TypesNotHandled) {
  Peer peer;
  for (const uint8_t type : {0, 1, 4, 5, 9, 10, 13, 15, 17, 30, 255})
    peer.expect_drop(Drop::icmp_type, frame_of(IcmpSegment{.icmp = {.type = type}, .data = "x"}));
}

TEST(IcmpEcho, RepliesAreLimited) {  // I6
  PeerOptions options;
  options.net.icmp_echoes_per_s = 5;
  Peer peer(options);
  for (int i = 0; i < 100; ++i) peer.sends(frame_of(IcmpSegment{.data = "flood"}));
  EXPECT_EQ(peer.take_all().size(), 5u);
  EXPECT_EQ(peer.dropped(Drop::icmp_rate), 95u);
}

TEST(IcmpEcho, ReplyWaitsForTheNeighbour) {
  Peer peer({.resolved = false});
  peer.expect_handled(frame_of(IcmpSegment{.data = "who are you"}));
  EXPECT_TRUE(peer.expects_decoded().arp.has_value());
  peer.sends(padded(frame_of(ArpSegment{.arp = {.op = 2, .tha = kOurMac}})));
  peer.expects(reply_with("who are you"));
  peer.expect_baseline();
}

// I2: requests from addresses that do not exist cost a bounded number of waiting replies.
TEST(IcmpEcho, ForgedSourcesAreBounded) {
  Peer peer;
  UdpSocket bystander(peer);
  for (uint32_t i = 0; i < 2000; ++i) {
    const Ipv4 forged = ipv4(10, 0, 0, 3 + i % 200);
    peer.sends(frame_of(IcmpSegment{.ip = {.src = forged}, .data = "x"}));
    EXPECT_LE(peer.kernel->net().neighbours().parked(), 128u);
  }
  peer.take_all();
  bystander.send("I3", kPeerEndpoint, 1);
  peer.poll();
  bystander.expects_sent(1);
  EXPECT_EQ(peer.expects_decoded().data, "I3");
  peer.expect_baseline();
}


// Every single bit of the message, flipped on the way: the checksum covers it all.
TEST(IcmpEcho, W25EveryBitIsCovered) {
  Peer peer;
  const Packet good = frame_of(IcmpSegment{.data = "odd number of bytes"});
  for (size_t bit = (14 + 20) * 8; bit < good.size() * 8; ++bit) {
    Packet bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    peer.expect_drop(Drop::icmp_checksum, bad);
  }
}

// A port may hand up more than its MTU; what cannot leave whole does not leave.
TEST(IcmpEcho, W25LongerThanTheMtu) {
  Peer peer;
  for (const size_t length : {1473, 1474, 8972})
    peer.expect_drop(Drop::icmp_too_long, frame_of(IcmpSegment{.data = std::string(length, 'j')}));
  Peer jumbo({.mtu_bytes = 9000});
  jumbo.expect_handled(frame_of(IcmpSegment{.data = std::string(8972, 'j')}));
  EXPECT_EQ(jumbo.expects_decoded().data.size(), 8972u);
}

// The reply has the data of the request and none of its options.
TEST(IcmpEcho, W25OptionsAreNotEchoed) {
  Peer peer;
  const Packet request =
      frame_of(IcmpSegment{.ip = {.options = std::string(40, '\x01')}, .data = "data"});
  peer.expect_handled(request);
  peer.expects(reply_with("data"));
}

// A request whose source is beyond a gateway is answered by way of it.
TEST(IcmpEcho, ReplyGoesByTheGateway) {
  Peer peer;
  peer.sends(frame_of(IcmpSegment{.ip = {.src = ipv4(192, 0, 2, 7)}, .data = "far"}));
  EXPECT_EQ(peer.expects_decoded().arp->tpa, kGatewayIp);
  peer.sends(padded(frame_of(
      ArpSegment{.arp = {.op = 2, .sha = kOtherMac, .spa = kGatewayIp, .tha = kOurMac}})));
  const Decoded d = peer.expects_decoded();
  EXPECT_EQ(d.eth.dst, kOtherMac);
  EXPECT_EQ(d.ip->dst, ipv4(192, 0, 2, 7));
  EXPECT_EQ(d.data, "far");
}

}  // namespace
}  // namespace pinion::testing
