// HOSTILE W19, W20, W22 (RFC 791 3.2, RFC 1122 3.3.2, RFC 5722): what comes in fragments is
// delivered as if it had come whole, or not at all; floods of fragments cost a bounded amount, and
// never another source's datagrams for longer than they last.
#include <gtest/gtest.h>

#include <algorithm>

#include "packet/fragments.h"

namespace pinion::testing {
namespace {

const std::string kCutData = text_of(4000);
const std::string kCutWhole = payload_of(UdpSegment{.data = kCutData});
constexpr Nanos kReassemblyTimeout = kSecond;  // NetConfig's

void expect_fragments(Peer& peer, const std::vector<Packet>& frames) {
  for (const Packet& f : frames) peer.expect_handled(f);
}

TEST(Ipv4Reassembly, InOrderBackwardsAndMixed) {
  Peer peer;
  UdpSocket socket(peer);
  std::vector<Packet> frames = fragments_of(kCutWhole);
  ASSERT_EQ(frames.size(), 3u);
  expect_in_any_order(peer, socket, frames, kCutData);
  EXPECT_EQ(peer.counters().reassembled, 6u);
  EXPECT_EQ(peer.counters().udp_received, 6u);
  peer.expects_nothing();
}

TEST(Ipv4Reassembly, LongestDatagramOfUdp) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string data = text_of(65507);
  socket.receive(1, 65536);
  expect_fragments(peer, fragments_of(payload_of(UdpSegment{.data = data})));
  EXPECT_EQ(socket.expects_received(1), data);
}

// The smallest fragments there are: 8 bytes each, the last one 3.
TEST(Ipv4Reassembly, SmallestFragments) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string data = text_of(803);
  socket.receive(1, 2048);
  expect_fragments(peer, fragments_of(payload_of(UdpSegment{.data = data}), {}, 28));
  EXPECT_EQ(socket.expects_received(1), data);
}

// The checksum is looked at over the whole, though a port says "good" of each fragment.
TEST(Ipv4Reassembly, ChecksumIsOfTheWhole) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1, 8192);
  const std::string bad = payload_of(UdpSegment{.udp = {.checksum = 0x1234}, .data = kCutData});
  for (const Packet& f : fragments_of(bad)) {
    peer.queues(f).rx_l4_csum = RxCsum::good;
    peer.poll();
  }
  EXPECT_EQ(peer.dropped(Drop::udp_checksum), 1u);
  socket.expects_no_completion();
}

TEST(Ipv4Reassembly, TcpSegmentInFragments) {
  Peer peer;
  const std::string syn = payload_of(TcpSegment{.tcp = {.flags = kSyn}, .data = text_of(64)});
  peer.expect_handled(fragment_of(syn, {0, 40, 5, 6}));
  const Packet last = fragment_of(syn, {40, syn.size(), 5, 6});
  EXPECT_EQ(peer.reaction_to(last), Drop::tcp_no_connection);
  EXPECT_TRUE(peer.expects_decoded().tcp.has_value());  // its RST
}

// What nobody wants earns the error that it would have earned in one piece.
TEST(Ipv4Reassembly, ClosedPort) {
  Peer peer;
  const std::vector<Packet> frames = fragments_of(kCutWhole);
  peer.expect_handled(frames[0]);
  peer.expect_handled(frames[1]);
  const Decoded error = decode(peer.expect_drop_answered(Drop::udp_no_socket, frames[2]));
  ASSERT_TRUE(error.icmp);
  EXPECT_EQ(error.icmp->type, 3);
  EXPECT_EQ(error.icmp->code, 3);
}

// W19, teardrop and its kin: no byte of the datagram is ever delivered, whatever comes later.
TEST(Ipv4Reassembly, W19Overlaps) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1, 8192);
  std::string other = kCutWhole;
  for (char& c : other) c = static_cast<char>(c ^ 0x55);
  const struct {
    size_t from, to;
  } second[] = {{1480, 2960}, {1472, 2952}, {1488, 1496}, {0, 4000}, {2952, 4008}, {8, 4008}};
  uint16_t id = 100;
  for (const auto& cut : second) {
    peer.expect_handled(fragment_of(kCutWhole, {1480, 2960, ++id}));
    peer.expect_drop(Drop::fragment_overlap, fragment_of(other, {cut.from, cut.to, id}));
    for (const Packet& f : fragments_of(kCutWhole, {.id = id}))
      peer.expect_drop(Drop::fragment_overlap, f);
  }
  socket.expects_no_completion();
}

