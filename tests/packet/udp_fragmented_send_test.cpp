// RFC 1122 3.3.3: with RIO_SO_FRAGMENT a datagram over the MTU leaves in fragments that any host
// puts together, up to the longest that UDP has; all of them or none, one completion for all.
#include <gtest/gtest.h>

#include "packet/fragments.h"

namespace pinion::testing {
namespace {

struct Sender {
  explicit Sender(PeerOptions options = {}) : peer(std::move(options)), socket(peer) {
    EXPECT_EQ(socket.set_option(RIO_SO_FRAGMENT, 1), 0);
    EXPECT_EQ(socket.option(RIO_SO_FRAGMENT), 1);
  }
  // What stands behind the IPv4 headers of all fragments of one datagram, which leave in order.
  std::string expects_whole(size_t mtu = 1500) {
    std::string whole;
    for (bool more = true; more;) {
      const Packet frame = peer.expects_frame();
      const Decoded d = decode(frame);
      if (!d.ip) return whole;
      more = (d.ip->flags_fragment & kMoreFragments) != 0;
      EXPECT_EQ(d.ip->flags_fragment, whole.size() / 8 | (more ? kMoreFragments : 0));
      EXPECT_LE(*d.ip->total_length, mtu);
      if (whole.empty()) id = d.ip->id;
      EXPECT_EQ(d.ip->id, id);
      whole += d.data;
    }
    return whole;
  }

  Peer peer;
  UdpSocket socket;
  uint16_t id = 0;
};

std::string datagram_of(const std::string& data) {
  return payload_of(UdpSegment{.ip = {.src = kOurIp, .dst = kPeerIp},
                               .udp = {.src = kOurPort, .dst = kPeerPort},
                               .data = data});
}

TEST(UdpFragments, EveryKindOfLength) {
  Sender s;
  for (const size_t length : {1473, 1474, 1480, 2952, 2953, 9000, 65506, 65507}) {
    const std::string data = text_of(length);
    s.socket.send(data, kPeerEndpoint, length);
    s.peer.wait(kMilli);
    s.socket.expects_sent(length);
    EXPECT_EQ(s.expects_whole(), datagram_of(data)) << length;
    s.peer.expects_nothing();
  }
}

TEST(UdpFragments, PortThatComputesChecksums) {
  Sender s({.tx_offload = kTxIpv4Csum | kTxUdpCsum});
  const std::string data = text_of(5000);
  s.socket.send(data, kPeerEndpoint, 1);
  s.peer.wait(kMilli);
  s.socket.expects_sent(1);
  EXPECT_EQ(s.expects_whole(), datagram_of(data));
}

// Behind a datagram whose path was kept (socket/flow.h), and that path holds afterwards.
TEST(UdpFragments, BetweenShortOnes) {
  Sender s;
  const std::string data = text_of(3000);
  s.socket.send("one", kPeerEndpoint, 1);
  s.socket.send(data, kPeerEndpoint, 2);
  s.socket.send("three", kPeerEndpoint, 3);
  s.peer.wait(kMilli);
  EXPECT_EQ(s.peer.expects_decoded().data, "one");
  EXPECT_EQ(s.expects_whole(), datagram_of(data));
  EXPECT_EQ(s.peer.expects_decoded().data, "three");
  for (const uint64_t context : {1, 2, 3}) s.socket.expects_sent(context);
}

TEST(UdpFragments, Refused) {
  Sender s;
  s.socket.send(std::string(65508, 'x'), kPeerEndpoint, 1);
  s.peer.poll();
  s.socket.expects_sent(1, -EMSGSIZE);
  EXPECT_EQ(s.socket.set_option(RIO_SO_FRAGMENT, 2), -EINVAL);
  EXPECT_EQ(s.socket.set_option(RIO_SO_FRAGMENT, 0), 0);
  s.socket.send(std::string(1473, 'x'), kPeerEndpoint, 2);
  s.peer.poll();
  s.socket.expects_sent(2, -EMSGSIZE);
  s.peer.expects_nothing();
}

// The port takes a few at a time: the completion comes with the last.
TEST(UdpFragments, OneCompletionWhenAllAreTaken) {
  Sender s;
  const std::string data = text_of(6000);  // five fragments
  s.peer.port.tx_accepts = 2;
  s.socket.send(data, kPeerEndpoint, 1);
  s.peer.poll(2);
  s.socket.expects_no_completion();
  s.peer.poll();
  s.socket.expects_sent(1);
  s.socket.expects_no_completion();
  EXPECT_EQ(s.expects_whole(), datagram_of(data));
}

// Too few frames: none leaves, and the send is tried again.
TEST(UdpFragments, AllOrNone) {
  Sender s;
  const std::string data = text_of(6000);
  s.peer.port.pool_frames = 4;
  s.socket.send(data, kPeerEndpoint, 1);
  s.peer.poll(3);
  s.peer.expects_nothing();
  s.socket.expects_no_completion();
  EXPECT_EQ(s.peer.port.outstanding(), 0u);
  s.peer.port.pool_frames = SIZE_MAX;
  s.peer.poll(3);
  s.socket.expects_sent(1);
  EXPECT_EQ(s.expects_whole(), datagram_of(data));
}

// So much does not wait for an answer of ARP: the question leaves, and the next send finds it.
TEST(UdpFragments, NeighbourNotKnownYet) {
  Sender s({.resolved = false});
  s.socket.send(text_of(6000), kPeerEndpoint, 1);
  s.peer.poll();
  s.socket.expects_sent(1, -ENOBUFS);
  EXPECT_TRUE(s.peer.expects_decoded().arp.has_value());
  s.peer.sends(padded(frame_of(ArpSegment{.arp = {.op = 2, .tha = kOurMac}})));
  s.peer.expects_nothing();
  s.socket.send(text_of(6000), kPeerEndpoint, 2);
  s.peer.poll();
  s.socket.expects_sent(2);
  EXPECT_EQ(s.expects_whole(), datagram_of(text_of(6000)));
}

// RFC 7739: the counters of two destinations are not one.
TEST(UdpFragments, IdentificationsOfDestinations) {
  Sender s;
  s.peer.sends(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac, .src = kOtherMac},
                                   .arp = {.sha = kOtherMac, .spa = ipv4(10, 0, 0, 9)}}));
  s.peer.take_all();
  std::vector<uint16_t> ids;
  const Endpoint other{ipv4(10, 0, 0, 9), kPeerPort};
  for (const Endpoint& to : {kPeerEndpoint, other, kPeerEndpoint, other}) {
    s.socket.send(text_of(2000), to, 1);
    s.peer.poll();
    s.expects_whole();
    ids.push_back(s.id);
  }
  EXPECT_NE(ids[0], ids[2]);
  EXPECT_NE(ids[1], ids[3]);
  EXPECT_GT(std::abs(ids[0] - ids[1]), 3);
}

TEST(UdpFragments, LinkGoesDownHalfway) {
  Sender s;
  s.peer.port.tx_accepts = 2;
  s.socket.send(text_of(6000), kPeerEndpoint, 1);
  s.peer.poll();
  s.peer.port.link_is_up = false;
  s.peer.wait(kSecond);
  s.socket.expects_sent(1, -ENETDOWN);
  s.socket.expects_no_completion();
  EXPECT_EQ(s.peer.take_all().size(), 2u);
}

}  // namespace
}  // namespace pinion::testing
