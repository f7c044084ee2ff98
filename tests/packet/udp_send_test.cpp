// UDP output through the rings: byte-exact frames, and the status of each send that cannot leave.
#include <gtest/gtest.h>

#include <cerrno>

#include "support/peer.h"

namespace pinion::testing {
namespace {

UdpSegment sent(const std::string& data) {
  return {.eth = {.dst = kPeerMac, .src = kOurMac},
          .ip = {.flags_fragment = kDontFragment, .src = kOurIp, .dst = kPeerIp},
          .udp = {.src = kOurPort, .dst = kPeerPort},
          .data = data};
}

TEST(UdpOutput, FrameIsExact) {
  Peer peer;
  UdpSocket socket(peer);
  for (const size_t length : {0, 1, 2, 17, 18, 19, 100, 1471, 1472}) {
    std::string data(length, '\0');
    for (size_t i = 0; i < length; ++i) data[i] = static_cast<char>(i * 13 + length);
    socket.send(data, kPeerEndpoint, length);
    peer.poll();
    const rio_abi_completion c = socket.expects_completion();
    EXPECT_EQ(c.status, 0);
    EXPECT_EQ(c.bytes, length);
    peer.expects(padded(frame_of(sent(data))));
  }
  EXPECT_EQ(peer.counters().udp_sent, 9u);
  peer.expect_baseline();
}

// Each send leaves with the options that hold when it is taken, whatever the one before it had.
TEST(UdpOutput, OptionsOfTheMoment) {
  Peer peer;
  UdpSocket socket(peer);
  UdpSegment expected = sent("x");
  for (const uint8_t ttl : {64, 64, 3, 3, 64}) {
    EXPECT_EQ(socket.set_option(RIO_SO_TTL, ttl), 0);
    expected.ip.ttl = ttl;
    socket.send("x", kPeerEndpoint, ttl);
    peer.poll();
    socket.expects_sent(ttl);
    peer.expects(padded(frame_of(expected)));
  }
}

TEST(UdpOutput, OverTheMtu) {
  Peer peer;
  UdpSocket socket(peer);
  for (const size_t length : {1473, 9000, 65507, 65508}) {
    socket.send(std::string(length, 'x'), kPeerEndpoint, length);
    peer.poll();
    socket.expects_sent(length, -EMSGSIZE);
  }
  peer.expects_nothing();
}

TEST(UdpOutput, WithoutADestination) {
  Peer peer;
  UdpSocket socket(peer);
  socket.send("x", std::nullopt, 1);
  peer.poll();
  socket.expects_sent(1, -EDESTADDRREQ);
  peer.expects_nothing();
}

TEST(UdpOutput, DestinationThatIsNone) {
  Peer peer;
  UdpSocket socket(peer);
  const struct {
    Endpoint to;
    int32_t status;
  } cases[] = {{{{}, 9}, -EINVAL},
               {{kPeerIp, 0}, -EINVAL},
               {{ipv4(127, 0, 0, 1), 9}, -ENETUNREACH},
               {{ipv4(240, 0, 0, 1), 9}, -ENETUNREACH},
               {{kOurIp, 9}, -ENETUNREACH},
               {{kSubnetBroadcast, 9}, -EACCES},
               {{Ipv4{0xffffffff}, 9}, -EACCES}};
  uint64_t context = 0;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.to.address.v4().v);
    socket.send("x", c.to, ++context);
    peer.poll();
    socket.expects_sent(context, c.status);
  }
  peer.expects_nothing();
}

TEST(UdpOutput, BroadcastWithPermission) {
  Peer peer;
  UdpSocket socket(peer);
  EXPECT_EQ(socket.set_option(RIO_SO_BROADCAST, 1), 0);
  for (const Ipv4 dst : {kSubnetBroadcast, Ipv4{0xffffffff}}) {
    socket.send("all", Endpoint{dst, 9}, dst.v);
    peer.poll();
    socket.expects_sent(dst.v);
    const Decoded d = peer.expects_decoded();
    EXPECT_EQ(d.eth.dst, kBroadcastMac);
    EXPECT_EQ(d.ip->dst, dst);
  }
}

TEST(UdpOutput, NoRoute) {
  PeerOptions options;
  options.resolved = false;
  Peer peer(options);
  peer.port.link_is_up = true;
  UdpSocket socket(peer);
  // 10.0.0.0/24 is on-link and the rest goes by the gateway: only what is no host has no route.
  socket.send("x", Endpoint{ipv4(0, 0, 0, 9), 9}, 1);
  peer.poll();
  socket.expects_sent(1, -ENETUNREACH);
}

TEST(UdpOutput, LinkDown) {
  Peer peer;
  UdpSocket socket(peer);
  peer.port.link_is_up = false;
  peer.wait(200 * kMilli);
  socket.send("x", kPeerEndpoint, 1);
  peer.poll();
  EXPECT_EQ(socket.expects_completion().status, -ENETDOWN);
  peer.port.link_is_up = true;
  socket.send("y", kPeerEndpoint, 2);
  peer.wait(200 * kMilli);
  socket.expects_sent(2);
  EXPECT_TRUE(peer.expects_decoded().arp) << "where we are, to whoever is there now";
  EXPECT_EQ(peer.expects_decoded().data, "y");
  peer.expect_baseline();
}

// One bad request among good ones fails alone; completions keep the order of the requests.
TEST(UdpOutput, FailureInTheMiddle) {
  Peer peer;
  UdpSocket socket(peer);
  socket.send("one", kPeerEndpoint, 1);
  socket.send(std::string(2000, 'x'), kPeerEndpoint, 2);
  socket.send("three", kPeerEndpoint, 3);
  peer.poll();
  socket.expects_sent(1);
  socket.expects_sent(2, -EMSGSIZE);
  socket.expects_sent(3);
  EXPECT_EQ(peer.expects_decoded().data, "one");
  EXPECT_EQ(peer.expects_decoded().data, "three");
}

}  // namespace
}  // namespace pinion::testing
