// HOSTILE W29 and W75 for UDP (RFC 1191, RFC 8201, RFC 5927): what a router says of a path counts
// for the socket whose datagram it quotes, if that socket has sent such a one there; then longer
// ones are refused, or leave in fragments that fit. It never falls below the floor, never rises
// but by time, and nobody else's path moves.
#include <gtest/gtest.h>

#include <cerrno>

#include "packet/fragments6.h"

namespace pinion::testing {
namespace {

constexpr Nanos kPathMtuTime = 600 * kSecond;

std::string quote_of(const Packet& frame, size_t most = SIZE_MAX) {
  const std::string all(reinterpret_cast<const char*>(frame.data()), frame.size());
  return all.substr(14, most);
}

struct UdpPathMtu : ::testing::Test {
  // The frame of one datagram that leaves whole.
  Packet sent(size_t length) {
    socket.send(text_of(length), std::nullopt, ++context);
    peer.poll();
    socket.expects_sent(context);
    return peer.expects_frame();
  }
  void expect_refused(size_t length) {
    socket.send(text_of(length), std::nullopt, ++context);
    peer.poll();
    socket.expects_sent(context, -EMSGSIZE);
    peer.expects_nothing();
  }
  void says(uint32_t mtu, const std::string& quote) {
    peer.expect_handled(
        frame_of(IcmpSegment{.icmp = {.type = 3, .code = 4, .rest = mtu}, .data = quote}));
    EXPECT_EQ(socket.option(RIO_SO_ERROR), -EMSGSIZE);
  }
  void expect_mtu(size_t mtu) {
    sent(mtu - 28);
    if (mtu < 1500) expect_refused(mtu - 27);
  }
  Peer peer;
  UdpSocket socket{peer, {.remote = kPeerEndpoint}};
  uint64_t context = 0;
};

TEST_F(UdpPathMtu, LongerOnesAreRefused) {
  const Packet longest = sent(1472);
  says(1400, quote_of(longest, 28));
  EXPECT_EQ(peer.counters().udp_path_mtu_lowered, 1u);
  expect_refused(1472);
  expect_mtu(1400);
  expect_mtu(1400);  // along the kept path, too
}

TEST_F(UdpPathMtu, OrLeaveInFragments) {
  EXPECT_EQ(socket.set_option(RIO_SO_FRAGMENT, 1), 0);
  says(1400, quote_of(sent(1472), 28));
  const std::string data = text_of(1472);
  for (int i = 0; i < 2; ++i) {
    socket.send(data, std::nullopt, ++context);
    peer.poll();
    socket.expects_sent(context);
    const Decoded first = peer.expects_decoded(), second = peer.expects_decoded();
    ASSERT_TRUE(first.ip && second.ip);
    EXPECT_EQ(*first.ip->total_length, 1396u);  // 20, and 172 times eight
    EXPECT_EQ(first.ip->flags_fragment, kMoreFragments) << "DF is clear: routers may cut again";
    EXPECT_EQ(second.ip->flags_fragment, 172u);
    const Decoded whole =
        decode(frame_of(UdpSegment{.udp = {.src = kOurPort, .dst = kPeerPort}, .data = data}));
    EXPECT_EQ((first.data + second.data).substr(8), whole.data);
  }
  peer.expects_nothing();
}

TEST_F(UdpPathMtu, W29AnyMtu) {
  const struct {
    uint32_t told;
    size_t mtu;
  } cases[] = {{0, 1492},  {20, 552},    {67, 552},    {68, 552},    {551, 552},
               {552, 552}, {1499, 1499}, {1500, 1500}, {65535, 1500}};
  for (const auto& c : cases) {
    Peer other;
    UdpSocket one(other, {.remote = kPeerEndpoint});
    one.send(text_of(1472), std::nullopt, 1);
    other.poll();
    const std::string quote = quote_of(other.expects_frame(), 28);
    other.expect_handled(
        frame_of(IcmpSegment{.icmp = {.type = 3, .code = 4, .rest = c.told}, .data = quote}));
    one.send(text_of(c.mtu - 28), std::nullopt, 2);
    one.send(text_of(c.mtu - 27), std::nullopt, 3);
    other.poll(2);
    for (const auto& [context, status] : {std::pair(1, 0), {2, 0}, {3, -EMSGSIZE}})
      one.expects_sent(static_cast<uint64_t>(context), status);
  }
}

TEST_F(UdpPathMtu, W29NeverRisesButByTime) {
  const std::string quote = quote_of(sent(1472), 28);
  says(1000, quote);
  says(1400, quote);
  expect_mtu(1000);
  says(600, quote_of(sent(972), 28));
  expect_mtu(600);
  for (const size_t mtu : {600, 1500}) {
    peer.wait(kPathMtuTime / 2 + kSecond);
    peer.sends(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}}));  // it is still there
    peer.take_all();
    expect_mtu(mtu);
  }
  EXPECT_EQ(peer.counters().udp_path_mtu_lowered, 2u);
}

