// HOSTILE W12 (RFC 1122 2.3.2.1, 2.3.2.2): sends to a neighbour that is not known wait, a bounded
// number of them; it is asked at most once a second; they leave in order after its answer, or fail
// with -EHOSTUNREACH.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>

#include "support/peer.h"

namespace pinion::testing {
namespace {

Packet answer(Ipv4 address = kPeerIp, Mac mac = kPeerMac) {
  return padded(frame_of(ArpSegment{.eth = {.src = mac},
                                    .arp = {.op = 2, .sha = mac, .spa = address, .tha = kOurMac}}));
}

TEST(ArpOutput, SendsLeaveInOrderAfterTheAnswer) {
  Peer peer({.resolved = false});
  UdpSocket socket(peer);
  const std::string texts[] = {"one", "two", "three", "four"};
  for (uint64_t i = 0; i < 4; ++i) socket.send(texts[i], kPeerEndpoint, i);
  peer.poll();
  peer.expects(
      padded(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac, .src = kOurMac},
                                 .arp = {.sha = kOurMac, .spa = kOurIp, .tpa = kPeerIp}})));
  peer.expects_nothing();
  socket.expects_no_completion();
  peer.expect_handled(answer());
  for (uint64_t i = 0; i < 4; ++i) {
    const Decoded d = peer.expects_decoded();
    EXPECT_EQ(d.data, texts[i]);
    EXPECT_EQ(d.eth.dst, kPeerMac);
    socket.expects_sent(i);
  }
  peer.expect_baseline();
}

// A later datagram to a known neighbour does not wait for an earlier one to another; completions
// still come in the order of the requests (rio.h).
TEST(ArpOutput, WaitingSendHoldsBackCompletionsNotFrames) {
  Peer peer;
  UdpSocket socket(peer);
  socket.send("to nobody yet", Endpoint{kGatewayIp, 9}, 1);
  socket.send("to the peer", kPeerEndpoint, 2);
  peer.poll();
  EXPECT_TRUE(peer.expects_decoded().arp.has_value());
  EXPECT_EQ(peer.expects_decoded().data, "to the peer");
  socket.expects_no_completion();
  peer.expect_handled(answer(kGatewayIp, kOtherMac));
  EXPECT_EQ(peer.expects_decoded().data, "to nobody yet");
  socket.expects_sent(1);
  socket.expects_sent(2);
}

TEST(ArpOutput, OffLinkDestinationAsksForTheGateway) {
  Peer peer;
  UdpSocket socket(peer);
  socket.send("far", Endpoint{ipv4(192, 0, 2, 1), 9}, 1);
  peer.poll();
  EXPECT_EQ(peer.expects_decoded().arp->tpa, kGatewayIp);
  peer.expect_handled(answer(kGatewayIp, kOtherMac));
  const Decoded d = peer.expects_decoded();
  EXPECT_EQ(d.eth.dst, kOtherMac);
  EXPECT_EQ(d.ip->dst, ipv4(192, 0, 2, 1));
  socket.expects_sent(1);
}

TEST(ArpOutput, W12NoAnswerIsHostUnreachable) {
  Peer peer({.resolved = false});
  UdpSocket socket(peer);
  const Nanos start = peer.now;
  for (uint64_t i = 0; i < 3; ++i) socket.send("lost", kPeerEndpoint, i);
  peer.wait(2 * kSecond + 500 * kMilli);
  EXPECT_EQ(peer.take_all().size(), 3u);  // the question, thrice
  socket.expects_no_completion();
  peer.wait(kSecond);
  for (uint64_t i = 0; i < 3; ++i) socket.expects_sent(i, -EHOSTUNREACH);
  EXPECT_LE(peer.now - start, 4 * kSecond);
  EXPECT_EQ(peer.dropped(Drop::tx_neighbour_failed), 3u);
  // A moment later it fails at once: no second question before the interval is over.
  socket.send("lost too", kPeerEndpoint, 3);
  peer.poll();
  socket.expects_sent(3, -EHOSTUNREACH);
  peer.expects_nothing();
  peer.expect_baseline();
  // And then it is asked again.
  socket.send("once more", kPeerEndpoint, 4);
  peer.poll();
  EXPECT_TRUE(peer.expects_decoded().arp.has_value());
}

TEST(ArpOutput, W12OneNeighboursQueueIsBounded) {
  PeerOptions options;
  options.resolved = false;
  options.net.neighbour_queue_max = 4;
  Peer peer(options);
  UdpSocket socket(peer);
  for (uint64_t i = 0; i < 6; ++i) socket.send(std::to_string(i), kPeerEndpoint, i);
  peer.poll();
  EXPECT_EQ(peer.kernel->net().neighbours().parked(), 4u);
  peer.take_all();
  peer.sends(answer());
  for (uint64_t i = 0; i < 4; ++i) EXPECT_EQ(peer.expects_decoded().data, std::to_string(i));
  for (uint64_t i = 0; i < 6; ++i) socket.expects_sent(i, i < 4 ? 0 : -ENOBUFS);
}

TEST(ArpOutput, W12TenThousandSilentNeighbours) {
  PeerOptions options;
  options.net.routes.push_back({.prefix = ipv4(10, 64, 0, 0), .prefix_length = 10, .via = {}});
  Peer peer(options);
  constexpr uint32_t kNeighbours = 10'000, kBatch = 64;
  UdpSocket socket(peer, {.receives = 0, .sends = 4096});
  UdpSocket bystander(peer, {.session = 1, .local = {kOurIp, 6000}});
  uint64_t completions = 0, unreachable = 0;
  std::map<uint32_t, Nanos> asked;  // by address: when last
  const auto look = [&] {
    for (const Packet& frame : peer.take_all()) {
      const Decoded d = decode(frame);
      if (!d.arp) continue;
      const auto [it, first] = asked.try_emplace(d.arp->tpa.v, peer.now);
      EXPECT_TRUE(first || peer.now - it->second >= kSecond - kMilli) << "more than one a second";
      it->second = peer.now;
    }
    while (const auto c = socket.app().dequeue(socket.cq())) {
      ++completions;
      EXPECT_TRUE(c->status == -EHOSTUNREACH || c->status == -ENOBUFS) << c->status;
      unreachable += c->status == -EHOSTUNREACH;
    }
  };
  for (uint32_t i = 0; i < kNeighbours; ++i) {
    socket.send("anyone", Endpoint{Ipv4{ipv4(10, 64, 0, 0).v + 1 + i}, 9}, i);
    if (i % kBatch != kBatch - 1) continue;
    bystander.send("still here", kPeerEndpoint, i);
    peer.poll(2);
    bystander.expects_sent(i);  // I3
    look();
    EXPECT_LE(peer.kernel->net().neighbours().parked(), 512u);
    EXPECT_LE(peer.kernel->net().neighbours().size(), 1024u);
  }
  for (int second = 0; second < 8; ++second) peer.wait(kSecond), look();
  EXPECT_EQ(completions, kNeighbours);
  // Each that could wait was told so: as many as the session's share of three quarters of the room.
  constexpr uint64_t kShare = 512u * 3 / 4 / 4;
  EXPECT_GE(unreachable, kShare);
  peer.expect_baseline();
}

}  // namespace
}  // namespace pinion::testing
