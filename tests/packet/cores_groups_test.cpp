// Several cores: a multicast datagram reaches the members on every core, each is told of the
// queries, and a group is left on the wire when the last core has left it.
#include "packet/cores_bed.h"
#include "packet/igmp.h"
#include "packet/mld.h"

namespace pinion::testing {
namespace {

Packet tick(const std::string& data, Ipv4 group = kFeed) {
  return frame_of(UdpSegment{.eth = {.dst = mac_of(group)},
                             .ip = {.src = kSourceA, .dst = group},
                             .udp = {.dst = kOurPort},
                             .data = data});
}

SocketOptions any() { return {.local = {{}, kOurPort}}; }

TEST(CoresGroups, EachMemberGetsACopyWhereverTheDatagramArrives) {
  Cores cores(3);
  UdpSocket zero(cores.at(0), any()), two(cores.at(2), any());
  ASSERT_EQ(zero.join(kFeed), 0);
  ASSERT_EQ(two.join(kFeed), 0);
  cores.poll();
  for (uint32_t at = 0; at < 3; ++at) {
    zero.receive(at), two.receive(at);
    cores.poll();
    cores.sends(at, tick("tick"));
    EXPECT_EQ(zero.expects_received(at), "tick");
    EXPECT_EQ(two.expects_received(at), "tick");
  }
  EXPECT_EQ(cores.copied(0, Stray::multicast), 1u);
  EXPECT_EQ(cores.copied(1, Stray::multicast), 2u);
  EXPECT_EQ(cores.handed_over(1, Stray::multicast), 1u);
  EXPECT_EQ(cores.taken(1, Stray::multicast), 0u);
  EXPECT_EQ(cores.dropped(), 0u);
  cores.sends(1, tick("other", kOtherFeed));
  EXPECT_EQ(cores.at(1).dropped(Drop::udp_multicast_not_joined), 1u);
  ASSERT_EQ(zero.leave(kFeed), 0);
  two.close();
  cores.poll();
  cores.sends(1, tick("nobody"));
  EXPECT_EQ(cores.at(1).dropped(Drop::udp_multicast_not_joined), 2u);
  EXPECT_EQ(cores.copied(1, Stray::multicast), 2u);
}

// What an application sends to a group with MULTICAST_LOOP reaches members on other cores too.
TEST(CoresGroups, AnOwnDatagramGoesToMembersOfOtherCores) {
  Cores cores(2);
  UdpSocket sender(cores.at(0)), member(cores.at(1), any());
  ASSERT_EQ(member.join(kFeed), 0);
  ASSERT_EQ(sender.set_option(RIO_SO_MULTICAST_LOOP, 1), 0);
  member.receive(1);
  cores.poll();
  sender.send("to all", Endpoint{kFeed, kOurPort}, 1);
  cores.poll();
  sender.expects_sent(1);
  EXPECT_EQ(member.expects_received(1), "to all");
}

uint64_t received(const Peer& peer, Ipv4 group) {
  const GroupTable& groups = peer.kernel->net().groups();
  for (uint32_t i = 0; i < groups.capacity(); ++i)
    if (groups.slot(i).address == Ip(group) && !groups.slot(i).members.empty())
      return groups.slot(i).received;
  return 0;
}

// One application fills the ring with what many members of another core get: a pass there takes no
// more datagrams than those, and the ring keeps room for others.
void expect_a_pass_takes(size_t at_most, size_t bytes) {
  constexpr size_t kMembers = 40, kDatagrams = 9;  // the ring holds as many
  PeerOptions options;
  options.net.igmp_joins_max = 2 * kMembers;
  options.quota.joins_max = 2 * kMembers;
  Cores cores(2, options);
  UdpSocket sender(cores.at(0));
  std::vector<std::unique_ptr<UdpSocket>> members;
  for (size_t i = 0; i < kMembers; ++i) {
    members.push_back(std::make_unique<UdpSocket>(
        cores.at(1), SocketOptions{.local = {{}, static_cast<uint16_t>(7000 + i)}}));
    ASSERT_EQ(members.back()->join(kFeed), 0);
  }
  ASSERT_EQ(sender.set_option(RIO_SO_MULTICAST_LOOP, 1), 0);
  ASSERT_EQ(sender.set_option(RIO_SO_FRAGMENT, 1), 0);
  cores.poll();
  for (uint64_t i = 0; i < kDatagrams; ++i) {
    sender.send(std::string(bytes, 'x'), Endpoint{kFeed, static_cast<uint16_t>(7000 + i)}, i);
    cores.at(0).poll();
    sender.expects_sent(i);
  }
  cores.at(1).poll();
  EXPECT_LE(received(cores.at(1), kFeed), at_most);
  cores.poll(static_cast<int>(kDatagrams));
  EXPECT_EQ(received(cores.at(1), kFeed), kDatagrams);
}

TEST(CoresGroups, APassReachesABoundedNumberOfMembers) { expect_a_pass_takes(256 / 40 + 1, 1); }
TEST(CoresGroups, OfLongDatagramsAPassTakesFewer) { expect_a_pass_takes(1, 20'000); }

bool is_leave(const Packet& frame) {
  const Decoded d = decode(frame);
  const std::string m = d.data;
  return d.ip && d.ip->protocol == 2 && m.size() >= 16 && m[0] == '\x22' && m[8] == 3;
}

size_t leaves(const std::vector<Packet>& frames) {
  return static_cast<size_t>(std::count_if(frames.begin(), frames.end(), is_leave));
}

// Two cores, each with a member, and both have said so.
struct TwoMembers {
  Cores cores{2};
  UdpSocket zero{cores.at(0), any()}, one{cores.at(1), any()};
  TwoMembers() {
    EXPECT_EQ(zero.join(kFeed), 0);
    EXPECT_EQ(one.join(kFeed), 0);
    cores.wait(3 * kSecond);
  }
};

// TO_IN of nothing makes a switch with fast leave cut the port off: not before the last core.
TEST(CoresGroups, TheLastCoreThatLeavesSaysSo) {
  TwoMembers both;
  Cores& cores = both.cores;
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{2, 2})) << "each tells of its own, twice";
  ASSERT_EQ(both.zero.leave(kFeed), 0);
  cores.wait(3 * kSecond);
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 0}));
  ASSERT_EQ(both.one.leave(kFeed), 0);
  cores.wait(3 * kSecond);
  EXPECT_EQ(leaves(cores.at(0).take_all()), 0u);
  EXPECT_EQ(leaves(cores.at(1).take_all()), 2u);
}

// Both leave before either has heard of it: the second report of each still says so.
TEST(CoresGroups, TwoThatLeaveAtTheSameTime) {
  TwoMembers both;
  Cores& cores = both.cores;
  cores.take_all();
  ASSERT_EQ(both.zero.leave(kFeed), 0);
  ASSERT_EQ(both.one.leave(kFeed), 0);
  cores.wait(3 * kSecond);
  EXPECT_GE(leaves(cores.at(0).take_all()) + leaves(cores.at(1).take_all()), 1u);
}

TEST(CoresGroups, AQueryIsAnsweredByEachCoreForItsOwn) {
  Cores cores(3);
  UdpSocket one(cores.at(1), any()), two(cores.at(2), any());
  ASSERT_EQ(one.join(kFeed), 0);
  ASSERT_EQ(two.join(kOtherFeed), 0);
  cores.wait(3 * kSecond);
  cores.take_all();
  cores.sends(0, general_query(10));
  cores.wait(2 * kSecond);
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 1, 1}));
  EXPECT_EQ(cores.copied(0, Stray::groups), 2u);
  EXPECT_EQ(cores.counters(2).igmp_received, 1u);
}

}  // namespace
}  // namespace pinion::testing