// Two ends, and data behind the end.
TEST(Ipv4Reassembly, W19LengthsThatContradict) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string shorter = kCutWhole.substr(0, 3000), aligned = kCutWhole.substr(0, 2960);
  peer.expect_handled(fragment_of(kCutWhole, {2960, kCutWhole.size(), 1}));
  peer.expect_drop(Drop::fragment_overlap, fragment_of(shorter, {1480, 3000, 1}));
  peer.expect_handled(fragment_of(shorter, {1480, 3000, 2}));
  peer.expect_drop(Drop::fragment_overlap,
                   fragment_of(kCutWhole, {3200, kCutWhole.size(), 2}));
  peer.expect_handled(fragment_of(kCutWhole, {2960, 3200, 3}));
  peer.expect_drop(Drop::fragment_overlap, fragment_of(aligned, {1480, 2960, 3}));
  // The same bytes, once with and once without an end behind them.
  peer.expect_handled(fragment_of(kCutWhole, {1480, 2960, 4}));
  peer.expect_drop(Drop::fragment_overlap, fragment_of(aligned, {1480, 2960, 4}));
  EXPECT_EQ(peer.counters().reassembled, 0u);
}

// A network's copy is the same byte for byte.
TEST(Ipv4Reassembly, W19Duplicates) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1, 8192);
  const std::vector<Packet> frames = fragments_of(kCutWhole);
  peer.expect_handled(frames[0]);
  peer.expect_drop(Drop::fragment_duplicate, frames[0]);
  peer.expect_handled(frames[2]);
  peer.expect_drop(Drop::fragment_duplicate, frames[2]);
  peer.expect_drop(Drop::fragment_duplicate, frames[0]);
  peer.expect_handled(frames[1]);
  EXPECT_EQ(socket.expects_received(1), kCutData);
}

// W20, ping of death: options in the first header push the whole over 65,535 bytes.
TEST(Ipv4Reassembly, W20LongerThanAnyPacket) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string whole = payload_of(UdpSegment{.data = text_of(65507)});
  std::vector<Packet> frames = fragments_of(whole);
  frames[0] = frame_of(Ipv4Segment{.ip = {.id = 77, .flags_fragment = kMoreFragments,
                                          .protocol = 17, .options = std::string(4, '\x01')},
                                   .data = whole.substr(0, 1480)});
  for (size_t i = 0; i + 1 < frames.size(); ++i) peer.expect_handled(frames[i]);
  peer.expect_drop(Drop::fragment_too_long, frames.back());
  peer.expect_baseline();
}

// RFC 791 3.2: source, destination, protocol and identification, all four, name the datagram.
TEST(Ipv4Reassembly, W18PartsOfOthersAreNotMixedIn) {
  Peer peer({.more_addresses = {{ipv4(10, 0, 0, 5), 24}}});
  UdpSocket socket(peer);
  socket.receive(1, 8192);
  const std::vector<Packet> frames = fragments_of(kCutWhole);
  peer.expect_handled(frames[0]);
  peer.expect_handled(frames[2]);
  const std::string alien(kCutWhole.size(), 'x');
  peer.expect_handled(fragment_of(alien, {1480, 2960, 78}));
  peer.expect_handled(fragment_of(alien, {1480, 2960, 77, 6}));
  peer.expect_handled(fragment_of(alien, {1480, 2960, 77, 17, ipv4(10, 0, 0, 3)}));
  peer.expect_handled(frame_of(Ipv4Segment{
      .ip = {.id = 77, .flags_fragment = kMoreFragments | 185, .protocol = 17,
             .dst = ipv4(10, 0, 0, 5)},
      .data = alien.substr(0, 1480)}));
  peer.expect_handled(frames[1]);
  EXPECT_EQ(socket.expects_received(1), kCutData);
}

