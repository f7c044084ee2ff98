// MLDv2, the host's changes (RFC 3810 6.1): what leaves when sockets join and leave groups of IPv6,
// how often, and that what another socket still wants is not given up.
#include <gtest/gtest.h>

#include <cerrno>

#include "packet/mld.h"

namespace pinion::testing {
namespace {

// Robustness 2: told at once, and once more within a second.
TEST(MldOutput, JoinAndLeaveAreToldTwice) {
  MldBed bed;
  ASSERT_EQ(bed.socket.join(kFeed6), 0);
  bed.peer.poll();
  EXPECT_EQ(reported6(bed.peer), (Records6{{kToEx6, kFeed6, {}}}));
  bed.peer.wait(kSecond + kMilli);
  EXPECT_EQ(reported6(bed.peer), (Records6{{kToEx6, kFeed6, {}}}));
  ASSERT_EQ(bed.socket.leave(kFeed6), 0);
  bed.peer.wait(2 * kSecond);
  EXPECT_EQ(reported6(bed.peer), (Records6{{kToIn6, kFeed6, {}}, {kToIn6, kFeed6, {}}}));
  bed.peer.wait(100 * kSecond);
  bed.peer.expects_nothing();
}

// RFC 3810 6.1: sources that come and go are ALLOW and BLOCK.
TEST(MldOutput, SourcesOfAGroup) {
  MldBed bed;
  UdpSocket other(bed.peer, {.session = 1, .local = {kAnyIpv6, 0}});
  ASSERT_EQ(bed.socket.join(kSsmFeed6, kSource6A), 0);
  bed.peer.wait(2 * kSecond);
  const Record6 allow_a{kAllow6, kSsmFeed6, {kSource6A}}, allow_b{kAllow6, kSsmFeed6, {kSource6B}};
  EXPECT_EQ(reported6(bed.peer), (Records6{allow_a, allow_a}));
  ASSERT_EQ(bed.socket.join(kSsmFeed6, kSource6B), 0);
  ASSERT_EQ(other.join(kSsmFeed6, kSource6A), 0);
  bed.peer.wait(2 * kSecond);
  EXPECT_EQ(reported6(bed.peer), (Records6{allow_b, allow_b}));
  ASSERT_EQ(bed.socket.leave(kSsmFeed6, kSource6A), 0);  // the other socket has it still
  bed.peer.wait(2 * kSecond);
  bed.peer.expects_nothing();
  ASSERT_EQ(other.leave(kSsmFeed6, kSource6A), 0);
  bed.peer.wait(2 * kSecond);
  const Record6 block{kBlock6, kSsmFeed6, {kSource6A}};
  EXPECT_EQ(reported6(bed.peer), (Records6{block, block}));
}

// One socket wants single sources, another all: EXCLUDE of none, and back.
TEST(MldOutput, FilterModeOfTheInterface) {
  MldBed bed;
  UdpSocket all(bed.peer, {.session = 1, .local = {kAnyIpv6, 0}});
  bed.joins(kFeed6, kSource6A);
  bed.joins(kFeed6, kSource6B);
  ASSERT_EQ(all.join(kFeed6), 0);
  bed.peer.wait(2 * kSecond);
  EXPECT_EQ(reported6(bed.peer), (Records6{{kToEx6, kFeed6, {}}, {kToEx6, kFeed6, {}}}));
  all.close();
  bed.peer.wait(2 * kSecond);
  const Record6 back{kToIn6, kFeed6, {kSource6A, kSource6B}};
  EXPECT_EQ(reported6(bed.peer), (Records6{back, back}));
}

TEST(MldOutput, RefusedJoins) {
  PeerOptions options;
  options.net.interfaces.push_back(
      {.name = "nic1", .addresses = {{ipv4(10, 1, 0, 1), 24}}, .vlan_id = 9});
  MldBed bed(options);
  UdpSocket& socket = bed.socket;
  EXPECT_EQ(socket.join(kOurIp6), -EINVAL);
  EXPECT_EQ(socket.join(kAllNodes6, {}, "nic0"), -EINVAL) << "every host is a member";
  EXPECT_EQ(socket.join(ip6("ff01::1:2")), -EINVAL) << "it never leaves a host";
  EXPECT_EQ(socket.join(ip6("ff00::1:2")), -EINVAL);
  EXPECT_EQ(socket.join(kSsmFeed6), -EINVAL) << "RFC 4607: a source is needed";
  EXPECT_EQ(socket.join(kFeed6, kOtherFeed6), -EINVAL);
  EXPECT_EQ(socket.join(kLinkFeed6), -ENODEV) << "each link has one: the NIC must be named";
  EXPECT_EQ(socket.join(kFeed6, {}, "nic1"), -ENODEV) << "it does not speak IPv6";
  EXPECT_EQ(socket.join(kFeed6, {}, "nic7"), -ENODEV);
  EXPECT_EQ(socket.join(ipv4(239, 1, 2, 3)), -EAFNOSUPPORT);
  UdpSocket four(bed.peer, {.local = {}});
  EXPECT_EQ(four.join(kFeed6), -EAFNOSUPPORT);
  EXPECT_EQ(socket.join(kFeed6), 0);
  EXPECT_EQ(socket.join(kFeed6), -EADDRINUSE);
  EXPECT_EQ(socket.join(kFeed6, kSource6A), -EINVAL);
  EXPECT_EQ(socket.leave(kFeed6, kSource6A), -EADDRNOTAVAIL);
  EXPECT_EQ(socket.join(kLinkFeed6, {}, "nic0"), 0);
  EXPECT_EQ(socket.leave(kLinkFeed6, {}, "nic0"), 0);
  bed.peer.wait(2 * kSecond);
  bed.peer.take_all();
}

// The address that a socket is bound to names its link.
TEST(MldOutput, LinkScopeOfABoundSocket) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurLinkLocal, kOurPort}});
  EXPECT_EQ(socket.join(kLinkFeed6), 0);
  peer.wait(2 * kSecond);
  EXPECT_EQ(reported6(peer), (Records6{{kToEx6, kLinkFeed6, {}}, {kToEx6, kLinkFeed6, {}}}));
}

