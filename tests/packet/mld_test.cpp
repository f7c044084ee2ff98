// MLD, a listener's part (RFC 3810 6.2; RFC 2710 for an old querier), and HOSTILE W76: what is
// answered to a querier of this link, when and by which version, of our own addresses' groups and
// of those that sockets joined.
#include <gtest/gtest.h>

#include <set>

#include "packet/mld.h"

namespace pinion::testing {
namespace {

Packet query(V6 v = kQuerier, unsigned delay_ms = 100, Ip group = kAny6, bool version_1 = false) {
  const std::string rest = version_1 ? "" : bytes8({2, 125, 0, 0});
  return v6_frame(v, kNextIcmp6, icmp6_text(130, 0, delay_ms << 16, text_of(group) + rest));
}

void expect_report(const Sent6& out, unsigned type, const std::set<uint64_t>& groups) {
  EXPECT_EQ(out.fault, "");
  EXPECT_EQ(out.hop_limit, 1);
  EXPECT_EQ(out.source, kOurLinkLocal);
  EXPECT_EQ(out.destination, ip6("ff02::16"));
  EXPECT_EQ(out.payload.substr(0, 8), bytes8({58, 0, 5, 2, 0, 0, 1, 0}));  // router alert
  EXPECT_EQ(out.at(8), 143u);
  EXPECT_EQ(out.word(12), groups.size());
  std::set<uint64_t> said;
  for (size_t at = 16; at < out.payload.size(); at += 20) {
    EXPECT_EQ(out.at(at), type);
    EXPECT_EQ(out.word(at) & 0xffffff, 0u);
    said.insert(out.address(at + 4).lo);
  }
  EXPECT_EQ(said, groups);
}

// Both addresses end in the same 24 bits: one group.
const std::set<uint64_t> kGroups{0x1'ff00'0001};

TEST(Mld, SaidTwiceWhenItBegins) {
  Peer peer(with_ipv6());
  peer.wait(3 * kSecond);
  for (int i = 0; i < 2; ++i) expect_report(sent6(peer.expects_frame()), 4, kGroups);
  peer.expects_nothing();
}

TEST(Mld, AQueryIsAnsweredInItsTime) {
  Ipv6Peer peer;
  peer.expect_handled(query());
  peer.wait(100 * kMilli + kMilli);
  expect_report(peer.expects6(), 2, kGroups);
  peer.expect_handled(query(kQuerier, 100, kOurGroup6));
  peer.wait(100 * kMilli + kMilli);
  expect_report(peer.expects6(), 2, kGroups);
  peer.expect_drop(Drop::mld_not_joined, query(kQuerier, 100, ip6("ff02::1:ff00:9")));
}

TEST(Mld, AnOldQuerierGetsOldReports) {  // RFC 3810 8.2.1
  Ipv6Peer peer;
  peer.expect_handled(query(kQuerier, 100, kAny6, true));
  peer.wait(100 * kMilli + kMilli);
  const Sent6 out = peer.expects6();
  EXPECT_EQ(out.destination, kOurGroup6);
  EXPECT_EQ(out.at(8), 131u);
  EXPECT_EQ(out.address(16), kOurGroup6);
}

TEST(Mld, GeneralQueryIsAnsweredInOneMessage) {
  MldBed bed;
  bed.joins(kFeed6);
  bed.joins(kSsmFeed6, kSource6A);
  bed.peer.expect_handled(mld_query(kAny6, 10'000));
  bed.peer.wait(10 * kSecond);
  const auto frames = bed.peer.take_all();
  ASSERT_EQ(frames.size(), 1u);
  const Records6 records = records6_of(frames[0]);
  EXPECT_EQ(records.size(), 3u);
  for (const Record6& r : {Record6{kIsEx6, kOurGroup6, {}}, Record6{kIsEx6, kFeed6, {}},
                           Record6{kIsIn6, kSsmFeed6, {kSource6A}}})
    EXPECT_EQ(std::count(records.begin(), records.end(), r), 1) << r.type;
  bed.peer.wait(100 * kSecond);
  bed.peer.expects_nothing();
}

// RFC 3810 6.2 rule 1: an answer that is due earlier stands for the later query.
TEST(Mld, ManyQueriesOneAnswer) {
  MldBed bed;
  bed.joins(kFeed6);
  for (int i = 0; i < 5; ++i) bed.peer.expect_handled(mld_query(kAny6, 1000));
  bed.peer.wait(kSecond + kMilli);
  EXPECT_EQ(reported6(bed.peer).size(), 1u);
}

TEST(Mld, QueryOfAGroupAndOfSources) {
  MldBed bed;
  bed.joins(kFeed6);
  bed.joins(kSsmFeed6, kSource6A);
  bed.joins(kSsmFeed6, kSource6B);
  const auto ask = [&](Ip group, const std::vector<Ip>& sources) {
    bed.peer.expect_handled(mld_query(group, 1000, mld_tail(sources)));
    bed.peer.wait(kSecond + kMilli);
    return reported6(bed.peer);
  };
  EXPECT_EQ(ask(kFeed6, {}), (Records6{{kIsEx6, kFeed6, {}}}));
  EXPECT_EQ(ask(kSsmFeed6, {kSource6B, kFarIp6}), (Records6{{kIsIn6, kSsmFeed6, {kSource6B}}}));
  EXPECT_EQ(ask(kSsmFeed6, {kFarIp6}), Records6{});
  EXPECT_EQ(ask(kSsmFeed6, {}), (Records6{{kIsIn6, kSsmFeed6, {kSource6A, kSource6B}}}));
  // More sources than are looked at: the whole filter, which says more.
  const std::vector<Ip> many(17, kFarIp6);
  EXPECT_EQ(ask(kSsmFeed6, many), (Records6{{kIsIn6, kSsmFeed6, {kSource6A, kSource6B}}}));
  bed.peer.expect_drop(Drop::ipv6_group_not_joined, mld_query(kOtherFeed6, 1000));
}

// RFC 3810 6.1: as often as the querier's robustness variable says. It is its own protocol's alone.
TEST(Mld, RobustnessIsTheQueriers) {
  MldBed bed;
  bed.peer.expect_handled(mld_query(kAny6, 0, mld_tail({}, 3)));
  bed.peer.poll(), bed.peer.take_all();
  UdpSocket four(bed.peer, {.local = {}});
  ASSERT_EQ(bed.socket.join(kFeed6), 0);
  bed.peer.wait(3 * kSecond);
  EXPECT_EQ(reported6(bed.peer), Records6(3, {kToEx6, kFeed6, {}}));
  ASSERT_EQ(four.join(ipv4(239, 1, 2, 3)), 0);
  bed.peer.wait(3 * kSecond);
  EXPECT_EQ(bed.peer.take_all().size(), 2u);
}

// RFC 3810 8.2.1, RFC 2710 4: an old querier is answered in its version, until it has been away
// for long; what is left is said to the routers.
TEST(Mld, Version1Querier) {
  MldBed bed;
  bed.joins(kFeed6);
  bed.peer.expect_handled(mld_query(kAny6, 1000, ""));
  bed.peer.wait(kSecond + kMilli);
  const auto expect_old = [&](unsigned type, Ip group, Ip to) {
    const Sent6 out = bed.peer.expects6();
    EXPECT_EQ(out.dst, mac_of(to));
    EXPECT_EQ(out.destination, to);
    EXPECT_EQ(out.source, kOurLinkLocal);
    EXPECT_EQ(out.hop_limit, 1);
    EXPECT_EQ(out.at(8), type);
    EXPECT_EQ(out.word(12), 0u);
    EXPECT_EQ(out.address(16), group);
    EXPECT_EQ(out.payload.size(), 8u + 24);
  };
  const auto frames = bed.peer.take_all();
  EXPECT_EQ(frames.size(), 2u) << "ours, and the feed";
  ASSERT_EQ(bed.socket.join(kOtherFeed6), 0);
  bed.peer.poll();
  expect_old(131, kOtherFeed6, kOtherFeed6);
  bed.peer.wait(11 * kSecond);
  expect_old(131, kOtherFeed6, kOtherFeed6);
  ASSERT_EQ(bed.socket.leave(kOtherFeed6), 0);
  bed.peer.poll();
  expect_old(132, kOtherFeed6, kRouters6);
  bed.peer.wait(11 * kSecond);
  expect_old(132, kOtherFeed6, kRouters6);
  bed.peer.wait(300 * kSecond);
  bed.peer.expect_handled(mld_query(kAny6, 1000));
  bed.peer.wait(kSecond + kMilli);
  EXPECT_EQ(reported6(bed.peer), (Records6{{kIsEx6, kFeed6, {}}}));
}

// RFC 2710 4: another listener's report stands for ours. Not so in version 2.
TEST(Mld, ReportsOfOthers) {
  MldBed bed;
  bed.joins(kFeed6);
  const Packet report = mld_old(131, kFeed6, to_group(kFeed6));
  bed.peer.expect_handled(mld_query(kFeed6, 1000));
  bed.peer.expect_handled(report);
  bed.peer.wait(2 * kSecond);
  EXPECT_EQ(reported6(bed.peer).size(), 1u);
  bed.peer.expect_handled(mld_query(kFeed6, 1000, ""));
  bed.peer.expect_handled(report);
  bed.peer.wait(2 * kSecond);
  bed.peer.expects_nothing();
  // Of a group that is not ours, malformed, from beyond a router, and "done", which is a router's.
  bed.peer.expect_drop(Drop::mld_not_joined, mld_old(131, kOtherFeed6, to_group(kFeed6)));
  bed.peer.expect_drop(Drop::mld_malformed, mld_old(131, kPeerIp6, to_group(kFeed6)));
  V6 far = to_group(kFeed6);
  far.hop_limit = 2;
  bed.peer.expect_drop(Drop::mld_source, mld_old(131, kFeed6, far));
  bed.peer.expect_drop(Drop::icmp6_type, mld_old(132, kFeed6, to_group(kFeed6)));
}

// RFC 3810 5.1.15: a query to us alone is answered, but says nothing of the querier.
TEST(Mld, UnicastQueryIsNoQuerier) {
  MldBed bed;
  bed.joins(kFeed6);
  V6 v = kQuerier;
  v.dst = kOurLinkLocal, v.dst_mac = kOurMac;
  bed.peer.expect_handled(query(v, 1000, kAny6, true));
  bed.peer.wait(kSecond + kMilli);
  EXPECT_EQ(reported6(bed.peer), (Records6{{kIsEx6, kFeed6, {}}}));
  EXPECT_EQ(bed.peer.kernel->net().interface_status(0).mld.version, 0);
  bed.peer.expect_handled(mld_query(kAny6, 0));
  EXPECT_EQ(bed.peer.kernel->net().interface_status(0).mld.version, 2);
  EXPECT_EQ(bed.peer.kernel->net().interface_status(0).mld.address, kPeerLinkLocal);
  bed.peer.wait(kMilli), bed.peer.take_all();
}

// Queries of a group leave room for those of the querier, and neither are answered without end.
TEST(Mld, FloodOfQueriesIsLimited) {
  MldBed bed;
  bed.joins(kFeed6);
  for (int i = 0; i < 200; ++i) bed.peer.sends(mld_query(kFeed6, 0));
  EXPECT_GE(bed.peer.dropped(Drop::mld_rate), 170u);
  EXPECT_LE(bed.peer.take_all().size(), 30u);
  bed.peer.expect_handled(mld_query(kAny6, 0));
  bed.peer.poll();
  EXPECT_EQ(reported6(bed.peer), (Records6{{kIsEx6, kFeed6, {}}}));
}

TEST(Mld, W76QueriesThatAreNotOfThisLink) {
  Ipv6Peer peer;
  V6 v = kQuerier;
  v.hop_limit = 2;
  peer.expect_drop(Drop::mld_source, query(v));
  v = kQuerier, v.src = kPeerIp6;
  peer.expect_drop(Drop::mld_source, query(v));
  v = kQuerier, v.next_header = {}, v.extensions = "";
  peer.expect_drop(Drop::mld_source, query(v));
}

TEST(Mld, QueriesThatAreMalformed) {
  Ipv6Peer peer;
  const std::string whole = icmp6_text(130, 0, 0, text_of(kAny6) + bytes8({2, 125, 0, 0}));
  for (size_t length = 8; length < whole.size(); ++length) {
    if (length == 24) continue;  // version 1
    peer.expect_drop(Drop::mld_malformed, v6_frame(kQuerier, kNextIcmp6, whole.substr(0, length)));
  }
  peer.expect_drop(Drop::mld_malformed,  // a source that is not there
                   v6_frame(kQuerier, kNextIcmp6,
                            icmp6_text(130, 0, 0, text_of(kAny6) + bytes8({2, 125, 0, 1}))));
  peer.expect_drop(Drop::mld_malformed, query(kQuerier, 100, kPeerIp6));
  // ::ffff:239.1.2.3 is how a group of IPv4 is kept here, and none of IPv6.
  peer.expect_drop(Drop::mld_malformed, query(kQuerier, 100, ip6("::ffff:239.1.2.3")));
}

TEST(Mld, LongestDelayIsDecodedAndWaits) {  // 5.1.3: mantissa and exponent
  Ipv6Peer peer;
  peer.expect_handled(query(kQuerier, 0xffff));
  peer.expects_nothing();
  EXPECT_LE(peer.kernel->next_deadline() - peer.now, Nanos{(0x1fff << 10)} * kMilli);
  peer.expect_handled(query(kQuerier, 1));
  peer.wait(3 * kMilli);
  expect_report(peer.expects6(), 2, kGroups);
}

}  // namespace
}  // namespace pinion::testing
