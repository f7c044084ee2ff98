// HOSTILE W04 (RFC 1122 2.3 and 3.2.1.3): a promiscuous NIC hands up what is for others. Link
// destination and source decide before IP is looked at.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(EthInput, W04ValidPacketToAnotherStation) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  peer.expect_drop(Drop::eth_not_ours,
                   frame_of(UdpSegment{.eth = {.dst = kOtherMac}, .data = "x"}));
  peer.expect_drop(Drop::eth_not_ours, frame_of(ArpSegment{.eth = {.dst = kOtherMac}}));
  socket.expects_no_completion();
}

// RFC 1122 3.3.6: a link broadcast whose IP destination is one host is discarded.
TEST(EthInput, W04LinkGroupWithOurUnicastAddress) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  for (const Mac dst : {kBroadcastMac, Mac{{0x01, 0, 0x5e, 0, 0, 1}}, Mac{{3, 0, 0, 0, 0, 1}}})
    peer.expect_drop(Drop::ipv4_destination,
                     frame_of(UdpSegment{.eth = {.dst = dst}, .data = "x"}));
  socket.expects_no_completion();
}

TEST(EthInput, W04OurLinkAddressWithAnothersIpAddress) {
  Peer peer;
  for (const Ipv4 dst : {kGatewayIp, ipv4(192, 0, 2, 1), ipv4(127, 0, 0, 1), ipv4(0, 0, 0, 0)})
    peer.expect_drop(Drop::ipv4_destination, frame_of(UdpSegment{.ip = {.dst = dst}, .data = "x"}));
}

TEST(EthInput, SourceIsAGroupOrOurselves) {
  Peer peer;
  for (const Mac src : {kBroadcastMac, Mac{{0x01, 0, 0x5e, 0, 0, 1}}, kOurMac})
    peer.expect_drop(Drop::eth_source, frame_of(UdpSegment{.eth = {.src = src}, .data = "x"}));
}

// The station's address is compared whole: every other unicast address is another's.
TEST(EthInput, W04OneBitOfTheAddressDiffers) {
  Peer peer;
  for (int bit = 0; bit < 48; ++bit) {
    Mac dst = kOurMac;
    dst.b[bit / 8] = static_cast<uint8_t>(dst.b[bit / 8] ^ 1u << bit % 8);
    if (dst.is_group()) continue;
    for (const std::optional<uint16_t> tci : {std::optional<uint16_t>{}, {uint16_t{0}}})
      peer.expect_drop(Drop::eth_not_ours,
                       frame_of(UdpSegment{.eth = {.dst = dst, .vlan_tci = tci}, .data = "x"}));
  }
}

}  // namespace
}  // namespace pinion::testing
