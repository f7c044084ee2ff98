// Several cores, one station: every core learns where the neighbours are, one answers; the first
// queue's core claims addresses and announces them, the others hear what became of it.
#include "packet/cores_bed.h"
#include "packet/ipv6_bed.h"

namespace pinion::testing {
namespace {

TEST(CoresNeighbour, ARequestIsAnsweredOnceAndLearnedByAll) {
  Cores cores(3);
  cores.sends(1, frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}}));
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 1, 0}));
  for (uint32_t core = 0; core < 3; ++core) {
    EXPECT_EQ(cores.at(core).kernel->net().neighbours().size(), 1u) << core;
    EXPECT_EQ(cores.counters(core).arp_received, 1u) << core;
  }
  EXPECT_EQ(cores.counters(1).arp_replies_sent, 1u);
  EXPECT_EQ(cores.dropped(), 0u);
}

TEST(CoresNeighbour, AReplyReachesTheCoreThatAsked) {
  Cores cores(2);
  UdpSocket socket(cores.at(1));
  socket.send("hello", kPeerEndpoint, 1);
  cores.poll();
  EXPECT_EQ(cores.at(1).expects_decoded().arp->op, 1);
  const ArpFields reply{.op = 2, .sha = kPeerMac, .spa = kPeerIp, .tha = kOurMac, .tpa = kOurIp};
  cores.sends(0, frame_of(ArpSegment{.arp = reply}));
  socket.expects_sent(1);
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 1}));
  EXPECT_EQ(cores.dropped(), 0u) << "what another core asked for is not unsolicited";
}

TEST(CoresNeighbour, TheFirstQueuesCoreAnnouncesTheAddresses) {
  Cores cores(2);
  for (const bool up : {false, true}) {
    for (uint32_t core = 0; core < 2; ++core) cores.at(core).port.link_is_up = up;
    cores.wait(20 * kMilli);
  }
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{1, 0}));
}

PeerOptions with_claims() {
  PeerOptions options;
  options.more_addresses = {{kOurIp6, 64}};
  return options;
}

bool is_claim(const Packet& frame) {
  const Sent6 s = sent6(frame);
  return s.fault.empty() && s.source == kAnyIpv6 && s.payload.size() == 24 && s.at(0) == 135;
}

AddressState state(Cores& cores, uint32_t core) {
  for (const AddressClaim& c : cores.at(core).kernel->net().interface_status(0).ipv6)
    if (c.address.address == kOurIp6) return c.state;
  return AddressState::duplicate;
}

TEST(CoresNeighbour, OneCoreClaimsAndAllUseTheAddress) {
  Cores cores(2, with_claims());
  cores.wait(500 * kMilli);
  EXPECT_EQ(state(cores, 1), AddressState::tentative);
  cores.wait(3 * kSecond);
  size_t claims[2];
  for (uint32_t core = 0; core < 2; ++core) {
    const std::vector<Packet> left = cores.at(core).take_all();
    claims[core] = static_cast<size_t>(std::count_if(left.begin(), left.end(), is_claim));
    EXPECT_EQ(state(cores, core), AddressState::valid) << core;
  }
  EXPECT_EQ(claims[0], 2u) << "one for each address";
  EXPECT_EQ(claims[1], 0u);
  // Who asks for it over the other queue is answered there, once, and known to both.
  cores.sends(1, v6_frame({.dst_mac = kOurGroupMac, .dst = kOurGroup6, .hop_limit = 255},
                          kNextIcmp6, nd_text(135, 0, kOurIp6, kPeerMac)));
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 1}));
  EXPECT_EQ(cores.at(0).kernel->net().neighbours().size(), 1u);
}

// The other station's word comes over the second queue: no core uses the address.
TEST(CoresNeighbour, AnAddressThatAnotherStationHasIsLostOnAllCores) {
  Cores cores(2, with_claims());
  cores.wait(kSecond);
  cores.sends(1, v6_frame({.dst_mac = kAllNodesMac, .dst = kAllNodes6, .hop_limit = 255},
                          kNextIcmp6, nd_text(136, 1u << 29, kOurIp6, kPeerMac)));
  cores.wait(3 * kSecond);
  EXPECT_EQ(state(cores, 0), AddressState::duplicate);
  EXPECT_EQ(state(cores, 1), AddressState::duplicate);
  EXPECT_EQ(cores.counters(0).nd_duplicate_addresses, 1u);
  EXPECT_EQ(cores.counters(1).nd_duplicate_addresses, 0u);
}

// What a core is asked too often costs the others nothing.
TEST(CoresNeighbour, QuestionsOverTheLimitAreNotCopied) {
  PeerOptions options = with_claims();
  options.net.arp_replies_per_s = 2;
  Cores cores(2, options);
  cores.wait(4 * kSecond);
  const uint64_t before = cores.copied(1, Stray::neighbour);
  for (int i = 0; i < 5; ++i)
    cores.at(1).sends(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}}));
  EXPECT_EQ(cores.at(1).dropped(Drop::arp_rate), 3u);
  EXPECT_EQ(cores.copied(1, Stray::neighbour) - before, 2u);
  cores.wait(2 * kSecond);
  for (int i = 0; i < 5; ++i)
    cores.at(1).sends(v6_frame({.dst_mac = kOurGroupMac, .dst = kOurGroup6, .hop_limit = 255},
                               kNextIcmp6, nd_text(135, 0, kOurIp6, kPeerMac)));
  EXPECT_EQ(cores.at(1).dropped(Drop::nd_rate), 3u);
  EXPECT_EQ(cores.copied(1, Stray::neighbour) - before, 4u);
  cores.poll();
  EXPECT_EQ(cores.taken(0, Stray::neighbour), cores.copied(1, Stray::neighbour));
}

TEST(CoresNeighbour, AnEchoIsAnsweredWhereItArrives) {
  Cores cores(2);
  cores.resolve();
  cores.sends(1, frame_of(IcmpSegment{.icmp = {.type = 8}, .data = "ping"}));
  EXPECT_EQ(cores.take_all(), (std::vector<size_t>{0, 1}));
}

}  // namespace
}  // namespace pinion::testing
