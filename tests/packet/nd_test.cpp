// Neighbour discovery (RFC 4861) and duplicate address detection (RFC 4862 5.4): HOSTILE W71 to
// W75. What is not valid is dropped; what is asked is answered; addresses are claimed first.
#include <gtest/gtest.h>

#include <cerrno>

#include "packet/ipv6_bed.h"

namespace pinion::testing {
namespace {

constexpr uint8_t kSolicitation = 135, kAdvertisement = 136;
constexpr uint32_t kSolicitedFlag = 1u << 30, kOverrideFlag = 1u << 29;
const V6 kToGroup{.dst_mac = kOurGroupMac, .dst = kOurGroup6, .hop_limit = 255};
const V6 kToUs{.hop_limit = 255};
constexpr Mac kLiar{{2, 0, 0, 0, 0, 0x66}};

Packet solicitation(V6 v = kToGroup, Ip target = kOurIp6, std::optional<Mac> mac = kPeerMac) {
  return v6_frame(v, kNextIcmp6, nd_text(kSolicitation, 0, target, mac));
}
Packet advertisement(uint32_t flags, std::optional<Mac> mac = kPeerMac, V6 v = kToUs,
                     Ip target = kPeerIp6) {
  return v6_frame(v, kNextIcmp6, nd_text(kAdvertisement, flags, target, mac));
}

void expect_question(const Sent6& out, Ip target, Ip to, Mac mac) {
  EXPECT_EQ(out.at(0), kSolicitation);
  EXPECT_EQ(out.hop_limit, 255);
  EXPECT_EQ(out.source, kOurIp6);
  EXPECT_EQ(out.destination, to);
  EXPECT_EQ(out.dst, mac);
  EXPECT_EQ(out.address(8), target);
  EXPECT_EQ(out.payload.substr(24), bytes8({1, 1, 2, 0, 0, 0, 0, 1}));  // our MAC address
}

TEST(NdInput, ASolicitationIsAnswered) {
  Ipv6Peer peer;
  peer.expect_handled(solicitation());
  const Sent6 out = peer.expects6();
  EXPECT_EQ(out.dst, kPeerMac);
  EXPECT_EQ(out.source, kOurIp6);
  EXPECT_EQ(out.destination, kPeerIp6);
  EXPECT_EQ(out.hop_limit, 255);
  EXPECT_EQ(out.payload.substr(0, 2), bytes8({136, 0}));
  EXPECT_EQ(out.word(4), kSolicitedFlag | kOverrideFlag);
  EXPECT_EQ(out.address(8), kOurIp6);
  EXPECT_EQ(out.payload.substr(24), bytes8({2, 1, 2, 0, 0, 0, 0, 1}));
}

TEST(NdInput, AnothersClaimIsAnsweredToAll) {
  Ipv6Peer peer;
  V6 v = kToGroup;
  v.src = ip6("::");
  peer.expect_handled(solicitation(v, kOurIp6, {}));
  const Sent6 out = peer.expects6();
  EXPECT_EQ(out.dst, kAllNodesMac);
  EXPECT_EQ(out.destination, kAllNodes6);
  EXPECT_EQ(out.word(4), kOverrideFlag);
  // RFC 4861 7.1.1: without a link address, and to the group alone.
  peer.expect_drop(Drop::nd_malformed, solicitation(v, kOurIp6, kPeerMac));
  v.dst_mac = kOurMac, v.dst = kOurIp6;
  peer.expect_drop(Drop::nd_malformed, solicitation(v, kOurIp6, {}));
}

TEST(NdInput, W71HopLimitCodeAndChecksum) {
  Ipv6Peer peer;
  for (const uint8_t limit : {0, 1, 64, 254}) {
    V6 v = kToGroup;
    v.hop_limit = limit;
    peer.expect_drop(Drop::nd_hop_limit, solicitation(v));
    v = kToUs, v.hop_limit = limit;
    peer.expect_drop(Drop::nd_hop_limit, advertisement(kSolicitedFlag, kPeerMac, v));
  }
  std::string text = nd_text(kSolicitation, 0, kOurIp6, kPeerMac);
  text[1] = 1;
  peer.expect_drop(Drop::nd_malformed, v6_frame(kToGroup, kNextIcmp6, text));
  V6 wrong = kToGroup;
  wrong.checksum = 0x1234;
  peer.expect_drop(Drop::icmp6_checksum, solicitation(wrong));
}

TEST(NdInput, W71CutAndOptions) {
  Ipv6Peer peer;
  const std::string whole = nd_text(kSolicitation, 0, kOurIp6, kPeerMac);
  for (size_t length = 8; length < whole.size(); ++length) {
    if (length == 24) continue;  // no option: a sender whose station is not known
    peer.expect_drop(Drop::nd_malformed, v6_frame(kToGroup, kNextIcmp6, whole.substr(0, length)));
  }
  peer.expect_drop(Drop::nd_sender, solicitation(kToGroup, kOurIp6, {}));
  for (const unsigned length : {0u, 2u, 255u}) {
    std::string text =
        nd_text(kSolicitation, 0, kOurIp6, {}) + bytes8({1, length, 2, 0, 0, 0, 0, 2});
    peer.expect_drop(Drop::nd_malformed, v6_frame(kToGroup, kNextIcmp6, text));
  }
  // One that is not known is skipped.
  const std::string known = nd_text(kSolicitation, 0, kOurIp6, kPeerMac);
  peer.expect_handled(v6_frame(kToGroup, kNextIcmp6, known + bytes8({14, 1, 0, 0, 0, 0, 0, 0})));
  peer.expects6();
}

TEST(NdInput, W71TargetsSendersAndFragments) {
  Ipv6Peer peer;
  peer.expect_drop(Drop::nd_malformed, solicitation(kToGroup, ip6("ff02::1:ff00:1")));
  peer.expect_drop(Drop::nd_malformed, solicitation(kToGroup, ip6("::ffff:10.0.0.1")));
  peer.expect_drop(Drop::nd_not_ours, solicitation(kToGroup, ip6("2001:db8::5:0:1")));
  for (const Mac mac : {Mac{}, kBroadcastMac, kAllNodesMac, kOurMac})
    peer.expect_drop(Drop::nd_sender, solicitation(kToGroup, kOurIp6, mac));
  V6 v = kToGroup;
  v.src = kFarIp6;  // not of this link
  peer.expect_drop(Drop::nd_sender, solicitation(v));
  v = kToGroup;
  v.next_header = 44, v.extensions = bytes8({58, 0, 0, 0, 1, 2, 3, 4});
  peer.expect_drop(Drop::nd_malformed, solicitation(v));  // RFC 6980
  v = {.dst_mac = kAllNodesMac, .dst = kAllNodes6, .hop_limit = 255};
  peer.expect_drop(Drop::nd_malformed, advertisement(kSolicitedFlag, kPeerMac, v));  // 7.1.2
}

TEST(NdInput, W74RoutersAreNotBelieved) {
  Ipv6Peer peer;
  const V6 from_router{
      .dst_mac = kAllNodesMac, .src = kPeerLinkLocal, .dst = kAllNodes6, .hop_limit = 255};
  for (int i = 0; i < 1000; ++i) {
    const std::string prefix = bytes8({3, 4, 64, 0xc0}) + std::string(12, '\xff') +
                               text_of({0x2001'0db8'0000'0000u + static_cast<uint64_t>(i), 0});
    peer.expect_drop(Drop::nd_router,
                     v6_frame(from_router, kNextIcmp6,
                              icmp6_text(134, 0, 0x40000708, std::string(8, '\0') + prefix)));
  }
  peer.expect_drop(Drop::nd_router, v6_frame(from_router, kNextIcmp6, icmp6_text(133, 0, 0)));
  V6 v = kToUs;
  v.src = kPeerLinkLocal;
  peer.expect_drop(
      Drop::nd_redirect,
      v6_frame(v, kNextIcmp6, icmp6_text(137, 0, 0, text_of(kPeerIp6) + text_of(kFarIp6))));
}

TEST(NdOutput, ResolvesThenSendsWhatWaited) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}});
  socket.send("first", Endpoint{kPeerIp6, 5000}, 1);
  peer.poll();
  expect_question(peer.expects6(), kPeerIp6, ip6("ff02::1:ff00:2"), {{0x33, 0x33, 0xff, 0, 0, 2}});
  peer.expect_drop(Drop::nd_unsolicited, advertisement(kSolicitedFlag, {}));  // says no address
  peer.expect_handled(advertisement(kSolicitedFlag | kOverrideFlag));
  const Sent6 out = peer.expects6();
  EXPECT_EQ(out.next_header, kNextUdp);
  EXPECT_EQ(out.dst, kPeerMac);
  socket.expects_sent(1);
}

