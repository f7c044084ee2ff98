// Which socket gets a datagram (RFC 1122 4.1.3.5 and the socket API's custom): the connected one,
// then the bound address, then the wildcard; and who is told when nobody does.
#include <gtest/gtest.h>

#include <cerrno>

#include "support/peer.h"

namespace pinion::testing {
namespace {

constexpr Ipv4 kSecondIp = ipv4(10, 1, 0, 1), kSecondPeer = ipv4(10, 1, 0, 2);

TEST(UdpDemux, ConnectedSocketHearsItsPeerOnly) {
  Peer peer;
  UdpSocket socket(peer, {.remote = kPeerEndpoint});
  socket.receive(1);
  peer.poll();
  const Packet wrong_port = frame_of(UdpSegment{.udp = {.src = 9}, .data = std::string(64, 'x')});
  peer.expect_drop_answered(Drop::udp_no_socket, wrong_port);
  peer.sends(frame_of(UdpSegment{.ip = {.src = kGatewayIp}, .data = std::string(64, 'x')}));
  EXPECT_EQ(peer.dropped(Drop::udp_no_socket), 2u);
  peer.take_all();
  socket.expects_no_completion();
  peer.expect_handled(frame_of(UdpSegment{.data = "from the peer"}));
  EXPECT_EQ(socket.expects_received(1), "from the peer");
}

TEST(UdpDemux, ConnectedSendNeedsNoAddress) {
  Peer peer;
  UdpSocket socket(peer, {.local = {}, .remote = kPeerEndpoint});
  socket.send("to the peer", std::nullopt, 1);
  peer.poll();
  socket.expects_sent(1);
  const Decoded d = peer.expects_decoded();
  EXPECT_EQ(d.ip->dst, kPeerIp);
  EXPECT_EQ(d.udp->dst, kPeerPort);
  EXPECT_EQ(d.ip->src, kOurIp);
  EXPECT_GE(d.udp->src, 32768) << "an ephemeral port (RFC 6056)";
}

TEST(UdpDemux, MostSpecificWins) {
  PeerOptions options;
  options.net.interfaces.push_back({.name = "nic1", .addresses = {{kSecondIp, 24}}, .vlan_id = 9});
  Peer peer(options);
  UdpSocket wildcard(peer, {.local = {{}, 6000}});
  UdpSocket exact(peer, {.session = 1, .local = {kOurIp, kOurPort}});
  wildcard.receive(1), exact.receive(2);
  peer.poll();
  peer.expect_handled(frame_of(UdpSegment{.data = "exact"}));
  EXPECT_EQ(exact.expects_received(2), "exact");
  // The wildcard hears every address of the host.
  peer.expect_handled(frame_of(UdpSegment{.eth = {.vlan_tci = 9},
                                          .ip = {.src = kSecondPeer, .dst = kSecondIp},
                                          .udp = {.dst = 6000},
                                          .data = "wild"}));
  EXPECT_EQ(wildcard.expects_received(1), "wild");
}

TEST(UdpDemux, PortInUse) {
  Peer peer;
  UdpSocket first(peer);
  RawApp& other = peer.app(1);
  EXPECT_EQ(other.bind(other.socket(), {kOurIp, kOurPort}).status, -EADDRINUSE);
  EXPECT_EQ(other.bind(other.socket(), {{}, kOurPort}).status, -EADDRINUSE);
  EXPECT_EQ(other.bind(other.socket(), {kPeerIp, 1234}).status, -EADDRNOTAVAIL);
}

// A datagram that waited before connect stays; later ones are held to the peer.
TEST(UdpDemux, UnboundSocketIsBoundByItsFirstSend) {
  Peer peer;
  UdpSocket socket(peer, {.local = {}});
  socket.send("hello", kPeerEndpoint, 1);
  peer.poll();
  socket.expects_sent(1);
  const Decoded d = peer.expects_decoded();
  socket.receive(2);
  peer.poll();
  peer.expect_handled(frame_of(UdpSegment{.udp = {.dst = d.udp->src}, .data = "answer"}));
  EXPECT_EQ(socket.expects_received(2), "answer");
}

}  // namespace
}  // namespace pinion::testing
