// IGMPv3, the host's changes (RFC 3376 5.1): what leaves when sockets join and leave groups, how
// often, and that what another socket still wants is not given up.
#include <gtest/gtest.h>

#include <cerrno>

#include "packet/igmp.h"

namespace pinion::testing {
namespace {

UdpSocket feed_socket(Peer& peer, uint32_t session = 0) {
  return UdpSocket(peer, {.session = session, .local = {}});
}

// Robustness 2: told at once, and once more within a second.
TEST(IgmpOutput, JoinIsToldTwice) {
  Peer peer;
  UdpSocket socket = feed_socket(peer);
  ASSERT_EQ(socket.join(kFeed), 0);
  peer.poll();
  EXPECT_EQ(reported(peer), (Records{{kToEx, kFeed, {}}}));
  peer.wait(kSecond + kMilli);
  EXPECT_EQ(reported(peer), (Records{{kToEx, kFeed, {}}}));
  peer.wait(100 * kSecond);
  peer.expects_nothing();
}

TEST(IgmpOutput, LeaveIsToldTwice) {
  Peer peer;
  UdpSocket socket = feed_socket(peer);
  ASSERT_EQ(socket.join(kFeed), 0);
  peer.wait(2 * kSecond);
  peer.take_all();
  ASSERT_EQ(socket.leave(kFeed), 0);
  peer.wait(2 * kSecond);
  EXPECT_EQ(reported(peer), (Records{{kToIn, kFeed, {}}, {kToIn, kFeed, {}}}));
  peer.wait(100 * kSecond);
  peer.expects_nothing();
}

// RFC 3376 5.1: sources that come and go are ALLOW and BLOCK.
TEST(IgmpOutput, SourcesOfAGroup) {
  Peer peer;
  UdpSocket socket = feed_socket(peer), other = feed_socket(peer, 1);
  ASSERT_EQ(socket.join(kSsmFeed, kSourceA), 0);
  peer.wait(2 * kSecond);
  EXPECT_EQ(reported(peer),
            (Records{{kAllow, kSsmFeed, {kSourceA}}, {kAllow, kSsmFeed, {kSourceA}}}));
  ASSERT_EQ(socket.join(kSsmFeed, kSourceB), 0);
  ASSERT_EQ(other.join(kSsmFeed, kSourceA), 0);
  peer.wait(2 * kSecond);
  EXPECT_EQ(reported(peer),
            (Records{{kAllow, kSsmFeed, {kSourceB}}, {kAllow, kSsmFeed, {kSourceB}}}));
  ASSERT_EQ(socket.leave(kSsmFeed, kSourceA), 0);  // the other socket has it still
  peer.wait(2 * kSecond);
  peer.expects_nothing();
  ASSERT_EQ(other.leave(kSsmFeed, kSourceA), 0);
  peer.wait(2 * kSecond);
  EXPECT_EQ(reported(peer),
            (Records{{kBlock, kSsmFeed, {kSourceA}}, {kBlock, kSsmFeed, {kSourceA}}}));
}

// One socket wants single sources, another all: EXCLUDE of none, and back.
TEST(IgmpOutput, FilterModeOfTheInterface) {
  Peer peer;
  UdpSocket some = feed_socket(peer), all = feed_socket(peer, 1);
  ASSERT_EQ(some.join(kFeed, kSourceA), 0);
  peer.wait(2 * kSecond);
  peer.take_all();
  ASSERT_EQ(all.join(kFeed), 0);
  peer.wait(2 * kSecond);
  EXPECT_EQ(reported(peer), (Records{{kToEx, kFeed, {}}, {kToEx, kFeed, {}}}));
  ASSERT_EQ(some.join(kFeed, kSourceB), 0);  // changes nothing while all are wanted
  peer.wait(2 * kSecond);
  peer.expects_nothing();
  all.close();
  peer.wait(2 * kSecond);
  const Record back{kToIn, kFeed, {kSourceA, kSourceB}};
  EXPECT_EQ(reported(peer), (Records{back, back}));
}

// A socket's end leaves its groups, and so does its session's.
TEST(IgmpOutput, CloseAndDeathLeave) {
  Peer peer;
  UdpSocket closed = feed_socket(peer), dies = feed_socket(peer, 1);
  ASSERT_EQ(closed.join(kFeed), 0);
  ASSERT_EQ(dies.join(kOtherFeed), 0);
  peer.wait(2 * kSecond);
  peer.take_all();
  closed.close();
  peer.wait(2 * kSecond);
  EXPECT_EQ(reported(peer), (Records{{kToIn, kFeed, {}}, {kToIn, kFeed, {}}}));
  while (peer.app(1).end() == -EINPROGRESS) peer.poll();
  peer.wait(2 * kSecond);
  EXPECT_EQ(reported(peer), (Records{{kToIn, kOtherFeed, {}}, {kToIn, kOtherFeed, {}}}));
}

TEST(IgmpOutput, RefusedJoins) {
  PeerOptions options;
  options.quota.joins_max = 3;
  Peer peer(options);
  UdpSocket socket = feed_socket(peer);
  EXPECT_EQ(socket.join(kOurIp), -EINVAL);
  EXPECT_EQ(socket.join(kSystems), -EINVAL);
  EXPECT_EQ(socket.join(kSsmFeed), -EINVAL) << "RFC 4607: a source is needed";
  EXPECT_EQ(socket.join(kFeed, kOtherFeed), -EINVAL);
  EXPECT_EQ(socket.join(kFeed, {}, "nic7"), -ENODEV);
  EXPECT_EQ(socket.leave(kFeed), -EADDRNOTAVAIL);
  EXPECT_EQ(socket.join(kFeed), 0);
  EXPECT_EQ(socket.join(kFeed), -EADDRINUSE);
  EXPECT_EQ(socket.join(kFeed, kSourceA), -EINVAL);
  EXPECT_EQ(socket.join(kSsmFeed, kSourceA), 0);
  EXPECT_EQ(socket.join(kSsmFeed, kSourceB), 0);
  EXPECT_EQ(socket.join(kOtherFeed), -EDQUOT);
  EXPECT_EQ(socket.leave(kFeed), 0);
  EXPECT_EQ(socket.join(kOtherFeed), 0);
  peer.wait(2 * kSecond);
  peer.take_all();
}

// A session joins what its policy grants, and nothing else.
TEST(IgmpOutput, GroupsAreGranted) {
  PeerOptions options;
  options.quota.join_anything = false;
  options.quota.group_grants = 1;
  options.quota.group_grant[0] = {ipv4(239, 1, 2, 0), 24};
  Peer peer(options);
  UdpSocket socket = feed_socket(peer);
  EXPECT_EQ(socket.join(ipv4(239, 1, 3, 0)), -EPERM);
  EXPECT_EQ(socket.join(kFeed), 0);
  peer.wait(2 * kSecond);
  peer.take_all();
}

// The core's own tables are bounded, and come back.
TEST(IgmpOutput, FullTables) {
  PeerOptions options;
  options.net.igmp_groups_max = 2, options.net.igmp_joins_max = 3;
  Peer peer(options);
  UdpSocket a = feed_socket(peer), b = feed_socket(peer, 1);
  EXPECT_EQ(a.join(kFeed), 0);
  EXPECT_EQ(a.join(kOtherFeed), 0);
  EXPECT_EQ(a.join(ipv4(239, 1, 2, 5)), -ENOBUFS);
  EXPECT_EQ(b.join(kFeed), 0);
  EXPECT_EQ(b.join(kOtherFeed), -ENOBUFS);
  peer.wait(2 * kSecond);
  EXPECT_EQ(a.leave(kOtherFeed), 0);
  EXPECT_EQ(b.join(ipv4(239, 1, 2, 5)), 0) << "a group that is only told to be over gives way";
  peer.wait(2 * kSecond);
  peer.take_all();
}

// Sources beyond one message go on in the next (RFC 3376 4.2.16).
TEST(IgmpOutput, ManySources) {
  PeerOptions options;
  options.quota.joins_max = 500;
  options.net.igmp_joins_max = 500;
  options.mtu_bytes = 576;
  Peer peer(options);
  UdpSocket socket = feed_socket(peer);
  for (uint32_t i = 1; i <= 300; ++i) ASSERT_EQ(socket.join(kSsmFeed, Ipv4{kSourceA.v + i}), 0);
  peer.poll();
  size_t sources = 0;
  for (const Record& r : reported(peer)) {
    EXPECT_EQ(r.type, kAllow);
    sources += r.sources.size();
  }
  EXPECT_EQ(sources, 300u);
  peer.wait(2 * kSecond);
  peer.take_all();
}

// RFC 1122 2.3.2, RFC 3376: whoever is behind a link that came up knows nothing.
TEST(IgmpOutput, LinkUpTellsAnew) {
  Peer peer;
  UdpSocket socket = feed_socket(peer);
  ASSERT_EQ(socket.join(kFeed), 0);
  peer.wait(2 * kSecond);
  peer.take_all();
  peer.port.link_is_up = false;
  peer.wait(kSecond);
  peer.port.link_is_up = true;
  peer.wait(kSecond);
  peer.wait(2 * kSecond);
  size_t announcements = 0;
  Records records;
  for (const Packet& frame : peer.take_all()) {
    const Decoded d = decode(frame);
    if (d.arp) {
      ++announcements;
      EXPECT_EQ(d.arp->op, 1);
      EXPECT_EQ(d.arp->spa, kOurIp);
      EXPECT_EQ(d.arp->tpa, kOurIp);
    } else {
      for (const Record& r : records_of(frame)) records.push_back(r);
    }
  }
  EXPECT_EQ(announcements, 1u);
  EXPECT_EQ(records, (Records{{kToEx, kFeed, {}}, {kToEx, kFeed, {}}}));
}

}  // namespace
}  // namespace pinion::testing