TEST(NdOutput, W72NobodyAnswers) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}});
  socket.send("lost", Endpoint{kPeerIp6, 5000}, 1);
  peer.wait(5 * kSecond);
  EXPECT_EQ(peer.take_all().size(), 3u) << "questions, a second apart";
  socket.expects_sent(1, -EHOSTUNREACH);
}

// RFC 4861 7.3.3: reachable, stale by time, asked five seconds after it is used again; and that
// an answer makes it reachable, while silence ends it.
TEST(NdOutput, UnreachabilityDetection) {
  PeerOptions options;
  options.net.neighbour_timeout = 30 * kSecond;
  Ipv6Peer peer(options);
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}, .sends = 64});
  const auto send = [&](uint64_t context) {
    socket.send("data", Endpoint{kPeerIp6, 5000}, context);
    peer.poll(2);
    EXPECT_EQ(peer.expects6().next_header, kNextUdp);
    socket.expects_sent(context);
  };
  peer.resolve();
  send(1);  // heard of, not confirmed: used now, so asked in five seconds
  peer.wait(5 * kSecond - kMilli);
  peer.expects_nothing();
  peer.wait(2 * kMilli);
  expect_question(peer.expects6(), kPeerIp6, kPeerIp6, kPeerMac);
  peer.expect_handled(advertisement(kSolicitedFlag));
  peer.wait(20 * kSecond);
  send(2);
  peer.wait(9 * kSecond);
  send(3);
  peer.expects_nothing();
  peer.wait(2 * kSecond);  // stale now
  send(4);
  peer.wait(5 * kSecond + kMilli);
  expect_question(peer.expects6(), kPeerIp6, kPeerIp6, kPeerMac);
  peer.wait(3 * kSecond);  // silence: all are asked, then it is given up
  EXPECT_EQ(peer.take_all().size(), 2u);
  socket.send("lost", Endpoint{kPeerIp6, 5000}, 5);
  peer.poll(2);
  socket.expects_sent(5, -EHOSTUNREACH);
}

