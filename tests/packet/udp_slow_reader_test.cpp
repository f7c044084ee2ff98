// HOSTILE W39 and I3: a socket that does not receive keeps a bounded number of datagrams; the rest
// is dropped at its own door and counted there. Other sockets lose nothing.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

Packet to_port(uint16_t port, const std::string& data) {
  return frame_of(UdpSegment{.udp = {.dst = port}, .data = data});
}

TEST(UdpInput, W39BacklogIsBoundedAndCounted) {
  Peer peer;
  UdpSocket slow(peer, {.backlog = 4});
  for (int i = 0; i < 4; ++i) peer.expect_handled(to_port(kOurPort, std::to_string(i)));
  for (int i = 0; i < 3; ++i) peer.expect_drop(Drop::udp_backlog_full, to_port(kOurPort, "late"));
  EXPECT_EQ(slow.option(RIO_SO_DROPPED), 3);
  for (uint64_t i = 0; i < 5; ++i) slow.receive(i);
  peer.poll();
  for (uint64_t i = 0; i < 4; ++i) EXPECT_EQ(slow.expects_received(i), std::to_string(i));
  slow.expects_no_completion();  // the fifth waits for the next datagram
  peer.expect_handled(to_port(kOurPort, "fresh"));
  EXPECT_EQ(slow.expects_received(4), "fresh");
  peer.expect_baseline();
}

TEST(UdpInput, W39NoBacklogAtAll) {
  Peer peer;
  UdpSocket socket(peer, {.backlog = 0});
  peer.expect_drop(Drop::udp_backlog_full, to_port(kOurPort, "x"));
  socket.receive(1);
  peer.poll();
  peer.expect_handled(to_port(kOurPort, "y"));
  EXPECT_EQ(socket.expects_received(1), "y");
}

// A buffer that was posted before a pass is there for what comes in it.
TEST(UdpInput, W39WhatIsPostedAgainNeedsNoBacklog) {
  Peer peer;
  UdpSocket socket(peer, {.backlog = 0});
  for (uint64_t i = 0; i < 3; ++i) {
    socket.receive(i);
    peer.expect_handled(to_port(kOurPort, std::to_string(i)));
    EXPECT_EQ(socket.expects_received(i), std::to_string(i));
  }
}

TEST(UdpInput, W39SessionsMemoryIsBounded) {
  PeerOptions options;
  options.quota.waiting_bytes_max = 16'384;
  Peer peer(options);
  UdpSocket first(peer), second(peer, {.local = {kOurIp, 5001}});
  UdpSocket other(peer, {.session = 1, .local = {kOurIp, 6000}});
  uint32_t kept = 0;
  while (peer.dropped(Drop::udp_memory_full) == 0 && kept < 1000)
    peer.sends(to_port(kOurPort, "waits")), ++kept;
  EXPECT_LE(kept, 9u);
  peer.expect_drop(Drop::udp_memory_full, to_port(5001, "same session"));
  peer.expect_handled(to_port(6000, "another session"));
  other.receive(1);
  peer.poll();
  EXPECT_EQ(other.expects_received(1), "another session");
}

// A million a second to one socket that nobody reads, and one to the bystander in between.
TEST(UdpInput, W39FloodLeavesTheBystanderAlone) {
  Peer peer;
  UdpSocket slow(peer, {.backlog = 64});
  UdpSocket bystander(peer, {.session = 1, .local = {kOurIp, 6000}});
  const Packet flood = to_port(kOurPort, std::string(200, 'f'));
  constexpr int kDatagrams = 100'000, kPerPass = 16;
  for (int i = 0; i < kDatagrams / kPerPass; ++i) {
    const auto context = static_cast<uint64_t>(i);
    bystander.receive(context);
    bystander.send("out " + std::to_string(i), kPeerEndpoint, context + 1'000'000);
    for (int k = 0; k < kPerPass; ++k) peer.queues(flood);
    peer.queues(to_port(6000, "in " + std::to_string(i)));
    peer.poll(2);
    EXPECT_EQ(peer.expects_decoded().data, "out " + std::to_string(i));
    bool received = false, sent = false;
    for (int k = 0; k < 2; ++k) {
      const rio_abi_completion c = bystander.expects_completion();
      EXPECT_EQ(c.status, 0);
      received |= c.request_context == context, sent |= c.request_context == context + 1'000'000;
    }
    ASSERT_TRUE(received && sent) << "round " << i;
    ASSERT_EQ(bystander.area(context, 3), "in ");
  }
  EXPECT_EQ(peer.dropped(Drop::udp_backlog_full), uint64_t{kDatagrams} - 64);
  EXPECT_EQ(slow.option(RIO_SO_DROPPED), kDatagrams - 64);
  EXPECT_EQ(bystander.option(RIO_SO_DROPPED), 0);
  EXPECT_EQ(slow.close(), 0);
  peer.expect_baseline();
}

// I5: one pass takes one burst, however many wait.
TEST(UdpInput, PassIsBounded) {
  Peer peer;
  UdpSocket socket(peer);
  for (int i = 0; i < 1000; ++i) peer.queues(to_port(kOurPort, "x"));
  for (size_t left = 1000; left > 0;) {
    peer.poll();
    EXPECT_GE(peer.port.waiting() + 32, left);
    left = peer.port.waiting();
  }
}

// I3: the memory for waiting data is shared out. What one application lets wait, however much it
// may, leaves the others their share.
TEST(UdpInput, W39NobodyTakesAnothersMemory) {
  PeerOptions options;
  options.server.sessions_max = 4;
  options.server.backlog_chunks = 64;  // a share of 8
  Peer peer(options);
  UdpSocket greedy(peer), modest(peer, {.session = 1, .local = {kOurIp, 6000}});
  uint64_t kept = 0;
  while (peer.reaction_to(to_port(kOurPort, "waits")) == Drop::none) ++kept;
  EXPECT_EQ(peer.dropped(Drop::udp_memory_full), 1u);
  EXPECT_EQ(kept, 64u - 3 * 8) << "all but the shares of the others";
  for (uint64_t i = 0; i < 8; ++i) peer.expect_handled(to_port(6000, std::to_string(i)));
  peer.expect_drop(Drop::udp_memory_full, to_port(6000, "one more than its share"));
  for (uint64_t i = 0; i < 8; ++i) modest.receive(i);
  peer.poll();
  for (uint64_t i = 0; i < 8; ++i) EXPECT_EQ(modest.expects_received(i), std::to_string(i));
  EXPECT_EQ(greedy.close(), 0);  // what it held is there again
  for (uint64_t i = 0; i < 64 - 3 * 8; ++i) peer.expect_handled(to_port(6000, "now there is room"));
}

}  // namespace
}  // namespace pinion::testing
