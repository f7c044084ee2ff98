// IGMP, the answers to queries (RFC 3376 5.2, 7.2; RFC 2236 3): when, with what, and by which
// version. HOSTILE W31: what is no query of this link changes nothing.
#include <gtest/gtest.h>

#include <cerrno>

#include "packet/igmp.h"

namespace pinion::testing {
namespace {

struct IgmpBed {
  Peer peer;
  UdpSocket socket;

  explicit IgmpBed(PeerOptions options = {})
      : peer(std::move(options)), socket(peer, {.local = {}}) {}
  void joins(Ipv4 group, Ipv4 source = {}) {
    ASSERT_EQ(socket.join(group, source), 0);
    peer.wait(2 * kSecond);
    peer.take_all();
  }
};

TEST(IgmpInput, GeneralQueryIsAnsweredInItsTime) {
  IgmpBed bed;
  bed.joins(kFeed);
  bed.joins(kSsmFeed, kSourceA);
  bed.peer.expect_handled(general_query(100));  // 10 s
  bed.peer.wait(10 * kSecond);
  const auto frames = bed.peer.take_all();
  ASSERT_EQ(frames.size(), 1u) << "one message for all groups";
  EXPECT_EQ(records_of(frames[0]), (Records{{kIsEx, kFeed, {}}, {kIsIn, kSsmFeed, {kSourceA}}}));
  bed.peer.wait(100 * kSecond);
  bed.peer.expects_nothing();
}

// RFC 3376 5.2 rule 1: an answer that is due earlier stands for the later query.
TEST(IgmpInput, ManyQueriesOneAnswer) {
  IgmpBed bed;
  bed.joins(kFeed);
  for (int i = 0; i < 5; ++i) bed.peer.expect_handled(general_query(10));
  bed.peer.wait(kSecond + kMilli);
  EXPECT_EQ(reported(bed.peer).size(), 1u);
}

TEST(IgmpInput, QueryOfAGroup) {
  IgmpBed bed;
  bed.joins(kFeed);
  bed.joins(kOtherFeed);
  bed.peer.expect_handled(igmp_frame(igmp(0x11, 10, kFeed, query_tail()), {.dst = kFeed}));
  bed.peer.wait(kSecond + kMilli);
  EXPECT_EQ(reported(bed.peer), (Records{{kIsEx, kFeed, {}}}));
  // A group that nobody joined earns nothing.
  bed.peer.expect_handled(
      igmp_frame(igmp(0x11, 10, ipv4(239, 9, 9, 9), query_tail()), {.dst = ipv4(239, 9, 9, 9)}));
  bed.peer.wait(2 * kSecond);
  bed.peer.expects_nothing();
}

TEST(IgmpInput, QueryOfSources) {
  IgmpBed bed;
  bed.joins(kSsmFeed, kSourceA);
  bed.joins(kSsmFeed, kSourceB);
  const auto ask = [&](const std::vector<Ipv4>& sources) {
    bed.peer.expect_handled(
        igmp_frame(igmp(0x11, 10, kSsmFeed, query_tail(sources)), {.dst = kSsmFeed}));
    bed.peer.wait(kSecond + kMilli);
    return reported(bed.peer);
  };
  EXPECT_EQ(ask({kSourceB, ipv4(10, 9, 9, 9)}), (Records{{kIsIn, kSsmFeed, {kSourceB}}}));
  EXPECT_EQ(ask({ipv4(10, 9, 9, 9)}), Records{});
  EXPECT_EQ(ask({}), (Records{{kIsIn, kSsmFeed, {kSourceA, kSourceB}}}));
}

// RFC 3376 7.2: an older querier is answered in its version, until it has been away for long.
TEST(IgmpInput, Version2Querier) {
  IgmpBed bed;
  bed.joins(kFeed);
  bed.peer.expect_handled(igmp_frame(igmp(0x11, 100, {})));
  bed.peer.wait(10 * kSecond);
  auto expect_old = [&](uint8_t type, Ipv4 group, Ipv4 to) {
    const Decoded d = bed.peer.expects_decoded();
    ASSERT_TRUE(d.ip);
    EXPECT_EQ(d.eth.dst, mac_of(to));
    EXPECT_EQ(d.ip->dst, to);
    EXPECT_EQ(d.ip->ttl, 1);
    EXPECT_EQ(d.ip->options, kRouterAlert);
    EXPECT_EQ(d.data, igmp(type, 0, group));
  };
  expect_old(0x16, kFeed, kFeed);
  ASSERT_EQ(bed.socket.join(kOtherFeed), 0);
  bed.peer.poll();
  expect_old(0x16, kOtherFeed, kOtherFeed);
  bed.peer.wait(11 * kSecond);
  expect_old(0x16, kOtherFeed, kOtherFeed);
  ASSERT_EQ(bed.socket.leave(kOtherFeed), 0);
  bed.peer.poll();
  expect_old(0x17, kOtherFeed, kRouters);
  bed.peer.wait(11 * kSecond);
  bed.peer.take_all();  // again, for robustness
  bed.peer.wait(300 * kSecond);
  bed.peer.expect_handled(general_query(10));
  bed.peer.wait(2 * kSecond);
  EXPECT_EQ(reported(bed.peer), (Records{{kIsEx, kFeed, {}}}));
}

TEST(IgmpInput, Version1Router) {
  IgmpBed bed;
  bed.joins(kFeed);
  bed.peer.expect_handled(igmp_frame(igmp(0x11, 0, {}), {.options = {}}));
  bed.peer.wait(10 * kSecond);
  EXPECT_EQ(bed.peer.expects_decoded().data, igmp(0x12, 0, kFeed));
  ASSERT_EQ(bed.socket.leave(kFeed), 0);  // version 1 has no leave
  bed.peer.wait(20 * kSecond);
  bed.peer.expects_nothing();
}

// RFC 2236 3: another host's report stands for ours. Not so in version 3.
TEST(IgmpInput, ReportsOfOthers) {
  IgmpBed bed;
  bed.joins(kFeed);
  const Packet report = igmp_frame(igmp(0x16, 0, kFeed), {.src = kPeerIp, .dst = kFeed});
  bed.peer.expect_handled(general_query(10));
  bed.peer.expect_handled(report);
  bed.peer.wait(2 * kSecond);
  EXPECT_EQ(reported(bed.peer).size(), 1u);
  bed.peer.expect_handled(igmp_frame(igmp(0x11, 10, {})));
  bed.peer.expect_handled(report);
  bed.peer.wait(2 * kSecond);
  bed.peer.expects_nothing();
}

// RFC 4541 2.1.1: a switch may ask without an address of its own.
TEST(IgmpInput, QuerierWithoutAddress) {
  IgmpBed bed;
  bed.joins(kFeed);
  bed.peer.expect_handled(igmp_frame(igmp(0x11, 10, {}, query_tail()), {.src = {}}));
  bed.peer.wait(kSecond + kMilli);
  EXPECT_EQ(reported(bed.peer), (Records{{kIsEx, kFeed, {}}}));
}

// RFC 3376 4.1.12: a query that was sent to us alone is answered, but says nothing of the querier:
// whoever can reach us could otherwise put the interface into version 1.
TEST(IgmpInput, UnicastQueryIsNoQuerier) {
  IgmpBed bed;
  bed.joins(kFeed);
  bed.peer.expect_handled(igmp_frame(igmp(0x11, 0, {}), {.dst = kOurIp, .options = {}}));
  bed.peer.wait(10 * kSecond);
  EXPECT_EQ(reported(bed.peer), (Records{{kIsEx, kFeed, {}}}));
}

// Queries that do not concern us leave room for those of the querier.
TEST(IgmpInput, QueriesOfOtherGroupsAreNoFlood) {
  IgmpBed bed;
  bed.joins(kFeed);
  for (int i = 0; i < 200; ++i)
    bed.peer.expect_handled(
        igmp_frame(igmp(0x11, 10, kOtherFeed, query_tail()), {.dst = kOtherFeed}));
  bed.peer.expect_handled(general_query(10));
  bed.peer.wait(kSecond + kMilli);
  EXPECT_EQ(reported(bed.peer), (Records{{kIsEx, kFeed, {}}}));
}

TEST(IgmpInput, W31Malformed) {
  IgmpBed bed;
  bed.joins(kFeed);
  const std::string query = igmp(0x11, 10, {}, query_tail());
  for (size_t n = 0; n < query.size(); ++n) {
    const bool sum_holds = n == 10 || n == 11;  // zeros were cut off
    bed.peer.expect_drop(n < 8       ? Drop::igmp_short
                         : sum_holds ? Drop::igmp_length
                                     : Drop::igmp_checksum,
                         igmp_frame(query.substr(0, n)));
  }
  for (size_t n = 9; n < 12; ++n)  // RFC 3376 7.1
    bed.peer.expect_drop(Drop::igmp_length, igmp_frame(igmp(0x11, 10, {}, std::string(n - 8, 0))));
  std::string wrong = query;
  ++wrong[1];
  bed.peer.expect_drop(Drop::igmp_checksum, igmp_frame(wrong));
  std::string more = query_tail();
  more[3] = 2;  // sources that are not there
  bed.peer.expect_drop(Drop::igmp_length, igmp_frame(igmp(0x11, 10, {}, more)));
  bed.peer.expect_drop(Drop::igmp_ttl, igmp_frame(query, {.ttl = 2}));
  bed.peer.expect_drop(Drop::igmp_router_alert, igmp_frame(query, {.options = {}}));
  bed.peer.expect_drop(Drop::igmp_group, igmp_frame(query, {.dst = kFeed}));
  bed.peer.expect_drop(Drop::igmp_group,
                       igmp_frame(igmp(0x11, 10, kFeed, query_tail()), {.dst = kSystems}));
  bed.peer.expect_drop(Drop::igmp_group, igmp_frame(igmp(0x11, 10, kPeerIp, query_tail())));
  for (const uint8_t type : {0x00, 0x13, 0x14, 0x23, 0xff})
    bed.peer.expect_drop(Drop::igmp_type, igmp_frame(igmp(type, 10, {})));
  bed.peer.wait(20 * kSecond);
  bed.peer.expects_nothing();
}

// The floating-point code (RFC 3376 4.1.1): 0xff means 3,174.4 s, 0 at once.
TEST(IgmpInput, W31ResponseTimes) {
  IgmpBed bed;
  bed.joins(kFeed);
  bed.peer.expect_handled(igmp_frame(igmp(0x11, 0, {}, query_tail())));
  bed.peer.poll();
  EXPECT_EQ(reported(bed.peer).size(), 1u);
  bed.peer.expect_handled(igmp_frame(igmp(0x11, 0xff, {}, query_tail())));
  bed.peer.wait(3175 * kSecond);
  EXPECT_EQ(reported(bed.peer).size(), 1u);
}

TEST(IgmpInput, FloodOfQueriesIsLimited) {
  IgmpBed bed;
  bed.joins(kFeed);
  for (int i = 0; i < 200; ++i) bed.peer.sends(igmp_frame(igmp(0x11, 0, {}, query_tail())));
  EXPECT_GE(bed.peer.dropped(Drop::igmp_rate), 170u);
  EXPECT_LE(bed.peer.take_all().size(), 30u);
}

}  // namespace
}  // namespace pinion::testing
