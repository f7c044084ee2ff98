// RFC 4443 4.1 and 4.2, and HOSTILE W25 for IPv6: the data of an echo comes back whole, from the
// address that was asked, or from our own if all nodes were.
#include <gtest/gtest.h>

#include "packet/ipv6_bed.h"

namespace pinion::testing {
namespace {

void expect_echo(Ipv6Peer& peer, const V6& v, Ip from, const std::string& data) {
  peer.expect_handled(v6_frame(v, kNextIcmp6, icmp6_text(128, 0, 0x12345678, data)));
  const Sent6 out = peer.expects6();
  EXPECT_EQ(out.source, from);
  EXPECT_EQ(out.destination, v.src);
  EXPECT_EQ(out.dst, kPeerMac);
  EXPECT_EQ(out.payload.substr(0, 2), bytes8({129, 0}));
  EXPECT_EQ(out.word(4), 0x12345678u);
  EXPECT_EQ(out.payload.substr(8), data);
}

TEST(Icmp6Echo, DataComesBack) {
  Ipv6Peer peer;
  peer.resolve();
  for (const size_t length : {0, 1, 5, 6, 7, 56, 1451, 1452}) {
    std::string data(length, '\0');
    for (size_t i = 0; i < length; ++i) data[i] = static_cast<char>(i * 31);
    expect_echo(peer, {}, kOurIp6, data);
  }
}

TEST(Icmp6Echo, AllNodesAreAsked) {
  Ipv6Peer peer;
  peer.resolve();
  expect_echo(peer, {.dst_mac = kAllNodesMac, .dst = kAllNodes6}, kOurIp6, "who is there?");
}

TEST(Icmp6Echo, LinkLocalAsksAndIsAnswered) {
  Ipv6Peer peer;
  peer.sends(v6_frame({.src = kPeerLinkLocal, .dst = kOurLinkLocal, .hop_limit = 255}, kNextIcmp6,
                      nd_text(135, 0, kOurLinkLocal, kPeerMac)));
  EXPECT_EQ(peer.expects6().at(0), 136u);
  expect_echo(peer, {.src = kPeerLinkLocal, .dst = kOurLinkLocal}, kOurLinkLocal, "echo");
}

TEST(Icmp6Echo, BadChecksumAndCutShort) {
  Ipv6Peer peer;
  for (const uint16_t wrong : {0x0000, 0xffff, 0x1234})
    peer.expect_drop(Drop::icmp6_checksum,
                     v6_frame({.checksum = wrong}, kNextIcmp6, icmp6_text(128, 0, 1, "data")));
  for (size_t length = 0; length < 8; ++length)
    peer.expect_drop(Drop::icmp6_short,
                     v6_frame({.next_header = kNextIcmp6}, 0, std::string(length, '\x80')));
}

TEST(Icmp6Echo, TypesThatAreNotHandled) {
  Ipv6Peer peer;
  for (const uint8_t type : {0, 5, 127, 129, 131, 132, 138, 143, 255})
    peer.expect_drop(Drop::icmp6_type,
                     v6_frame({}, kNextIcmp6, icmp6_text(type, 0, 0, std::string(24, '\0'))));
}

}  // namespace
}  // namespace pinion::testing
