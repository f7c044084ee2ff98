// MLD, a listener's part (RFC 3810; RFC 2710 for an old querier), and HOSTILE W76: what we listen
// to is said when it begins, and when a querier of this link asks.
#include <gtest/gtest.h>

#include <set>

#include "packet/ipv6_bed.h"

namespace pinion::testing {
namespace {

const V6 kQuerier{.dst_mac = kAllNodesMac,
                  .src = kPeerLinkLocal,
                  .dst = kAllNodes6,
                  .hop_limit = 1,
                  .next_header = 0,
                  .extensions = bytes8({58, 0, 5, 2, 0, 0, 1, 0})};
const Ip kAny6 = ip6("::");

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