TEST(NdInput, W72AKnownAddressMovesOnlyWhenItsStationIsSilent) {
  Ipv6Peer peer;
  UdpSocket socket(peer, {.local = {kOurIp6, 4000}});
  peer.resolve();
  V6 lies = kToUs;
  lies.src_mac = kLiar;
  peer.sends(advertisement(kSolicitedFlag | kOverrideFlag, kLiar, lies));
  EXPECT_EQ(peer.dropped(Drop::nd_unsolicited), 1u);
  expect_question(peer.expects6(), kPeerIp6, kPeerIp6, kPeerMac);  // is it still there?
  peer.expect_drop(Drop::nd_unsolicited,
                   advertisement(kSolicitedFlag | kOverrideFlag, kLiar, lies));
  socket.send("data", Endpoint{kPeerIp6, 5000}, 1);
  peer.poll(2);
  EXPECT_EQ(peer.expects6().dst, kPeerMac);
  peer.wait(kSecond);  // it does not answer: everybody is asked
  expect_question(peer.expects6(), kPeerIp6, ip6("ff02::1:ff00:2"), {{0x33, 0x33, 0xff, 0, 0, 2}});
  peer.expect_handled(advertisement(kSolicitedFlag | kOverrideFlag, kLiar, lies));
  socket.send("data", Endpoint{kPeerIp6, 5000}, 2);
  peer.poll(2);
  EXPECT_EQ(peer.expects6().dst, kLiar);
}

TEST(NdInput, PinnedNeighboursNeverChange) {
  PeerOptions options;
  options.net.neighbours.push_back({.address = kPeerIp6, .mac = kPeerMac, .interface = 0});
  Ipv6Peer peer(options);
  peer.expect_drop(Drop::nd_pinned, advertisement(kSolicitedFlag | kOverrideFlag, kLiar));
  peer.expect_drop(Drop::nd_pinned, solicitation(kToGroup, kOurIp6, kLiar));
}

TEST(NdInput, AnswersAreLimited) {
  PeerOptions options;
  options.net.arp_replies_per_s = 3;
  Ipv6Peer peer(options);
  for (int i = 0; i < 10; ++i) peer.sends(solicitation());
  EXPECT_EQ(peer.take_all().size(), 3u);
  EXPECT_EQ(peer.dropped(Drop::nd_rate), 7u);
}

