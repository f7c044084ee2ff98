// HOSTILE W70, W19, W20, W22 for IPv6 (RFC 8200 4.5, RFC 5722, RFC 6946, RFC 7112, RFC 6980): what
// comes in fragments is delivered as if it had come whole, or not at all; what no sender can have
// meant earns the error that the RFC names; floods cost a bounded amount of memory that both
// families share.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "packet/fragments6.h"

namespace pinion::testing {
namespace {

const std::string kCut6Data = text_of(4000);
const std::string kCut6 = upper6(kNextUdp, udp6_text(5000, 4000, kCut6Data));

struct Reassembly6 : ::testing::Test {
  Reassembly6() : socket(peer, {.local = {kOurIp6, 4000}}) { peer.resolve(); }
  void expect_taken(const std::vector<Packet>& frames) {
    for (const Packet& f : frames) peer.expect_handled(f);
  }
  void expect_problem(Drop why, const Packet& frame, uint8_t code, uint32_t pointer) {
    const Sent6 out = sent6(peer.expect_drop_answered(why, frame));
    EXPECT_EQ(out.fault, "");
    EXPECT_EQ(out.payload.substr(0, 2), bytes8({4, code}));
    EXPECT_EQ(out.word(4), pointer);
    const size_t quoted = std::min<size_t>(frame.size() - 14, 1232);
    EXPECT_EQ(out.payload.substr(8),
              std::string(reinterpret_cast<const char*>(frame.data()) + 14, quoted));
  }
  Ipv6Peer peer;
  UdpSocket socket;
};

TEST_F(Reassembly6, InOrderBackwardsAndMixed) {
  const std::vector<Packet> frames = fragments6_of(kCut6);
  ASSERT_EQ(frames.size(), 3u);
  expect_in_any_order(peer, socket, frames, kCut6Data);
  EXPECT_EQ(peer.counters().reassembled, 6u);
  EXPECT_EQ(peer.counters().fragments_received, 12u);
  EXPECT_EQ(peer.counters().udp_received, 6u);
  peer.expects_nothing();
}

TEST_F(Reassembly6, LongestDatagramOfUdp) {
  const std::string data = text_of(65527);
  socket.receive(1, 65536);
  expect_taken(fragments6_of(upper6(kNextUdp, udp6_text(5000, 4000, data))));
  EXPECT_EQ(socket.expects_received(1), data);
}

TEST_F(Reassembly6, SmallestFragments) {
  const std::string data = text_of(803);
  socket.receive(1, 2048);
  expect_taken(fragments6_of(upper6(kNextUdp, udp6_text(5000, 4000, data)), {}, 56));
  EXPECT_EQ(socket.expects_received(1), data);
}

// The headers before the fragment header are the first fragment's, and so is the next header: what
// the others say of it is not looked at. Those behind it are in the data.
TEST_F(Reassembly6, HeadersBeforeAndBehind) {
  const std::string options = bytes8({44, 0, 1, 4, 0, 0, 0, 0});
  const std::string behind = bytes8({17, 1, 1, 12}) + std::string(12, '\0');
  const std::string whole = behind + kCut6;
  socket.receive(1, 8192);
  const V6 hop_by_hop{.next_header = 0, .extensions = options};
  peer.expect_handled(fragment6_of(whole, {.from = 2048, .to = whole.size(), .next = 99}));
  peer.expect_handled(fragment6_of(whole, {.from = 0, .to = 1024, .next = 60, .v = hop_by_hop}));
  peer.expect_handled(
      fragment6_of(whole, {.from = 1024, .to = 2048, .next = 59, .v = {.next_header = 44}}));
  EXPECT_EQ(socket.expects_received(1), kCut6Data);
}

TEST_F(Reassembly6, ChecksumIsOfTheWhole) {
  socket.receive(1, 8192);
  std::string bad = kCut6;
  bad[6] = static_cast<char>(bad[6] ^ 1);
  for (const Packet& f : fragments6_of(bad)) {
    peer.queues(f).rx_l4_csum = RxCsum::good;
    peer.poll();
  }
  EXPECT_EQ(peer.dropped(Drop::udp_checksum), 1u);
  socket.expects_no_completion();
}

TEST_F(Reassembly6, ClosedPort) {
  const std::vector<Packet> frames =
      fragments6_of(upper6(kNextUdp, udp6_text(5000, 4001, kCut6Data)));
  peer.expect_handled(frames[0]);
  peer.expect_handled(frames[1]);
  const Sent6 error = sent6(peer.expect_drop_answered(Drop::udp_no_socket, frames[2]));
  EXPECT_EQ(error.fault, "");
  EXPECT_EQ(error.payload.substr(0, 2), bytes8({1, 4}));
}

TEST_F(Reassembly6, W70OverlapsEndTheDatagram) {  // RFC 5722
  socket.receive(1, 8192);
  std::string other = kCut6;
  for (char& c : other) c = static_cast<char>(c ^ 0x55);
  const struct {
    size_t from, to;
  } second[] = {{1480, 2960}, {1472, 2952}, {1488, 1496}, {8, 4008}, {2952, 4008}};
  uint32_t id = 100;
  for (const auto& cut : second) {
    peer.expect_handled(fragment6_of(kCut6, {.from = 1480, .to = 2960, .id = ++id}));
    peer.expect_drop(Drop::fragment_overlap,
                     fragment6_of(other, {.from = cut.from, .to = cut.to, .id = id}));
    for (const Packet& f : fragments6_of(kCut6, {.id = id}))
      peer.expect_drop(Drop::fragment_overlap, f);
  }
  socket.expects_no_completion();
}

TEST_F(Reassembly6, W70CopiesOfTheNetworkDoNot) {  // RFC 8200 4.5: exact duplicates
  socket.receive(1, 8192);
  const std::vector<Packet> frames = fragments6_of(kCut6);
  peer.expect_handled(frames[0]);
  peer.expect_drop(Drop::fragment_duplicate, frames[0]);
  peer.expect_handled(frames[2]);
  peer.expect_drop(Drop::fragment_duplicate, frames[2]);
  peer.expect_handled(frames[1]);
  EXPECT_EQ(socket.expects_received(1), kCut6Data);
}

// RFC 6946: an atomic fragment is whole, though others of the same identification wait.
TEST_F(Reassembly6, W70AtomicFragmentsWaitForNobody) {
  socket.receive(1, 8192);
  socket.receive(2, 8192);
  const std::vector<Packet> frames = fragments6_of(kCut6);
  peer.expect_handled(frames[0]);
  peer.expect_handled(frames[1]);
  const std::string small = upper6(kNextUdp, udp6_text(5000, 4000, "atomic"));
  peer.expect_handled(fragment6_of(small, {.from = 0, .to = small.size()}));
  EXPECT_EQ(socket.expects_received(1), "atomic");
  peer.expect_handled(frames[2]);
  EXPECT_EQ(socket.expects_received(2), kCut6Data);
}

// RFC 7112: who looks at ports in a first fragment must find them there. 4/3, whatever is cut.
TEST_F(Reassembly6, W70FirstFragmentWithoutItsHeaders) {
  const std::string behind = bytes8({17, 2, 1, 20}) + std::string(20, '\0');
  const std::string whole = behind + kCut6;
  for (const size_t length : {8, 16, 24})
    expect_problem(Drop::fragment_tiny, fragment6_of(whole, {.from = 0, .to = length, .next = 60}),
                   3, 0);
  peer.expect_handled(fragment6_of(whole, {.from = 0, .to = 32, .id = 1, .next = 60}));
  const std::string tcp(64, '\x50');
  for (const size_t length : {8, 16})
    expect_problem(Drop::fragment_tiny,
                   fragment6_of(tcp, {.from = 0, .to = length, .next = kNextTcp}), 3, 0);
  peer.expect_handled(fragment6_of(tcp, {.from = 0, .to = 24, .id = 2, .next = kNextTcp}));
}

TEST_F(Reassembly6, W70LengthIsNoMultipleOfEight) {
  for (const size_t length : {9, 12, 1447})
    expect_problem(Drop::ipv6_fragment_bad, fragment6_of(kCut6, {.from = 0, .to = length}), 0, 4);
  peer.expect_drop(Drop::ipv6_fragment_bad, fragment6_of(kCut6, {.from = 8, .to = 8}));
  peer.expect_drop(Drop::ipv6_fragment_bad,
                   fragment6_of(kCut6, {.from = 8, .to = 8, .more = false}));
  // RFC 4443 2.4 (e.1): it may be an error that was cut; nobody can tell.
  peer.expect_drop(Drop::ipv6_fragment_bad,
                   fragment6_of(kCut6, {.from = 8, .to = 17, .next = kNextIcmp6}));
}

TEST_F(Reassembly6, W70LongerThanAnyPacket) {
  const std::string whole = text_of(65535 + 8);
  expect_problem(Drop::fragment_too_long,
                 fragment6_of(whole, {.from = 65528, .to = 65536, .more = false}), 0, 42);
  const V6 hop_by_hop{.next_header = 0, .extensions = bytes8({44, 0, 1, 4, 0, 0, 0, 0})};
  expect_problem(
      Drop::fragment_too_long,
      fragment6_of(whole, {.from = 65528, .to = 65532, .v = hop_by_hop, .more = false}), 0, 50);
  // The last one may be, by itself; not behind the first one's headers.
  const std::string longest = upper6(kNextUdp, udp6_text(5000, 4000, text_of(65527)));
  std::vector<Packet> frames = fragments6_of(longest);
  frames[0] = fragment6_of(longest, {.from = 0, .to = 1448, .v = hop_by_hop});
  for (size_t i = 0; i + 1 < frames.size(); ++i) peer.expect_handled(frames[i]);
  expect_problem(Drop::fragment_too_long, frames.back(), 0, 42);
  peer.expect_baseline();
}

TEST_F(Reassembly6, W70NestedFragmentHeaders) {
  const std::string inner = fragment_header6(17, 0, true, 9) + kCut6;
  peer.expect_drop(Drop::ipv6_extension,
                   fragment6_of(inner, {.from = 0, .to = 1024, .next = 44}));
  // Only the whole shows it: CVE-2021-24086's shape.
  const std::string atomic = bytes8({60, 0, 1, 4, 0, 0, 0, 0}) + kCut6;
  peer.expect_handled(fragment6_of(atomic, {.from = 1024, .to = atomic.size(), .next = 44}));
  peer.expect_drop(Drop::ipv6_extension, fragment6_of(fragment_header6(17, 0, false, 9) + kCut6,
                                                      {.from = 0, .to = 1024, .next = 44}));
}

// An upper layer that nobody speaks is told with the first fragment, and takes no room.
TEST_F(Reassembly6, UnknownNextHeader) {
  expect_problem(Drop::ipv6_next_header, fragment6_of(kCut6, {.from = 0, .to = 512, .next = 99}), 1,
                 40);
}

TEST_F(Reassembly6, NobodySendsFragments) {
  peer.expect_drop(Drop::ipv6_source, fragment6_of(kCut6, {.from = 8, .to = 512,
                                                           .v = {.src = ip6("::")}}));
}

TEST_F(Reassembly6, W71NeighbourDiscoveryNever) {  // RFC 6980
  const V6 v{.dst_mac = kOurGroupMac, .dst = kOurGroup6, .hop_limit = 255};
  const std::string ns = upper6(kNextIcmp6, nd_text(135, 0, kOurIp6, kPeerMac), v);
  peer.expect_handled(fragment6_of(ns, {.from = 0, .to = 16, .next = kNextIcmp6, .v = v}));
  peer.expect_drop(Drop::nd_malformed,
                   fragment6_of(ns, {.from = 16, .to = ns.size(), .next = kNextIcmp6, .v = v}));
}

TEST_F(Reassembly6, PartsOfOthersAreNotMixedIn) {
  socket.receive(1, 8192);
  const std::vector<Packet> frames = fragments6_of(kCut6);
  peer.expect_handled(frames[0]);
  peer.expect_handled(frames[2]);
  const std::string alien(kCut6.size(), 'x');
  peer.expect_handled(fragment6_of(alien, {.from = 1448, .to = 2896, .id = 0x01020305}));
  peer.expect_handled(fragment6_of(alien, {.from = 1448, .to = 2896, .id = 0x11020304}));
  peer.expect_handled(fragment6_of(alien, {.from = 1448, .to = 2896, .v = {.src = kFarIp6}}));
  peer.expect_handled(frames[1]);
  EXPECT_EQ(socket.expects_received(1), kCut6Data);
}

// RFC 8200 4.5: 3/1 with the first fragment as it came, if it is here.
TEST_F(Reassembly6, W22TimeIsOver) {
  const std::vector<Packet> frames = fragments6_of(kCut6);
  peer.expect_handled(frames[0]);
  peer.expect_handled(frames[1]);
  peer.wait(2 * kSecond);
  const Sent6 error = peer.expects6();
  EXPECT_EQ(error.payload.substr(0, 8), bytes8({3, 1}) + error.payload.substr(2, 2) + be32_text(0));
  EXPECT_EQ(error.payload.substr(8),
            std::string(reinterpret_cast<const char*>(frames[0].data()) + 14, 1232));
  EXPECT_EQ(peer.counters().reassembly_timeouts, 1u);
  peer.expect_handled(frames[2]);
  peer.wait(2 * kSecond);
  peer.expects_nothing();
  EXPECT_EQ(peer.counters().reassembly_timeouts, 2u);
}

TEST_F(Reassembly6, W27TimeIsOverForAnError) {
  const std::string error = upper6(kNextIcmp6, icmp6_text(1, 4, 0, std::string(2000, 'q')));
  peer.expect_handled(fragment6_of(error, {.from = 0, .to = 1024, .next = kNextIcmp6}));
  const std::string echo = upper6(kNextIcmp6, icmp6_text(128, 0, 0, std::string(2000, 'e')));
  peer.expect_handled(fragment6_of(echo, {.from = 0, .to = 1024, .id = 2, .next = kNextIcmp6}));
  peer.wait(2 * kSecond);
  EXPECT_EQ(peer.expects6().payload.substr(0, 2), bytes8({3, 1}));  // of the echo
  peer.expects_nothing();
  EXPECT_EQ(peer.counters().reassembly_timeouts, 2u);
}

// One source's flood costs that source its own datagrams, and none of the other family's.
TEST_F(Reassembly6, W22OneSourceHasItsShare) {
  UdpSocket socket4(peer);
  socket4.receive(1, 8192);
  const std::vector<Packet> good = fragments_of(payload_of(UdpSegment{.data = kCut6Data}));
  peer.expect_handled(good[0]);
  peer.expect_handled(good[1]);
  for (uint32_t i = 0; i < 10'000; ++i)
    peer.sends(fragment6_of(kCut6, {.from = 0, .to = 64, .id = i}));
  EXPECT_EQ(peer.counters().reassembly_evicted, 10'000u - 4);
  peer.expect_handled(good[2]);
  EXPECT_EQ(socket4.expects_received(1), kCut6Data);
  peer.take_all();
  peer.expect_baseline();
}

TEST_F(Reassembly6, W22ForgedSources) {
  uint64_t context = 0;
  for (uint32_t i = 0; i < 10'000; ++i) {
    const Ip forged{kPeerIp6.hi, 0x1000 + i % 200};
    peer.sends(fragment6_of(kCut6, {.from = 1448, .to = 2896, .id = i, .v = {.src = forged}}));
    if (i % 1000 != 999) continue;
    socket.receive(++context, 8192);
    expect_taken(fragments6_of(kCut6));
    EXPECT_EQ(socket.expects_received(context), kCut6Data);
  }
  EXPECT_EQ(peer.port.outstanding(), 0u);
  peer.expect_baseline();
}

TEST(Reassembly6Off, FragmentsAreDropped) {
  PeerOptions options;
  options.net.reassembly_max = 0;
  Ipv6Peer peer(options);
  for (const Packet& f : fragments6_of(kCut6)) peer.expect_drop(Drop::fragment_off, f);
}

// Sending, with RIO_SO_FRAGMENT.
struct Fragments6 : Reassembly6 {
  Fragments6() { EXPECT_EQ(socket.set_option(RIO_SO_FRAGMENT, 1), 0); }
  const Endpoint to{kPeerIp6, 5000};
  static std::string datagram_of(const std::string& data) {
    return upper6(kNextUdp, udp6_text(4000, 5000, data), {.src = kOurIp6, .dst = kPeerIp6});
  }
};

TEST_F(Fragments6, EveryKindOfLength) {
  for (const size_t length : {1453, 1454, 1460, 2888, 2889, 9000, 65507, 65526, 65527}) {
    const std::string data = text_of(length);
    socket.send(data, to, length);
    peer.wait(kMilli);
    socket.expects_sent(length);
    const Whole6 got = expects_whole6(peer);
    EXPECT_EQ(got.payload, datagram_of(data)) << length;
    EXPECT_EQ(got.next_header, kNextUdp);
    EXPECT_EQ(got.fragments, (length + 8 + 1447) / 1448);
    peer.expects_nothing();
  }
  socket.send(std::string(1452, 'x'), to, 1);  // fits: none
  socket.send(std::string(65528, 'x'), to, 2);
  peer.poll();
  EXPECT_EQ(peer.expects6().next_header, kNextUdp);
  socket.expects_sent(1);
  socket.expects_sent(2, -EMSGSIZE);
}

TEST_F(Fragments6, OnlyWhenAsked) {
  EXPECT_EQ(socket.set_option(RIO_SO_FRAGMENT, 0), 0);
  socket.send(std::string(1453, 'x'), to, 1);
  peer.poll();
  socket.expects_sent(1, -EMSGSIZE);
  peer.expects_nothing();
}

TEST_F(Fragments6, AllOrNone) {
  peer.port.pool_frames = 4;
  socket.send(text_of(6000), to, 1);
  peer.poll(3);
  peer.expects_nothing();
  socket.expects_no_completion();
  EXPECT_EQ(peer.port.outstanding(), 0u);
  peer.port.pool_frames = SIZE_MAX;
  peer.poll(3);
  socket.expects_sent(1);
  EXPECT_EQ(expects_whole6(peer).payload, datagram_of(text_of(6000)));
}

TEST_F(Fragments6, NeighbourNotKnownYet) {
  socket.send(text_of(6000), Endpoint{ip6("2001:db8::3"), 5000}, 1);
  peer.poll();
  socket.expects_sent(1, -ENOBUFS);
  EXPECT_EQ(peer.expects6().at(0), 135u);
}

// RFC 7739: of two flows neither is known from the other, and none comes twice.
TEST_F(Fragments6, W59Identifications) {
  const Ip other = ip6("2001:db8::9");
  peer.sends(v6_frame({.dst_mac = kOurGroupMac, .src_mac = kOtherMac, .src = other,
                       .dst = kOurGroup6, .hop_limit = 255},
                      kNextIcmp6, nd_text(135, 0, kOurIp6, kOtherMac)));
  peer.take_all();
  std::vector<uint32_t> ids;
  for (const Ip dst : {kPeerIp6, other, kPeerIp6, other}) {
    socket.send(text_of(2000), Endpoint{dst, 5000}, 1);
    peer.poll();
    ids.push_back(expects_whole6(peer).id);
  }
  EXPECT_NE(ids[0], ids[2]);
  EXPECT_NE(ids[1], ids[3]);
  EXPECT_GT(ids[0] - ids[1] + 0x10000u, 0x20000u);
}

TEST(Icmp6Echo, W25Fragmented) {
  Ipv6Peer peer;
  peer.resolve();
  const std::string data = text_of(65507);
  const auto request = fragments6_of(upper6(kNextIcmp6, icmp6_text(128, 0, 0x12345678, data)),
                                     {.next = kNextIcmp6});
  for (const Packet& f : request) peer.expect_handled(f);
  EXPECT_EQ(peer.counters().icmp_echo_replies, 1u);
  peer.wait(kMilli);
  const Whole6 reply = expects_whole6(peer);
  EXPECT_EQ(reply.payload, upper6(kNextIcmp6, icmp6_text(129, 0, 0x12345678, data),
                                  {.src = kOurIp6, .dst = kPeerIp6}));
  EXPECT_EQ(reply.next_header, kNextIcmp6);
  EXPECT_EQ(reply.fragments, request.size());
  peer.expects_nothing();
  peer.expect_baseline();
}

// I6: no more of them than the request had.
TEST(Icmp6Echo, W25FragmentedAnswerIsNoLonger) {
  Ipv6Peer peer;
  peer.resolve();
  const std::string request = upper6(kNextIcmp6, icmp6_text(128, 0, 1, text_of(4000)));
  const auto jumbo = fragments6_of(request, {.next = kNextIcmp6}, 3000);
  peer.expect_handled(jumbo[0]);
  peer.expect_drop(Drop::icmp_too_long, jumbo[1]);
}

}  // namespace
}  // namespace pinion::testing
