// HOSTILE W77: what a port says of a frame beside its bytes may be wrong. Each verdict on checksums
// and each VLAN flag is tried with good frames and bad ones; only "good" spares a checksum, and no
// flag spares a length. Chains of segments end in pmd-glue, which hands up frames of one piece.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

constexpr RxCsum kVerdicts[] = {RxCsum::unknown, RxCsum::good, RxCsum::bad};

// Calls `with` for every pair of verdicts.
template <typename With>
void every_verdict(With with) {
  for (const RxCsum ip : kVerdicts)
    for (const RxCsum l4 : kVerdicts) {
      SCOPED_TRACE(::testing::Message() << "IPv4 " << int(ip) << ", UDP " << int(l4));
      with(ip, l4);
    }
}

Drop reaction(Peer& peer, const Packet& frame, RxCsum ip, RxCsum l4) {
  const Counters before = peer.counters();
  Frame& queued = peer.queues(frame);
  queued.rx_ipv4_csum = ip, queued.rx_l4_csum = l4;
  peer.poll();
  peer.take_all();
  for (size_t i = 0; i < kDropCount; ++i)
    if (peer.counters().drops[i] != before.drops[i]) return static_cast<Drop>(i);
  return Drop::none;
}

TEST(PortFlags, W77GoodFrameWithAnyVerdict) {
  Peer peer;
  UdpSocket socket(peer);
  every_verdict([&](RxCsum ip, RxCsum l4) {
    socket.receive(1);
    EXPECT_EQ(reaction(peer, frame_of(UdpSegment{.data = "good"}), ip, l4), Drop::none);
    EXPECT_EQ(socket.expects_received(1), "good");
    EXPECT_EQ(reaction(peer, frame_of(IcmpSegment{.data = "good"}), ip, l4), Drop::none);
  });
}

TEST(PortFlags, W77OnlyGoodSparesAChecksum) {
  Peer peer;
  UdpSocket socket(peer);
  const Packet bad_ip = frame_of(UdpSegment{.ip = {.checksum = 1}, .data = "x"});
  const Packet bad_udp = frame_of(UdpSegment{.udp = {.checksum = 1}, .data = "x"});
  const Packet bad_icmp = frame_of(IcmpSegment{.icmp = {.checksum = 1}, .data = "x"});
  every_verdict([&](RxCsum ip, RxCsum l4) {
    EXPECT_EQ(reaction(peer, bad_ip, ip, l4),
              ip == RxCsum::good ? Drop::none : Drop::ipv4_checksum);
    EXPECT_EQ(reaction(peer, bad_udp, ip, l4),
              l4 == RxCsum::good ? Drop::none : Drop::udp_checksum);
    EXPECT_EQ(reaction(peer, bad_icmp, ip, l4), Drop::icmp_checksum) << "no port's word for this";
  });
}

TEST(PortFlags, W77NoVerdictSparesALength) {
  Peer peer;
  UdpSocket socket(peer);
  const Packet whole = frame_of(UdpSegment{.data = "data"});
  const struct {
    Packet frame;
    Drop why;
  } cases[] = {
      {cut(whole, 13), Drop::eth_short},
      {cut(whole, 33), Drop::ipv4_short},
      {cut(whole, whole.size() - 1), Drop::ipv4_total_length},
      {frame_of(UdpSegment{.ip = {.version = 5}}), Drop::ipv4_version},
      {frame_of(UdpSegment{.ip = {.ihl = 4}}), Drop::ipv4_header_length},
      {frame_of(UdpSegment{.ip = {.total_length = 19}}), Drop::ipv4_total_length},
      {frame_of(UdpSegment{.ip = {.options = std::string("\x07\0\0\0", 4)}}), Drop::ipv4_options},
      {frame_of(UdpSegment{.udp = {.length = 7}}), Drop::udp_length},
      {frame_of(UdpSegment{.udp = {.length = 9}}), Drop::udp_length},
      {frame_of(Ipv4Segment{.ip = {.protocol = 17}, .data = "1234567"}), Drop::udp_short},
      {frame_of(Ipv4Segment{.ip = {.protocol = 1}, .data = "1234567"}), Drop::icmp_short}};
  every_verdict([&](RxCsum ip, RxCsum l4) {
    for (const auto& c : cases)
      EXPECT_EQ(reaction(peer, c.frame, ip, l4), c.why) << drop_name(c.why);
  });
}

// RFC 768: a checksum of 0 is none; ports call it good or bad as they like.
TEST(PortFlags, W77NoChecksumWithAnyVerdict) {
  Peer peer;
  UdpSocket socket(peer);
  every_verdict([&](RxCsum ip, RxCsum l4) {
    socket.receive(1);
    const Packet frame = frame_of(UdpSegment{.udp = {.checksum = 0}, .data = "none"});
    EXPECT_EQ(reaction(peer, frame, ip, l4), Drop::none);
    EXPECT_EQ(socket.expects_received(1), "none");
  });
}

// The tag that the port claims to have taken off is still there; or it took none and left a value.
TEST(PortFlags, W77VlanFlagLies) {
  Peer peer;
  UdpSocket socket(peer);
  const Packet tagged = frame_of(UdpSegment{.eth = {.vlan_tci = 0}, .data = "tag"});
  Frame& still_there = peer.queues(tagged);
  still_there.vlan_stripped = true, still_there.vlan_tci = 0;
  peer.poll();
  EXPECT_EQ(peer.dropped(Drop::eth_type), 1u);
  socket.receive(1);
  peer.queues(frame_of(UdpSegment{.data = "untagged"})).vlan_tci = 7;
  peer.poll();
  EXPECT_EQ(socket.expects_received(1), "untagged");
  Frame& unknown = peer.queues(frame_of(UdpSegment{.data = "x"}));
  unknown.vlan_stripped = true, unknown.vlan_tci = 7;
  peer.poll();
  EXPECT_EQ(peer.dropped(Drop::vlan_unknown), 1u);
}

}  // namespace
}  // namespace pinion::testing