// RFC 5927: what the socket cannot have caused.
TEST_F(UdpPathMtu, W29Forged) {
  const Packet longest = sent(1000);
  const std::string good = quote_of(longest, 28);
  std::string longer = good, fragments = good;
  longer.replace(2, 2, be16_text(1029));  // one more than was sent
  fragments[6] = 0;                       // DF is clear
  says(600, longer);
  says(600, fragments);
  says(1028, good);  // as long as it was: it would have fitted
  expect_mtu(1500);
  EXPECT_EQ(peer.counters().udp_path_mtu_lowered, 0u);
}

// A socket that is not connected hears of where it sent last, and remembers one narrow path.
TEST_F(UdpPathMtu, OfOneDestination) {
  const Endpoint far{ipv4(10, 9, 9, 9), 7}, farther{ipv4(10, 9, 9, 10), 7};
  UdpSocket open(peer, {.local = {{}, 4001}});
  peer.sends(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}, .arp = {.spa = kGatewayIp}}));
  peer.take_all();
  const auto send = [&](const Endpoint& to, size_t length, int status) {
    open.send(text_of(length), to, ++context);
    peer.poll();
    open.expects_sent(context, status);
    return status == 0 ? quote_of(peer.expects_frame(), 28) : std::string();
  };
  const std::string before = send(far, 1472, 0), last = send(farther, 1472, 0);
  const auto say = [&](const std::string& quote) {
    peer.expect_handled(
        frame_of(IcmpSegment{.icmp = {.type = 3, .code = 4, .rest = 1400}, .data = quote}));
  };
  say(before);
  EXPECT_EQ(peer.counters().udp_path_mtu_lowered, 0u);
  say(last);
  EXPECT_EQ(peer.counters().udp_path_mtu_lowered, 1u);
  send(farther, 1373, -EMSGSIZE);
  send(far, 1472, 0);
  send(farther, 1373, -EMSGSIZE);
  send(farther, 1372, 0);
  sent(1472);  // another socket's
}

struct UdpPathMtu6 : ::testing::Test {
  UdpPathMtu6() { peer.resolve(); }
  void says(uint32_t mtu, const std::string& quote) {
    peer.expect_handled(
        v6_frame({.src = kFarIp6}, kNextIcmp6, icmp6_text(2, 0, mtu, quote.substr(0, 1232))));
  }
  void send(size_t length, int status = 0) {
    socket.send(text_of(length), std::nullopt, ++context);
    peer.poll();
    socket.expects_sent(context, status);
  }
  Ipv6Peer peer;
  UdpSocket socket{peer, {.local = {kOurIp6, 4000}, .remote = Endpoint{kPeerIp6, 5000}}};
  uint64_t context = 0;
};

TEST_F(UdpPathMtu6, W75LongerOnesAreRefused) {
  send(1452);
  const std::string quote = quote_of(peer.expects_frame());
  says(1279, quote);  // RFC 8201 4: no path of IPv6 is that narrow
  says(0, quote);
  says(1500, quote);
  send(1452);
  peer.expects_frame();
  says(1280, quote);
  EXPECT_EQ(socket.option(RIO_SO_ERROR), -EMSGSIZE);
  send(1233, -EMSGSIZE);
  send(1232);
  EXPECT_EQ(peer.expects6().payload.size(), 1240u);
  EXPECT_EQ(peer.counters().udp_path_mtu_lowered, 1u);
}

// A quoted fragment is the first one, with the ports; no other says whose it was.
TEST_F(UdpPathMtu6, W75FragmentsFitThePath) {
  EXPECT_EQ(socket.set_option(RIO_SO_FRAGMENT, 1), 0);
  const std::string data = text_of(9000);
  const std::string whole =
      upper6(kNextUdp, udp6_text(4000, 5000, data), {.src = kOurIp6, .dst = kPeerIp6});
  send(9000);
  const Packet first = peer.expects_frame(), second = peer.expects_frame();
  peer.take_all();
  peer.expect_drop(Drop::icmp6_quote,
                   v6_frame({.src = kFarIp6}, kNextIcmp6,
                            icmp6_text(2, 0, 1300, quote_of(second).substr(0, 1232))));
  says(1300, quote_of(first));
  EXPECT_EQ(peer.counters().udp_path_mtu_lowered, 1u);
  send(9000);
  const Whole6 got = expects_whole6(peer, 1300);
  EXPECT_EQ(got.payload, whole);
  EXPECT_EQ(got.fragments, (9008u + 1247) / 1248);
  // What would fit the link leaves so, too.
  send(1452);
  EXPECT_EQ(expects_whole6(peer, 1300).fragments, 2u);
  peer.expects_nothing();
}

}  // namespace
}  // namespace pinion::testing
