// EthdevPort over DPDK's software ports, on ordinary pages, so that it runs anywhere: frames arrive
// byte-exact, a full ring and a dry pool are normal answers, and every frame comes home.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "eal_process.h"
#include "own_network.h"
#include "pmd-glue/device_args.h"

namespace pinion::test {
namespace {

class WithEal : public testing::Test {
 protected:
  void SetUp() override {
    std::string why_not;
    if (shared_eal(why_not) == nullptr) GTEST_SKIP() << why_not;
  }
  std::string error_;
};
using RingPorts = WithEal;
using Ports = WithEal;

void expect_all_home(const EthdevPort& port) {
  EXPECT_TRUE(within(kSecond, [&] { return port.pool_frames_free() == port.pool_frames(); }))
      << port.pool_frames_free() << " of " << port.pool_frames() << " frames are in the pool";
}

TEST_F(RingPorts, CarryFramesBothWays) {
  auto [a, b] = EthdevPort::open_ring_pair({.device = "both"}, error_);
  ASSERT_TRUE(a && b) << error_;
  EXPECT_TRUE(a->link_up());
  EXPECT_FALSE(a->capabilities().mac.is_zero());
  EXPECT_NE(a->capabilities().mac, b->capabilities().mac);
  EXPECT_NE(a->describe().find("driver net_ring"), std::string::npos) << a->describe();
  EXPECT_EQ(carry(*a, *b, 1000, 10 * kSecond), 1000u);
  EXPECT_EQ(carry(*b, *a, 1000, 10 * kSecond), 1000u);
  EXPECT_EQ(a->stats().tx_frames, 1000u);
  EXPECT_EQ(a->stats().rx_frames, 1000u);
  expect_all_home(*a);
  expect_all_home(*b);
}

// What the stack changed at either end of a frame is what the other side sees, and a received
// frame has room where an allocated one has.
TEST_F(RingPorts, SendWhatTheFrameSays) {
  auto [a, b] = EthdevPort::open_ring_pair({.device = "says"}, error_);
  ASSERT_TRUE(a && b) << error_;
  Frame* frame = make_frame(*a, 100, 1);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->headroom, a->capabilities().tx_headroom_bytes);
  const std::vector<std::byte> old = pattern(100, 1), front = pattern(14, 2);
  std::copy(front.begin(), front.end(), frame->push(14));
  ASSERT_EQ(a->tx_burst({&frame, 1}), 1u);
  Frame* got = nullptr;
  ASSERT_EQ(b->rx_burst({&got, 1}), 1u);
  EXPECT_EQ(got->length, 114u);
  EXPECT_EQ(got->headroom, b->capabilities().tx_headroom_bytes - 14u);
  EXPECT_GE(got->tailroom, 1400u);
  EXPECT_EQ(got->rx_ipv4_csum, RxCsum::unknown);
  EXPECT_EQ(got->rx_l4_csum, RxCsum::unknown);
  EXPECT_TRUE(std::equal(front.begin(), front.end(), got->data));
  EXPECT_TRUE(std::equal(old.begin(), old.end(), got->data + 14));
  b->free({&got, 1});
  expect_all_home(*a);
}

TEST_F(RingPorts, TakeAPartOfABurst) {
  constexpr uint16_t kRing = 32, kOffered = 100;
  auto [a, b] = EthdevPort::open_ring_pair({.device = "part", .tx_descriptors = kRing}, error_);
  ASSERT_TRUE(a && b) << error_;
  std::vector<Frame*> frames(kOffered);
  ASSERT_EQ(a->alloc(frames), kOffered);
  for (unsigned i = 0; i < kOffered; ++i) {
    const std::vector<std::byte> bytes = pattern(64, i);
    std::copy(bytes.begin(), bytes.end(), frames[i]->append(64));
  }
  EXPECT_EQ(a->tx_burst(frames), kRing);
  EXPECT_EQ(a->tx_burst(std::span(frames).subspan(kRing)), 0u);  // full, and a normal answer
  std::vector<Frame*> got(kOffered);
  EXPECT_EQ(b->rx_burst(got), kRing);
  for (unsigned i = 0; i < kRing; ++i) EXPECT_TRUE(same(*got[i], pattern(64, i))) << i;
  EXPECT_EQ(a->tx_burst(std::span(frames).subspan(kRing)), kRing);  // those kept were not touched
  b->free({got.data(), kRing});
  EXPECT_EQ(b->rx_burst(got), kRing);
  for (unsigned i = 0; i < kRing; ++i) EXPECT_TRUE(same(*got[i], pattern(64, kRing + i))) << i;
  b->free({got.data(), kRing});
  a->free(std::span(frames).subspan(2 * kRing));
  expect_all_home(*a);
}

// Who asks before a sleep whether a frame waits loses none by that, nor their order; and what still
// waits when the port goes is given back.
TEST_F(RingPorts, LookingForWaitingFramesLosesNone) {
  constexpr unsigned kFrames = 40;
  auto [a, b] = EthdevPort::open_ring_pair({.device = "waits"}, error_);
  ASSERT_TRUE(a && b) << error_;
  EXPECT_FALSE(b->waiting());
  std::vector<Frame*> frames(kFrames), got(kFrames);
  ASSERT_EQ(a->alloc(frames), kFrames);
  for (unsigned i = 0; i < kFrames; ++i) {
    const std::vector<std::byte> bytes = pattern(64, i);
    std::copy(bytes.begin(), bytes.end(), frames[i]->append(64));
  }
  ASSERT_EQ(a->tx_burst(std::span(frames).first(35)), 35u);
  EXPECT_TRUE(b->waiting());
  EXPECT_TRUE(b->waiting());
  ASSERT_EQ(a->tx_burst(std::span(frames).subspan(35)), 5u);
  size_t n = b->rx_burst(std::span(got).first(7));
  EXPECT_EQ(n, 7u);
  EXPECT_TRUE(b->waiting());
  while (n < kFrames) {
    const size_t more = b->rx_burst(std::span(got).subspan(n));
    ASSERT_NE(more, 0u);
    n += more;
  }
  for (unsigned i = 0; i < kFrames; ++i) EXPECT_TRUE(same(*got[i], pattern(64, i))) << i;
  EXPECT_EQ(b->rx_taken(), kFrames);
  EXPECT_FALSE(b->waiting());
  ASSERT_EQ(a->tx_burst(std::span(got).first(3)), 3u);
  EXPECT_TRUE(b->waiting());
  a->free(std::span(got).subspan(3));
}

// A port that takes nothing is restarted, between two bursts of its core; not too early, not while
// it moves, and not without its core's consent.
TEST_F(RingPorts, AreRestartedWhenTheyStall) {
  constexpr uint16_t kRing = 32;
  auto [a, b] = EthdevPort::open_ring_pair({.device = "stall", .tx_descriptors = kRing}, error_);
  ASSERT_TRUE(a && b) << error_;
  std::vector<Frame*> frames(kRing + 1);
  ASSERT_EQ(a->alloc(frames), frames.size());
  for (Frame* frame : frames) frame->append(64);
  Nanos now = kSecond;
  EXPECT_FALSE(a->watch(now));
  ASSERT_EQ(a->tx_burst(frames), kRing);
  EXPECT_EQ(a->tx_burst({&frames[kRing], 1}), 0u);
  EXPECT_FALSE(a->watch(now += EthdevPort::kStall)) << "it has taken frames since";
  EXPECT_FALSE(a->watch(now += EthdevPort::kStall - 1));
  EXPECT_FALSE(a->watch(now += 1)) << "no core runs that could stay away";
  EXPECT_EQ(a->tx_burst({&frames[kRing], 1}), 0u) << "full, as before";
  std::atomic<bool> stop{false};
  std::thread core([&port = *a, &stop] {
    Frame* none = nullptr;
    while (!stop.load()) EXPECT_EQ(port.rx_burst({&none, 1}), 0u);
  });
  EXPECT_TRUE(a->watch(now += EthdevPort::kStall));
  EXPECT_FALSE(a->watch(now += EthdevPort::kStall)) << "nothing was refused since";
  stop.store(true);
  core.join();
  EXPECT_EQ(a->stats().restarts, 1u);
  std::vector<Frame*> got(kRing);
  ASSERT_EQ(b->rx_burst(got), kRing);
  b->free(got);
  EXPECT_EQ(a->tx_burst({&frames[kRing], 1}), 1u);
}

using Queues = std::vector<std::unique_ptr<EthdevPort>>;

// Each queue of net_ring's own device receives what it has sent itself.
TEST_F(RingPorts, EachQueueIsAPortWithAPoolOfItsOwn) {
  Queues ports;
  ASSERT_TRUE(EthdevPort::open_queues({.device = "net_ring0"}, 2, ports, error_)) << error_;
  ASSERT_EQ(ports.size(), 2u);
  for (uint16_t q = 0; q < 2; ++q) {
    EXPECT_EQ(ports[q]->capabilities().queue, q);
    EXPECT_EQ(ports[q]->capabilities().queues, 2u);
    EXPECT_EQ(ports[q]->capabilities().rss.tuples, 0) << "net_ring cannot say";
    EXPECT_EQ(ports[q]->capabilities().mac, ports[0]->capabilities().mac);
    EXPECT_TRUE(ports[q]->link_up());
  }
  EXPECT_NE(ports[0]->describe().find("queues 2, RSS not known"), std::string::npos)
      << ports[0]->describe();
  for (unsigned q = 0; q < 2; ++q) {
    Frame* frame = make_frame(*ports[q], 64, q);
    ASSERT_EQ(ports[q]->tx_burst({&frame, 1}), 1u);
    Frame* got = nullptr;
    EXPECT_EQ(ports[1 - q]->rx_burst({&got, 1}), 0u);
    ASSERT_EQ(ports[q]->rx_burst({&got, 1}), 1u);
    EXPECT_TRUE(same(*got, pattern(64, q)));
    EXPECT_LT(ports[q]->pool_frames_free(), ports[q]->pool_frames());
    EXPECT_EQ(ports[1 - q]->pool_frames_free(), ports[1 - q]->pool_frames());
    ports[q]->free({&got, 1});
  }
  EXPECT_EQ(ports[0]->stats().tx_frames, 2u);
  ports.erase(ports.begin());  // in any order
}

// One queue stalls; the device is restarted when all of its cores stay away, and not before.
TEST_F(RingPorts, AreRestartedWhenAQueueStallsByTheConsentOfAllCores) {
  Queues ports;
  ASSERT_TRUE(EthdevPort::open_queues({.device = "net_ring1"}, 2, ports, error_)) << error_;
  EthdevPort &first = *ports[0], &second = *ports[1];
  Nanos now = kSecond;
  EXPECT_FALSE(first.watch(now));
  Frame* frame = nullptr;
  do frame = make_frame(second, 64, 1);
  while (second.tx_burst({&frame, 1}) == 1);
  EXPECT_FALSE(first.watch(now += EthdevPort::kStall)) << "it has taken frames since";
  std::atomic<bool> stop{false};
  const auto poll = [&stop](EthdevPort& port) {
    Frame* got = nullptr;
    while (!stop.load())
      if (port.released({}) != 0 || port.alloc({&got, 1}) == 0) break;
      else port.free({&got, 1}), port.tx_burst({});
  };
  std::thread one(poll, std::ref(second));
  EXPECT_FALSE(first.watch(now += EthdevPort::kStall)) << "the first queue's core does not answer";
  stop.store(true), one.join(), stop.store(false);
  std::thread both[] = {std::thread(poll, std::ref(first)), std::thread(poll, std::ref(second))};
  EXPECT_EQ(second.tx_burst({&frame, 1}), 0u);
  EXPECT_TRUE(first.watch(now += EthdevPort::kStall));
  EXPECT_EQ(first.stats().restarts, 1u);
  stop.store(true);
  for (std::thread& t : both) t.join();
  Frame* got = nullptr;
  ASSERT_EQ(second.rx_burst({&got, 1}), 1u) << "its gate is open again";
  second.free({&got, 1});
  EXPECT_EQ(second.tx_burst({&frame, 1}), 1u);
}

// net_null has a key and a table, and says so.
TEST_F(Ports, WhatTheDriverTookOfRssIsAskedBack) {
  Queues ports;
  ASSERT_TRUE(EthdevPort::open_queues({.device = "net_null0"}, 2, ports, error_)) << error_;
  for (const auto& port : ports) {
    const Rss& rss = port->capabilities().rss;
    EXPECT_EQ(rss.key.size(), 40u);
    EXPECT_TRUE(rss.knows(kRssTcp4));
    ASSERT_EQ(rss.table.size(), 128u);
    for (const uint16_t queue : rss.table) EXPECT_LT(queue, 2u);
  }
  Queues many;
  EXPECT_FALSE(EthdevPort::open_queues({.device = "net_null1"}, 2000, many, error_));
  EXPECT_NE(error_.find("2000 queues for as many cores, and the device has"), std::string::npos)
      << error_;
  EXPECT_TRUE(many.empty());
}

// The rings of a pair hold frames when one port goes, then the other: none is lost or freed early.
TEST_F(RingPorts, CloseWithFramesUnderWay) {
  for (int round = 0; round < 2; ++round) {  // the name is free again
    auto [a, b] = EthdevPort::open_ring_pair({.device = "under"}, error_);
    ASSERT_TRUE(a && b) << error_;
    Frame* frames[2] = {make_frame(*a, 64, 1), make_frame(*a, 64, 2)};
    ASSERT_EQ(a->tx_burst(frames), 2u);
    a.reset();
    Frame* got = nullptr;
    ASSERT_EQ(b->rx_burst({&got, 1}), 1u);
    EXPECT_TRUE(same(*got, pattern(64, 1)));
    b->free({&got, 1});
  }
}

TEST_F(Ports, DryPoolGivesFewer) {
  auto port = EthdevPort::open({.device = "net_null0", .transmit_frames = 100}, error_);
  ASSERT_TRUE(port) << error_;
  const size_t baseline = port->pool_frames_free();
  std::vector<Frame*> frames(baseline + 10);
  const size_t got = port->alloc(frames);
  EXPECT_EQ(got, baseline);
  EXPECT_EQ(port->alloc({frames.data() + got, 10}), 0u);
  port->free({frames.data(), 1});
  EXPECT_EQ(port->alloc({frames.data(), 1}), 1u);
  EXPECT_EQ(frames[0]->length, 0u);
  EXPECT_EQ(frames[0]->headroom, port->capabilities().tx_headroom_bytes);
  EXPECT_GE(frames[0]->tailroom, port->capabilities().mtu_bytes + 18u);
  port->free({frames.data(), got});
  EXPECT_EQ(port->pool_frames_free(), baseline);
}

TEST_F(Ports, RefusePoolThatIsTooSmall) {
  EXPECT_EQ(EthdevPort::open({.device = "net_null1", .pool_frames = 1024}, error_), nullptr);
  EXPECT_NE(error_.find("pool of 1024 frames is too small"), std::string::npos) << error_;
}

TEST_F(Ports, SayWhatIsWrongWithADevice) {
  EXPECT_EQ(EthdevPort::open({.device = "net_nonsense0"}, error_), nullptr);
  EXPECT_NE(error_.find("net_nonsense0"), std::string::npos) << error_;
  EXPECT_EQ(EthdevPort::open({.device = "net_af_packet7,iface=no_such_if"}, error_), nullptr);
  EXPECT_NE(error_.find("no_such_if"), std::string::npos) << error_;
}

TEST_F(Ports, MemifBetweenTwoPorts) {
  const std::string common =
      ",id=0,socket=pinion-test-" + std::to_string(getpid()) + ",socket-abstract=yes,role=";
  auto server = EthdevPort::open({.device = "net_memif1" + common + "server"}, error_);
  ASSERT_TRUE(server) << error_;
  auto client = EthdevPort::open({.device = "net_memif2" + common + "client"}, error_);
  ASSERT_TRUE(client) << error_;
  const auto both_up = [&] { return server->refresh_link() && client->refresh_link(); };
  ASSERT_TRUE(within(10 * kSecond, both_up)) << server->describe() << "\n" << client->describe();
  EXPECT_EQ(carry(*server, *client, 500, 10 * kSecond), 500u);
  EXPECT_EQ(carry(*client, *server, 500, 10 * kSecond), 500u);
  expect_all_home(*server);
  expect_all_home(*client);
}

// RFC 1071: the one's complement sum of bytes taken as 16-bit words, folded.
uint32_t ones_sum(Bytes bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += std::to_integer<uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

constexpr uint32_t kEth = 14, kIp = 20, kUdp = 8, kData = 101;

// Ethernet, IPv4 10.0.0.1 to 10.0.0.2, UDP without a checksum, some data of an odd length.
Frame* udp_frame(Port& port) {
  Frame* frame = make_frame(port, kEth + kIp + kUdp + kData, 5);
  if (frame == nullptr) return nullptr;
  constexpr uint8_t kHeaders[] = {0x08, 0x00,
                                  0x45, 0,
                                  0,    kIp + kUdp + kData,
                                  0,    1,
                                  0,    0,
                                  64,   17,
                                  0,    0,
                                  10,   0,
                                  0,    1,
                                  10,   0,
                                  0,    2,
                                  0x10, 0,
                                  0x20, 0,
                                  0,    kUdp + kData,
                                  0,    0};
  std::memcpy(frame->data + 12, kHeaders, sizeof kHeaders);
  const uint32_t ip_sum = ones_sum(frame->bytes().subspan(kEth, kIp)) ^ 0xffff;
  const be16 checksum = be16::of(static_cast<uint16_t>(ip_sum));
  std::memcpy(frame->data + kEth + 10, &checksum, sizeof checksum);
  frame->l2_length = kEth, frame->l3_length = kIp;
  frame->tx_offload = kTxUdpCsum;
  return frame;
}

// RFC 768: pseudo header, header and data sum up to all ones.
bool udp_checksum_holds(const Frame& frame) {
  const Bytes packet = frame.bytes().subspan(kEth);
  const be16 pseudo[] = {be16::of(17), be16::of(kUdp + kData)};
  const uint32_t sum = ones_sum(packet.subspan(12, kIp - 12 + kUdp + kData)) +
                       ones_sum(std::as_bytes(std::span(pseudo)));
  return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

// Both ends of virtio in one process. A checksum that one end was to fill in is there at the other,
// although virtio likes to leave it to whoever looks last.
TEST_F(Ports, VirtioUserAndVhost) {
  const std::string path = "/tmp/pinion-test-" + std::to_string(getpid()) + ".sock";
  auto vhost = EthdevPort::open({.device = "net_vhost0,queues=1,iface=" + path}, error_);
  ASSERT_TRUE(vhost) << error_;
  auto user = EthdevPort::open({.device = "net_virtio_user0,queues=1,path=" + path}, error_);
  ASSERT_TRUE(user) << error_;
  const auto both_up = [&] { return vhost->refresh_link() && user->refresh_link(); };
  ASSERT_TRUE(within(10 * kSecond, both_up)) << vhost->describe() << "\n" << user->describe();
  EXPECT_EQ(carry(*user, *vhost, 500, 10 * kSecond), 500u);
  EXPECT_EQ(carry(*vhost, *user, 500, 10 * kSecond), 500u);
  EXPECT_FALSE(user->tx_release_prompt());
  for (auto [from, to] : {std::pair(user.get(), vhost.get()), {vhost.get(), user.get()}}) {
    if ((from->capabilities().tx_offload & kTxUdpCsum) == 0) continue;
    Frame* frame = udp_frame(*from);
    ASSERT_NE(frame, nullptr);
    ASSERT_EQ(from->tx_burst({&frame, 1}), 1u);
    Frame* got = nullptr;
    ASSERT_TRUE(within(kSecond, [&] { return to->rx_burst({&got, 1}) == 1; }));
    EXPECT_TRUE(got->rx_l4_csum == RxCsum::good || udp_checksum_holds(*got)) << from->describe();
    to->free({&got, 1});
  }
  user.reset();  // before its peer: it talks to it until the end
}

TEST_F(Ports, AfPacketOverVeth) {
  const OwnNetwork network;
  if (!network.made()) GTEST_SKIP() << "needs the right to make a network namespace (root)";
  if (!run("ip link add va type veth peer name vb && "
           "ip link set va addrgenmode none up && ip link set vb addrgenmode none up")) {
    GTEST_SKIP() << "needs ip(8) of iproute2 and the kernel's veth";
  }
  auto a = EthdevPort::open({.device = "net_af_packet0,iface=va"}, error_);
  ASSERT_TRUE(a) << error_;
  auto b = EthdevPort::open({.device = "net_af_packet1,iface=vb"}, error_);
  ASSERT_TRUE(b) << error_;
  EXPECT_EQ(a->capabilities().mtu_bytes, 1500);
  EXPECT_EQ(a->capabilities().tx_offload, kTxNone);
  EXPECT_FALSE(a->capabilities().rx_csum);
  EXPECT_TRUE(a->tx_release_prompt());
  EXPECT_EQ(carry(*a, *b, 500, 10 * kSecond), 500u) << a->describe();
  EXPECT_EQ(carry(*b, *a, 500, 10 * kSecond), 500u) << b->describe();
  expect_all_home(*a);
  expect_all_home(*b);
}

// What a packet socket sees on the interface: the next UDP frame, empty if none comes in time.
std::vector<std::byte> next_udp_frame(int fd) {
  std::vector<std::byte> frame(2048);
  const bool came = within(5 * kSecond, [&] {
    const ssize_t n = recv(fd, frame.data(), frame.size(), MSG_DONTWAIT | MSG_TRUNC);
    return n > ssize_t{kEth + kIp} && frame[kEth + 9] == std::byte{17} &&
           (frame.resize(static_cast<size_t>(n)), true);
  });
  return came ? frame : std::vector<std::byte>{};
}

// A frame whose payload lies elsewhere arrives whole in Linux, and its token comes back once.
TEST_F(Ports, TapSendsAttachedPayloads) {
  const OwnNetwork network;
  if (!network.made()) GTEST_SKIP() << "needs the right to make a network namespace (root)";
  auto tap = EthdevPort::open({.device = "net_tap0,iface=ptap"}, error_);
  if (!tap) GTEST_SKIP() << "needs /dev/net/tun: " << error_;
  ASSERT_TRUE(tap->capabilities().tx_attach) << tap->describe();
  EXPECT_FALSE(tap->needs_dma_map());
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
  sockaddr_ll at{};
  at.sll_family = AF_PACKET, at.sll_protocol = htons(ETH_P_IP);
  at.sll_ifindex = static_cast<int>(if_nametoindex("ptap"));
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);

  const size_t at_rest = tap->pool_frames_free();
  for (uint64_t token = 1; token <= 300; ++token) {
    Frame* frame = udp_frame(*tap);
    ASSERT_NE(frame, nullptr);
    const Bytes data = frame->bytes().last(kData);
    const std::vector<std::byte> payload(data.begin(), data.end());
    frame->length -= kData, frame->tailroom += kData;
    std::memset(frame->data + frame->length, 0xee, kData);  // must not be what is sent
    frame->attach(payload);
    frame->token = token;
    ASSERT_EQ(tap->tx_burst({&frame, 1}), 1u);
    uint64_t tokens[4] = {};
    ASSERT_EQ(tap->released(tokens), 1u);
    EXPECT_EQ(tokens[0], token);
    const std::vector<std::byte> seen = next_udp_frame(fd);
    ASSERT_EQ(seen.size(), size_t{kEth + kIp + kUdp + kData});
    EXPECT_TRUE(std::equal(payload.begin(), payload.end(), seen.end() - kData));
    Frame view;
    view.data = const_cast<std::byte*>(seen.data()), view.length = kEth + kIp + kUdp + kData;
    EXPECT_TRUE(udp_checksum_holds(view));
  }
  close(fd);
  EXPECT_EQ(tap->pool_frames_free(), at_rest);
}

// A device that fails to start again keeps no payload: its core still collects what it let go of,
// or the session that sent it could never end.
TEST_F(Ports, ADeviceThatStaysStoppedGivesPayloadsBack) {
  const OwnNetwork network;
  if (!network.made()) GTEST_SKIP() << "needs the right to make a network namespace (root)";
  auto tap = EthdevPort::open({.device = "net_tap1,iface=pgone"}, error_);
  if (!tap) GTEST_SKIP() << "needs /dev/net/tun: " << error_;
  const std::vector<std::byte> payload(kData);
  Frame* frame = udp_frame(*tap);
  ASSERT_NE(frame, nullptr);
  frame->length -= kData, frame->tailroom += kData;
  frame->attach(payload);
  frame->token = 77;
  ASSERT_EQ(tap->tx_burst({&frame, 1}), 1u);
  Frame* refused = udp_frame(*tap);
  ASSERT_TRUE(run("ip link del pgone"));
  Nanos now = kSecond;
  tap->watch(now);
  ASSERT_EQ(tap->tx_burst({&refused, 1}), 0u);
  tap->watch(now += EthdevPort::kStall);
  std::atomic<bool> stop{false};
  std::thread core([&port = *tap, &stop] {
    Frame* none = nullptr;
    while (!stop.load()) EXPECT_EQ(port.rx_burst({&none, 1}), 0u);
  });
  EXPECT_FALSE(tap->watch(now += EthdevPort::kStall));
  stop.store(true), core.join();
  EXPECT_TRUE(tap->stats().stopped) << tap->describe();
  uint64_t tokens[4] = {};
  EXPECT_EQ(tap->tx_burst({&refused, 1}), 0u);
  ASSERT_EQ(tap->released(tokens), 1u);
  EXPECT_EQ(tokens[0], 77u);
  // It is tried again, with its core's consent, and stays what it is.
  EXPECT_FALSE(tap->watch(now += EthdevPort::kStall)) << "no core runs that could stay away";
  EXPECT_EQ(tap->rx_burst({&frame, 1}), 0u);
  tap->free({&refused, 1});
}

// The kernel's own MTU is the one that counts.
TEST_F(Ports, AfPacketKnowsTheKernelsMtu) {
  const OwnNetwork network;
  if (!network.made()) GTEST_SKIP() << "needs the right to make a network namespace (root)";
  if (!run("ip link add va mtu 1400 type veth peer name vb")) GTEST_SKIP() << "needs ip(8)";
  auto port = EthdevPort::open({.device = "net_af_packet2,iface=va"}, error_);
  ASSERT_TRUE(port) << error_;
  EXPECT_EQ(port->capabilities().mtu_bytes, 1400) << port->describe();
}

// What a driver cannot do is said before it is asked, with the key that mends it.
TEST_F(Ports, AfPacketSaysWhichMtuIsTooLong) {
  const OwnNetwork network;
  if (!network.made()) GTEST_SKIP() << "needs the right to make a network namespace (root)";
  if (!run("ip link add vj mtu 9000 type veth peer name vk")) GTEST_SKIP() << "needs ip(8)";
  const PortConfig jumbo{.device = "net_af_packet3,iface=vj", .mtu_bytes = 9000};
  EXPECT_FALSE(EthdevPort::open(jumbo, error_));
  const size_t at = error_.find("packets of 9000 bytes, and DPDK's net_af_packet takes ");
  ASSERT_NE(at, std::string::npos) << error_;
  EXPECT_NE(error_.find("set mtu_bytes"), std::string::npos) << error_;
  const int takes = std::atoi(error_.c_str() + error_.find("takes ") + 6);
  EXPECT_GE(takes, 1500);
  PortConfig longest{.device = "net_af_packet4,iface=vj"};
  longest.mtu_bytes = static_cast<uint16_t>(takes);
  EXPECT_TRUE(EthdevPort::open(longest, error_)) << error_;
}

TEST(DeviceArgs, CompletesAfPacketOnly) {
  EXPECT_EQ(complete_device("net_tap0,iface=t", 1500), "net_tap0,iface=t");
  EXPECT_EQ(complete_device("net_af_packet0,iface=v", 1500),
            "net_af_packet0,iface=v,framesz=2048,blocksz=65536,framecnt=1024,qpairs=1");
  EXPECT_EQ(complete_device("net_af_packet0,iface=v", 9000),
            "net_af_packet0,iface=v,framesz=16384,blocksz=65536,framecnt=1024,qpairs=1");
  EXPECT_EQ(complete_device("net_af_packet0,iface=v,blocksz=4096,framecnt=8", 1500),
            "net_af_packet0,iface=v,blocksz=4096,framecnt=8,framesz=2048,qpairs=1");
}

TEST(DeviceArgs, FindsNameAndArgument) {
  EXPECT_EQ(device_name("net_tap0,iface=t"), "net_tap0");
  EXPECT_EQ(device_name("0000:00:10.0"), "0000:00:10.0");
  EXPECT_EQ(device_argument("net_tap0,iface=t,mac=fixed", "mac"), "fixed");
  EXPECT_EQ(device_argument("net_tap0,iface=t", "face"), "");
  EXPECT_EQ(required_buffer_bytes("net_af_packet0,iface=v,framesz=4096"), 4096u);
}

}  // namespace
}  // namespace pinion::test
