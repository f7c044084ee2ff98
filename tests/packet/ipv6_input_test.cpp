// HOSTILE W67, W70, W76 and RFC 8200: which packets of IPv6 are taken, which are dropped and by
// what name, and which of these earn a parameter problem that says where it lies.
#include <gtest/gtest.h>

#include "packet/ipv6_bed.h"

namespace pinion::testing {
namespace {

const std::string kDatagram6 = udp6_text(4000, 9999, "nobody is there");

// A header of `units` + 1 times eight octets that holds one option of that type, padded.
std::string options_header(unsigned next, unsigned type, unsigned units = 0) {
  const unsigned rest = units * 8 + 4;
  return bytes8({next, units, type, rest}) + std::string(rest, '\0');
}

void expect_problem(Ipv6Peer& peer, Drop why, const V6& v, uint8_t code, uint32_t pointer) {
  const Sent6 out = sent6(peer.expect_drop_answered(why, v6_frame(v, kNextUdp, kDatagram6)));
  EXPECT_EQ(out.fault, "");
  EXPECT_EQ(out.at(0), 4u) << "a parameter problem (RFC 4443 3.4)";
  EXPECT_EQ(out.at(1), code);
  EXPECT_EQ(out.word(4), pointer);
  EXPECT_EQ(out.destination, v.src);
}

TEST(Ipv6Input, W13CutAnywhere) {
  Ipv6Peer peer;
  const Packet whole = v6_frame({}, kNextUdp, kDatagram6);
  for (size_t length = 14; length < whole.size(); ++length)
    peer.expect_drop(length < 14 + 40 ? Drop::ipv6_short : Drop::ipv6_payload_length,
                     Packet(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)));
}

TEST(Ipv6Input, VersionAndPayloadLength) {
  Ipv6Peer peer;
  for (const uint8_t version : {0, 4, 5, 7, 15})
    peer.expect_drop(Drop::ipv6_version, v6_frame({.version = version}, kNextUdp, kDatagram6));
  for (const uint16_t length : {24, 100, 0xffff})
    peer.expect_drop(Drop::ipv6_payload_length,
                     v6_frame({.payload_length = length}, kNextUdp, kDatagram6));
}

TEST(Ipv6Input, W76SourcesThatNoHostHas) {
  Ipv6Peer peer;
  for (const char* source : {"::1", "ff02::2", "ff0e::1", "::ffff:10.0.0.2", "::10.0.0.2",
                             "2001:db8::1", "fe80::ff:fe00:1"})
    peer.expect_drop(Drop::ipv6_source, v6_frame({.src = ip6(source)}, kNextUdp, kDatagram6));
  // "::" may claim an address, and that is all.
  peer.expect_drop(Drop::ipv6_source, v6_frame({.src = ip6("::")}, kNextUdp, kDatagram6));
  peer.expect_drop(Drop::ipv6_source,
                   v6_frame({.src = ip6("::")}, kNextIcmp6, icmp6_text(128, 0, 7, "echo")));
}

TEST(Ipv6Input, W76DestinationsThatAreNotOurs) {
  Ipv6Peer peer;
  for (const char* destination : {"::ffff:10.0.0.1", "ff01::1", "::1", "::", "2001:db8::9"})
    peer.expect_drop(Drop::ipv6_destination,
                     v6_frame({.dst = ip6(destination)}, kNextUdp, kDatagram6));
  for (const char* group : {"ff02::2", "ff02::1:ff00:9", "ff0e::1"})
    peer.expect_drop(Drop::ipv6_group_not_joined,
                     v6_frame({.dst = ip6(group)}, kNextUdp, kDatagram6));
  peer.expect_drop(Drop::ipv6_destination,  // ours, but sent to all of the link
                   v6_frame({.dst_mac = kAllNodesMac}, kNextUdp, kDatagram6));
}

TEST(Ipv6Input, AnInterfaceWithoutItsAddressesSpeaksNone) {
  Peer peer;
  peer.expect_drop(Drop::eth_type, v6_frame({}, kNextUdp, kDatagram6));
}

TEST(Ipv6Input, W67ChainsAreBounded) {
  Ipv6Peer peer;
  std::string chain;
  for (int i = 0; i < 49; ++i) chain += options_header(60, 1);
  chain += options_header(17, 1);
  peer.expect_drop(Drop::ipv6_extension,
                   v6_frame({.next_header = 60, .extensions = chain}, kNextUdp, kDatagram6));
  peer.expect_drop(Drop::ipv6_extension,  // more bytes than any chain needs
                   v6_frame({.next_header = 60,
                             .extensions = options_header(60, 1, 31) + options_header(60, 1, 31) +
                                           options_header(17, 1)},
                            kNextUdp, kDatagram6));
}

TEST(Ipv6Input, W67LengthBeyondTheEnd) {
  Ipv6Peer peer;
  for (const unsigned length : {4u, 255u})
    for (const uint8_t kind : {0, 43, 60})
      peer.expect_drop(
          Drop::ipv6_extension,
          v6_frame({.next_header = kind, .extensions = bytes8({17, length, 1, 4, 0, 0, 0, 0})},
                   kNextUdp, kDatagram6));
  // An option that does not end in its header.
  for (const unsigned length : {5u, 255u})
    peer.expect_drop(
        Drop::ipv6_extension,
        v6_frame({.next_header = 60, .extensions = bytes8({17, 0, 1, length, 0, 0, 0, 0})},
                 kNextUdp, kDatagram6));
}

TEST(Ipv6Input, W67ChainCutAnywhere) {
  Ipv6Peer peer;
  const std::string chain = options_header(60, 1) + options_header(17, 1, 1);
  for (size_t length = 0; length < chain.size(); ++length) {
    if (length == 8) continue;  // a whole header, behind which nothing stands
    peer.expect_drop(Drop::ipv6_extension,
                     v6_frame({.next_header = 60}, 60, chain.substr(0, length)));
  }
}

TEST(Ipv6Input, W67HopByHopStandsFirstOrNowhere) {
  Ipv6Peer peer;
  peer.resolve();
  expect_problem(peer, Drop::ipv6_next_header,
                 {.next_header = 60, .extensions = options_header(0, 1) + options_header(17, 1)}, 1,
                 40);
}

TEST(Ipv6Input, W67UnknownNextHeader) {
  Ipv6Peer peer;
  peer.resolve();
  for (const uint8_t next : {99, 50, 51, 132}) {
    expect_problem(peer, Drop::ipv6_next_header, {.next_header = next}, 1, 6);
    expect_problem(peer, Drop::ipv6_next_header,
                   {.next_header = 60, .extensions = options_header(next, 1)}, 1, 40);
  }
  peer.expect_drop(Drop::ipv6_next_header,  // never about what went to many
                   v6_frame({.dst_mac = kAllNodesMac, .dst = kAllNodes6, .next_header = 99},
                            kNextUdp, kDatagram6));
}

TEST(Ipv6Input, W67NothingFollows) {
  Ipv6Peer peer;
  peer.expect_drop(Drop::ipv6_no_next_header, v6_frame({.next_header = 59}, kNextUdp, kDatagram6));
}

TEST(Ipv6Input, OptionsNobodyKnows) {  // RFC 8200 4.2: what the upper two bits ask for
  Ipv6Peer peer;
  peer.resolve();
  UdpSocket socket(peer, {.local = {kOurIp6, 9999}});
  socket.receive(1);
  const auto with = [](unsigned type) {
    return V6{.next_header = 60, .extensions = options_header(17, type)};
  };
  peer.expect_handled(v6_frame(with(0x1e), kNextUdp, kDatagram6));
  EXPECT_EQ(socket.expects_received(1), "nobody is there");
  peer.expect_drop(Drop::ipv6_option, v6_frame(with(0x5e), kNextUdp, kDatagram6));
  expect_problem(peer, Drop::ipv6_option, with(0x9e), 2, 42);
  expect_problem(peer, Drop::ipv6_option, with(0xde), 2, 42);
  V6 group = with(0xde);
  group.dst_mac = kAllNodesMac, group.dst = kAllNodes6;
  peer.expect_drop(Drop::ipv6_option, v6_frame(group, kNextUdp, kDatagram6));
  group.extensions = options_header(17, 0x9e);
  expect_problem(peer, Drop::ipv6_option, group, 2, 42);
}

TEST(Ipv6Input, W69RoutingHeaders) {  // RFC 5095: type 0 as any other
  Ipv6Peer peer;
  peer.resolve();
  UdpSocket socket(peer, {.local = {kOurIp6, 9999}});
  for (const unsigned type : {0u, 2u, 3u, 4u, 253u}) {
    const auto with = [type](unsigned left) {
      return V6{.next_header = 43, .extensions = bytes8({17, 0, type, left, 0, 0, 0, 0})};
    };
    expect_problem(peer, Drop::ipv6_routing, with(1), 0, 42);
    socket.receive(type);
    peer.expect_handled(v6_frame(with(0), kNextUdp, kDatagram6));
    socket.expects_received(type);
  }
}

// What is put together is in ipv6_reassembly_test.cpp.
TEST(Ipv6Input, W70FragmentsThatAreTheWholePacket) {  // RFC 6946
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurIp6, 9999}});
  socket.receive(1);
  const V6 atomic{.next_header = 44, .extensions = bytes8({17, 0, 0, 0, 1, 2, 3, 4})};
  peer.expect_handled(v6_frame(atomic, kNextUdp, kDatagram6));
  socket.expects_received(1);
  peer.expect_drop(Drop::ipv6_extension, v6_frame({.next_header = 44,
                                                   .extensions = bytes8({44, 0, 0, 0, 1, 2, 3, 4}) +
                                                                 bytes8({17, 0, 0, 0, 1, 2, 3, 4})},
                                                  kNextUdp, kDatagram6));
}

TEST(Ipv6Input, NoProblemIsToldAboutAnError) {  // RFC 4443 2.4 (e.1)
  Ipv6Peer peer;
  peer.resolve();
  const std::string error = icmp6_text(1, 4, 0, std::string(48, 'q'));
  peer.expect_drop(
      Drop::ipv6_option,
      v6_frame({.next_header = 60, .extensions = options_header(58, 0xde)}, kNextIcmp6, error));
}

}  // namespace
}  // namespace pinion::testing
