// I3 and I5: whatever a peer sends, and however much, the requests of another application complete
// within two passes. Each flood fills every receive burst but for the bystander's own datagram.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

constexpr int kRounds = 200, kPerRound = 31;  // a receive burst less one
constexpr Endpoint kBystander{kOurIp, 6000};

struct Flood {
  const char* name;
  Packet (*frame)(uint32_t number);
};

Packet of_arp(uint32_t n, uint16_t op) {
  const Mac mac{{2, 1, 0, 0, static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)}};
  return padded(frame_of(ArpSegment{
      .eth = {.dst = kBroadcastMac, .src = mac},
      .arp = {.op = op, .sha = mac, .spa = ipv4(10, 0, 0, 3 + n % 250), .tha = kOurMac}}));
}

const std::string kData(64, 'f');
const Flood kFloods[] = {
    {"ShortFrames", [](uint32_t n) { return cut(frame_of(UdpSegment{.data = kData}), n % 42); }},
    {"ArpRequests", [](uint32_t n) { return of_arp(n, 1); }},
    {"ArpReplies", [](uint32_t n) { return of_arp(n, 2); }},
    {"SpoofsOfThePeer",
     [](uint32_t) {
       return padded(frame_of(ArpSegment{.eth = {.src = kOtherMac},
                                         .arp = {.op = 2, .sha = kOtherMac, .tha = kOurMac}}));
     }},
    {"BadHeaderChecksums",
     [](uint32_t) { return frame_of(UdpSegment{.ip = {.checksum = 1}, .data = kData}); }},
    {"Options",
     [](uint32_t) {
       return frame_of(UdpSegment{.ip = {.options = std::string(40, '\x01')}, .data = kData});
     }},
    {"Fragments",
     [](uint32_t n) {
       return frame_of(
           Ipv4Segment{.ip = {.id = static_cast<uint16_t>(n), .flags_fragment = kMoreFragments},
                       .data = kData});
     }},
    {"Echoes",
     [](uint32_t n) {
       return frame_of(IcmpSegment{.ip = {.src = ipv4(10, 0, 0, 3 + n % 250)}, .data = kData});
     }},
    {"ClosedPorts",
     [](uint32_t n) {
       return frame_of(UdpSegment{.ip = {.src = ipv4(10, 0, 0, 3 + n % 250)},
                                  .udp = {.dst = static_cast<uint16_t>(7000 + n % 1000)},
                                  .data = kData});
     }},
    {"FragmentationNeeded",
     [](uint32_t) {
       return frame_of(IcmpSegment{
           .icmp = {.type = 3, .code = 4, .rest = 68},
           .data = packet_of(UdpSegment{.ip = {.src = kOurIp, .dst = kPeerIp},
                                        .udp = {.src = kBystander.port, .dst = kPeerPort}})});
     }},
    {"Multicast",
     [](uint32_t n) {
       return frame_of(UdpSegment{.eth = {.dst = {{1, 0, 0x5e, 1, 2, static_cast<uint8_t>(n)}}},
                                  .ip = {.dst = ipv4(239, 1, 2, n % 256)},
                                  .data = kData});
     }},
    {"BadUdpChecksums",
     [](uint32_t) { return frame_of(UdpSegment{.udp = {.dst = 6000, .checksum = 1}}); }}};

class Bystander : public ::testing::TestWithParam<Flood> {};

TEST_P(Bystander, I3LosesNothing) {
  Peer peer;
  UdpSocket victim(peer), bystander(peer, {.session = 1, .local = kBystander});
  uint32_t number = 0;
  for (uint64_t round = 0; round < kRounds; ++round) {
    bystander.receive(round);
    bystander.send("out " + std::to_string(round), kPeerEndpoint, 1'000'000 + round);
    for (int i = 0; i < kPerRound; ++i) peer.queues(GetParam().frame(number++));
    peer.queues(frame_of(
        UdpSegment{.udp = {.dst = kBystander.port}, .data = "in " + std::to_string(round)}));
    peer.poll(2);
    bool received = false, sent = false, left = false;
    for (int i = 0; i < 2; ++i) {
      const rio_abi_completion c = bystander.expects_completion();
      EXPECT_EQ(c.status, 0);
      received |= c.request_context == round, sent |= c.request_context == 1'000'000 + round;
    }
    for (const Packet& frame : peer.take_all())
      left |= decode(frame).data == "out " + std::to_string(round);
    ASSERT_TRUE(received && sent && left) << "round " << round;
    ASSERT_EQ(bystander.area(round, 3), "in ");
  }
  EXPECT_EQ(bystander.option(RIO_SO_DROPPED), 0);
}

INSTANTIATE_TEST_SUITE_P(Floods, Bystander, ::testing::ValuesIn(kFloods),
                         [](const auto& flood) { return flood.param.name; });

}  // namespace
}  // namespace pinion::testing