TEST(MldOutput, GroupsAreGranted) {
  PeerOptions options;
  options.quota.join_anything = false;
  options.quota.group_grants = 2;
  options.quota.group_grant[0] = {ip6("ff0e::1:0:0"), 96};
  options.quota.group_grant[1] = {ipv4(224, 0, 0, 0), 4};
  MldBed bed(options);
  EXPECT_EQ(bed.socket.join(kOtherFeed6), -EPERM);
  EXPECT_EQ(bed.socket.join(ip6("ff0e::2:2:3")), -EPERM);
  EXPECT_EQ(bed.socket.join(kFeed6), 0);
  bed.peer.wait(2 * kSecond);
  bed.peer.take_all();
}

// Our own addresses' groups have room of their own, and stay when others join and leave them.
TEST(MldOutput, OwnGroupsAreBesideTheLimit) {
  PeerOptions options;
  options.net.igmp_groups_max = 1;
  MldBed bed(options);
  bed.joins(kFeed6);
  ASSERT_EQ(bed.socket.join(kOurGroup6, {}, "nic0"), 0);
  ASSERT_EQ(bed.socket.leave(kOurGroup6, {}, "nic0"), 0);
  bed.peer.wait(2 * kSecond);
  bed.peer.expects_nothing();
  bed.peer.resolve();  // still heard
}

// Sources beyond one message go on in the next (RFC 3810 5.2.15).
TEST(MldOutput, ManySources) {
  PeerOptions options;
  options.quota.joins_max = 500;
  options.net.igmp_joins_max = 500;
  options.mtu_bytes = 1280;
  MldBed bed(options);
  for (uint32_t i = 1; i <= 300; ++i) ASSERT_EQ(bed.socket.join(kSsmFeed6, Ip{kSource6A.hi, i}), 0);
  bed.peer.poll();
  size_t sources = 0;
  for (const Record6& r : reported6(bed.peer)) {
    EXPECT_EQ(r.type, kAllow6);
    sources += r.sources.size();
  }
  EXPECT_EQ(sources, 300u);
  bed.peer.wait(2 * kSecond);
  bed.peer.take_all();
}

// Whoever is behind a link that came up knows nothing. Groups of one family share messages.
TEST(MldOutput, LinkUpTellsAnew) {
  MldBed bed;
  bed.joins(kFeed6);
  bed.joins(kSsmFeed6, kSource6A);
  bed.peer.port.link_is_up = false;
  bed.peer.wait(kSecond);
  bed.peer.port.link_is_up = true;
  bed.peer.wait(kSecond);  // until it is looked at
  bed.peer.wait(2 * kSecond);
  Records6 records;
  size_t reports = 0;
  for (const Packet& frame : bed.peer.take_all()) {
    // Our addresses are announced too.
    if (decode(frame).arp || sent6(frame).payload.at(0) == '\x88') continue;
    for (const Record6& r : records6_of(frame)) records.push_back(r);
    if (++reports == 1) {
      EXPECT_EQ(records.size(), 3u);
    }
  }
  for (const Record6& r : {Record6{kToEx6, kOurGroup6, {}}, Record6{kToEx6, kFeed6, {}},
                           Record6{kToIn6, kSsmFeed6, {kSource6A}}})
    EXPECT_EQ(std::count(records.begin(), records.end(), r), 2) << r.type;
  EXPECT_EQ(records.size(), 6u);
}

// RFC 3810 5.2.13, RFC 3590 4: from "::" while no address is ours yet, and again from the first.
TEST(MldOutput, ToldAgainWithAnAddress) {
  PeerOptions options = with_ipv6();
  options.net.dad_transmits = 1;
  Peer peer(options);
  UdpSocket socket(peer, {.local = {kAnyIpv6, kOurPort}});
  ASSERT_EQ(socket.join(kFeed6), 0);
  peer.poll();
  size_t from_nobody = 0, from_us = 0;
  const auto count = [&] {
    for (const Packet& frame : peer.take_all()) {
      const Sent6 out = sent6(frame);
      if (out.destination != kReportsV2) continue;
      EXPECT_EQ(out.fault, "");
      ++(out.source == kAny6 ? from_nobody : from_us);
    }
  };
  count();
  EXPECT_EQ(from_nobody, 1u) << "one message for both groups";
  peer.wait(4 * kSecond);
  count();
  EXPECT_GE(from_us, 2u);
}

}  // namespace
}  // namespace pinion::testing