// RFC 1122 3.3.2: ICMP 11/1 if the first fragment is here, and nothing is left.
TEST(Ipv4Reassembly, W22TimeIsOver) {
  Peer peer;
  UdpSocket socket(peer);
  const std::vector<Packet> frames = fragments_of(kCutWhole);
  peer.expect_handled(frames[0]);
  peer.expect_handled(frames[1]);
  peer.wait(kReassemblyTimeout / 2);
  peer.expects_nothing();
  peer.wait(kReassemblyTimeout);
  const Decoded error = peer.expects_decoded();
  ASSERT_TRUE(error.icmp);
  EXPECT_EQ(error.icmp->type, 11);
  EXPECT_EQ(error.icmp->code, 1);
  EXPECT_EQ(error.data, payload_of(Ipv4Segment{.data = error.data}));
  EXPECT_EQ(error.data.size(), 28u);  // the header and 8 bytes, as RFC 792 has it
  EXPECT_EQ(peer.counters().reassembly_timeouts, 1u);
  peer.expect_handled(frames[2]);  // begins another
  peer.wait(2 * kReassemblyTimeout);
  peer.expects_nothing();
  EXPECT_EQ(peer.counters().reassembly_timeouts, 2u);
  socket.expects_no_completion();
}

// One source's flood costs that source its own datagrams, and no other source any.
TEST(Ipv4Reassembly, W22OneSourceHasItsShare) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1, 8192);
  const Ipv4 other = ipv4(10, 0, 0, 3);
  const std::vector<Packet> good = fragments_of(
      payload_of(UdpSegment{.ip = {.src = other}, .data = kCutData}), {.src = other});
  peer.expect_handled(good[0]);
  peer.expect_handled(good[1]);
  for (unsigned i = 0; i < 10'000; ++i)
    peer.sends(fragment_of(kCutWhole, {0, 64, static_cast<uint16_t>(i)}));
  EXPECT_EQ(peer.counters().reassembly_evicted, 10'000u - 4);
  peer.expect_handled(good[2]);
  EXPECT_EQ(socket.expects_received(1), kCutData);
}

// Forged sources take every place; the oldest gives way, so what comes in one go gets through.
TEST(Ipv4Reassembly, W22ForgedSources) {
  Peer peer;
  UdpSocket socket(peer);
  uint64_t context = 0;
  for (unsigned i = 0; i < 10'000; ++i) {
    const Ipv4 forged = ipv4(10, 0, 0, 3 + i % 200);
    peer.sends(fragment_of(kCutWhole, {1480, 2960, static_cast<uint16_t>(i), 17, forged}));
    if (i % 1000 != 999) continue;
    socket.receive(++context, 8192);
    expect_fragments(peer, fragments_of(kCutWhole));
    EXPECT_EQ(socket.expects_received(context), kCutData);
  }
  EXPECT_EQ(peer.port.outstanding(), 0u);
  peer.expect_baseline();
}

// FragmentSmack: many fragments with gaps, of one datagram. Each costs the same; none is kept.
TEST(Ipv4Reassembly, W22FragmentsWithGaps) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string whole = text_of(65512);
  for (size_t at = 16; at + 8 < whole.size(); at += 16)
    peer.sends(fragment_of(whole, {at, at + 8}));
  EXPECT_EQ(peer.port.outstanding(), 0u);
  EXPECT_EQ(peer.dropped_in_all(), 0u);
  EXPECT_EQ(peer.counters().reassembly_evicted, 0u);
  peer.wait(2 * kReassemblyTimeout);
  peer.expects_nothing();
  peer.expect_baseline();
}

TEST(Ipv4Reassembly, GroupDatagramsReachTheirMembers) {
  Peer peer;
  UdpSocket socket(peer, {.local = {{}, kOurPort}});
  const Ipv4 group = ipv4(239, 1, 2, 3);
  ASSERT_EQ(socket.join(group), 0);
  socket.receive(1, 8192);
  const std::string whole = payload_of(UdpSegment{.ip = {.dst = group}, .data = kCutData});
  for (size_t at = 0; at < whole.size(); at += 1480) {
    const unsigned more = at + 1480 < whole.size() ? 0x2000u : 0u;
    peer.expect_handled(frame_of(Ipv4Segment{
        .eth = {.dst = {{1, 0, 0x5e, 1, 2, 3}}},
        .ip = {.flags_fragment = static_cast<uint16_t>(more | at / 8), .protocol = 17,
               .dst = group},
        .data = whole.substr(at, 1480)}));
  }
  EXPECT_EQ(socket.expects_received(1), kCutData);
}

}  // namespace
}  // namespace pinion::testing
