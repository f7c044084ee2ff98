// HOSTILE W01 (IEEE 802.3 3.1.1): a frame that ends inside its headers is dropped before any of
// them is read. Every length of 0 to 13 bytes, then headers with nothing behind them.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(EthInput, W01ShorterThanItsHeader) {
  Peer peer;
  const Packet whole = frame_of(UdpSegment{});
  for (size_t length = 0; length < 14; ++length)
    peer.expect_drop(Drop::eth_short, cut(whole, length));
}

TEST(EthInput, W01HeaderWithoutPayload) {
  Peer peer;
  peer.expect_drop(Drop::ipv4_short, frame_of(EthFields{.type = 0x0800}, ""));
  peer.expect_drop(Drop::arp_short, frame_of(EthFields{.type = 0x0806}, ""));
  peer.expect_drop(Drop::eth_type, frame_of(EthFields{.type = 0x86dd}, ""));
  peer.expect_drop(Drop::eth_type, frame_of(EthFields{.type = 0}, ""));
}

TEST(EthInput, W01TagCutShort) {
  Peer peer;
  const Packet whole = frame_of(EthFields{.type = 0x0800, .vlan_tci = 7}, "");
  for (size_t length = 14; length < 18; ++length)
    peer.expect_drop(Drop::vlan_short, cut(whole, length));
  peer.expect_drop(Drop::vlan_unknown, whole);
}

// EtherType below 0x0600 is a length (802.3): no LLC here.
TEST(EthInput, TypeIsALength) {
  Peer peer;
  peer.expect_drop(Drop::eth_type, frame_of(EthFields{.type = 46}, std::string(46, 'x')));
  peer.expect_drop(Drop::eth_type, frame_of(EthFields{.type = 0x05ff}, std::string(46, 'x')));
}

// The same frame with a tag, cut at every length: always refused, and by the layer that it ends in.
TEST(EthInput, W01TaggedFrameCutAnywhere) {
  Peer peer;
  const Packet whole = frame_of(UdpSegment{.eth = {.vlan_tci = 0}, .data = "data"});
  for (size_t length = 0; length < whole.size(); ++length) {
    const Drop expected = length < 14        ? Drop::eth_short
                          : length < 18      ? Drop::vlan_short
                          : length < 18 + 20 ? Drop::ipv4_short
                                             : Drop::ipv4_total_length;
    peer.expect_drop(expected, cut(whole, length));
  }
}

}  // namespace
}  // namespace pinion::testing
