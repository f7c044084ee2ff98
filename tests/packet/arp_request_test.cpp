// RFC 826 and RFC 5227: requests for our address are answered, and teach who asked; a probe is
// answered and teaches nothing; others' requests are not our business. Answers are limited.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

Packet answer_to(Mac mac, Ipv4 address) {
  return padded(frame_of(ArpSegment{
      .eth = {.dst = mac, .src = kOurMac},
      .arp = {.op = 2, .sha = kOurMac, .spa = kOurIp, .tha = mac, .tpa = address}}));
}

TEST(ArpInput, RequestForUsIsAnsweredAndLearned) {
  Peer peer({.resolved = false});
  peer.expect_handled(padded(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}})));
  peer.expects(answer_to(kPeerMac, kPeerIp));
  UdpSocket socket(peer);
  socket.send("no question needed", kPeerEndpoint, 1);
  peer.poll();
  EXPECT_EQ(peer.expects_decoded().eth.dst, kPeerMac);
  socket.expects_sent(1);
  peer.expect_baseline();
}

TEST(ArpInput, UnicastRequestIsAnswered) {  // RFC 1122 2.3.2.1 (2), unicast poll
  Peer peer;
  peer.expect_handled(padded(frame_of(ArpSegment{})));
  peer.expects(answer_to(kPeerMac, kPeerIp));
}

TEST(ArpInput, W11ProbeIsAnsweredAndNotLearned) {  // RFC 5227 2.1.1
  Peer peer({.resolved = false});
  const ArpFields probe{.sha = kOtherMac, .spa = {}};
  peer.expect_handled(padded(frame_of(
      ArpSegment{.eth = {.dst = kBroadcastMac, .src = kOtherMac}, .arp = probe})));
  peer.expects(answer_to(kOtherMac, {}));
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 0u);
}

TEST(ArpInput, RequestForAnotherIsNotAnswered) {
  Peer peer({.resolved = false});
  peer.expect_drop(Drop::arp_not_ours, padded(frame_of(ArpSegment{
                                           .eth = {.dst = kBroadcastMac},
                                           .arp = {.tpa = kGatewayIp}})));
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 0u);
}

// I6: no reply is larger than its request, and their number is limited.
TEST(ArpInput, AnswersAreLimited) {
  PeerOptions options;
  options.resolved = false;
  options.net.arp_replies_per_s = 10;
  Peer peer(options);
  const Packet request = padded(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}}));
  for (int i = 0; i < 1000; ++i) peer.sends(request);
  const auto answers = peer.take_all();
  EXPECT_EQ(answers.size(), 10u);
  EXPECT_EQ(peer.dropped(Drop::arp_rate), 990u);
  for (const Packet& answer : answers) EXPECT_LE(answer.size(), request.size());
  peer.wait(kSecond);
  peer.expect_handled(request);
  EXPECT_EQ(peer.take_all().size(), 1u);
  peer.expect_baseline();
}

// RFC 5227 2.4: another station says that it has our address. Nothing changes; it is counted.
TEST(ArpInput, AnotherClaimsOurAddress) {
  Peer peer({.resolved = false});
  const ArpFields announcement{.sha = kOtherMac, .spa = kOurIp, .tpa = kOurIp};
  const EthFields from_other{.dst = kBroadcastMac, .src = kOtherMac};
  peer.expect_drop(Drop::arp_conflict, padded(frame_of(ArpSegment{from_other, announcement})));
  EXPECT_EQ(peer.kernel->net().neighbours().size(), 0u);
}


// A flood of requests for us teaches a bounded number of neighbours, and none that we use is lost.
TEST(ArpInput, W08FloodOfRequestsKeepsWhatIsUsed) {
  PeerOptions options;
  options.net.neighbours_max = 16;
  options.net.arp_replies_per_s = 100'000;
  Peer peer(options);
  UdpSocket socket(peer);
  const auto expect_known = [&](uint64_t context) {
    socket.send("known", kPeerEndpoint, context);
    peer.poll();
    EXPECT_EQ(peer.expects_decoded().eth.dst, kPeerMac);
    socket.expects_sent(context);
  };
  expect_known(1);
  for (uint32_t i = 0; i < 10'000; ++i) {
    const Mac mac{{2, 9, 0, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}};
    const Ipv4 address = ipv4(10, 0, 0, 3 + i % 250);
    peer.sends(padded(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac, .src = mac},
                                          .arp = {.sha = mac, .spa = address}})));
    ASSERT_LE(peer.kernel->net().neighbours().size(), 16u);
  }
  peer.take_all();
  expect_known(2);
}

}  // namespace
}  // namespace pinion::testing