// ---- our own addresses

PeerOptions claiming() {
  PeerOptions options;
  options.resolved = false;
  options.more_addresses.push_back({kOurIp6, 64});
  return options;
}
AddressState state_of(const Peer& peer, Ip address) {
  for (const AddressClaim& c : peer.kernel->net().interface_status(0).ipv6)
    if (c.address.address == address) return c.state;
  ADD_FAILURE() << "no such address";
  return AddressState::duplicate;
}
// The questions that leave within three seconds, about that address.
int questions_about(Peer& peer, Ip address) {
  int found = 0;
  for (const Packet& frame : peer.take_all()) {
    const Sent6 out = sent6(frame);
    EXPECT_EQ(out.fault, "");
    if (out.next_header != kNextIcmp6 || out.at(0) != kSolicitation) continue;
    EXPECT_EQ(out.source, ip6("::"));
    EXPECT_EQ(out.hop_limit, 255);
    EXPECT_EQ(out.payload.size(), 24u) << "it has no link address to tell";
    found += out.address(8) == address;
  }
  return found;
}

TEST(NdClaim, AnAddressIsAskedForOnceThenUsed) {
  Peer peer(claiming());
  EXPECT_EQ(state_of(peer, kOurIp6), AddressState::tentative);
  peer.poll();
  peer.take_all();  // MLD's report
  peer.expect_drop(Drop::ipv6_destination,
                   v6_frame({}, kNextIcmp6, icmp6_text(128, 0, 1, "not yet")));
  peer.expect_drop(Drop::nd_not_ours, solicitation());  // RFC 4862 5.4.3
  peer.wait(3 * kSecond);
  EXPECT_EQ(state_of(peer, kOurIp6), AddressState::valid);
  EXPECT_EQ(state_of(peer, kOurLinkLocal), AddressState::valid);
  EXPECT_EQ(questions_about(peer, kOurIp6), 1);
}

TEST(NdClaim, AnotherHasIt) {
  for (const bool asks : {false, true}) {
    Peer peer(claiming());
    peer.poll();
    V6 v{.dst_mac = kAllNodesMac, .dst = kAllNodes6, .hop_limit = 255};
    V6 claim = kToGroup;
    claim.src = ip6("::");
    const Packet says = asks ? solicitation(claim, kOurIp6, {})
                             : advertisement(kOverrideFlag, kPeerMac, v, kOurIp6);
    EXPECT_EQ(peer.reaction_to(says), Drop::nd_conflict);
    EXPECT_EQ(state_of(peer, kOurIp6), AddressState::duplicate);
    EXPECT_EQ(peer.counters().nd_duplicate_addresses, 1u);
    peer.wait(3 * kSecond);
    peer.take_all();
    EXPECT_EQ(state_of(peer, kOurLinkLocal), AddressState::valid) << "the others go on";
    peer.expect_drop(Drop::ipv6_destination,
                     v6_frame({}, kNextIcmp6, icmp6_text(128, 0, 1, "never")));
    peer.expect_drop(Drop::nd_not_ours, solicitation());
    RawApp& app = peer.app();
    EXPECT_EQ(app.bind(app.socket(RIO_FAMILY_IPV6), {kOurIp6, 4000}).status, -EADDRNOTAVAIL);
  }
}

TEST(NdClaim, WaitsForTheLink) {
  Peer peer(claiming());
  peer.port.link_is_up = false;
  peer.wait(10 * kSecond);
  EXPECT_EQ(state_of(peer, kOurIp6), AddressState::tentative);
  peer.port.link_is_up = true;
  peer.wait(4 * kSecond);
  EXPECT_EQ(state_of(peer, kOurIp6), AddressState::valid);
  EXPECT_GE(questions_about(peer, kOurIp6), 1);
}

TEST(NdClaim, ALaterConflictIsCountedAndNothingChanges) {
  Ipv6Peer peer;
  V6 v{.dst_mac = kAllNodesMac, .dst = kAllNodes6, .hop_limit = 255};
  peer.expect_drop(Drop::nd_conflict, advertisement(kOverrideFlag, kLiar, v, kOurIp6));
  EXPECT_EQ(state_of(peer, kOurIp6), AddressState::valid);
}

}  // namespace
}  // namespace pinion::testing
