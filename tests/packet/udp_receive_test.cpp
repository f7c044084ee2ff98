// UDP input through the rings (RFC 768, rio.h): posted receives take datagrams in order, with peer
// and time; what is too long says how long it was; empty datagrams are datagrams.
#include <gtest/gtest.h>

#include <cerrno>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(UdpInput, ReceiveTellsBytesPeerAndTime) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(7);
  peer.poll();
  peer.expect_handled(frame_of(UdpSegment{.data = "hello"}));
  const rio_abi_completion c = socket.expects_completion();
  EXPECT_EQ(c.status, 0);
  EXPECT_EQ(c.bytes, 5u);
  EXPECT_EQ(c.request_context, 7u);
  EXPECT_EQ(c.port, kPeerPort);
  EXPECT_EQ(c.family, RIO_FAMILY_IPV4);
  const uint8_t address[16] = {10, 0, 0, 2};
  EXPECT_EQ(std::memcmp(c.peer, address, sizeof address), 0);
  EXPECT_EQ(c.time_ns, static_cast<uint64_t>(peer.now));
  EXPECT_EQ(c.time_source, RIO_TIME_SOFTWARE);
  EXPECT_EQ(socket.area(7, 5), "hello");
  EXPECT_EQ(peer.counters().udp_received, 1u);
  peer.expect_baseline();
}

TEST(UdpInput, HardwareTimeIsPassedOn) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  peer.poll();
  peer.queues(frame_of(UdpSegment{.data = "x"})).hw_time = 123'456;
  peer.poll();
  const rio_abi_completion c = socket.expects_completion();
  EXPECT_EQ(c.time_ns, 123'456u);
  EXPECT_EQ(c.time_source, RIO_TIME_HARDWARE);
}

// The lines A and B of a feed, on two NICs: what a pass finds at both has two times.
TEST(UdpInput, TimesTellInWhichOrderThePortsOfAPassHadFrames) {
  MemoryPort b(Mac{{0x02, 0, 0, 0, 0, 0xb}});
  PeerOptions options;
  options.net.interfaces.push_back(
      {.name = "nicb", .port = &b, .addresses = {{ipv4(10, 0, 1, 1), 24}}});
  Peer peer(options);
  UdpSocket socket(peer, {.local = {{}, kOurPort}});
  socket.receive(1), socket.receive(2);
  peer.poll();
  b.take_sent();
  peer.queues(frame_of(UdpSegment{.data = "A"}));
  b.receive(frame_of(UdpSegment{.eth = {.dst = b.capabilities().mac},
                                .ip = {.src = ipv4(10, 0, 1, 2), .dst = ipv4(10, 0, 1, 1)},
                                .data = "B"}));
  peer.port.burst_at = peer.now + 1200, b.burst_at = peer.now + 1340;
  peer.poll();
  const rio_abi_completion first = socket.expects_completion();
  const rio_abi_completion second = socket.expects_completion();
  EXPECT_EQ(first.time_ns, static_cast<uint64_t>(peer.port.burst_at));
  EXPECT_EQ(second.time_ns, static_cast<uint64_t>(b.burst_at));
  EXPECT_EQ(first.time_source, RIO_TIME_SOFTWARE);
  EXPECT_EQ(second.time_source, RIO_TIME_SOFTWARE);
}

TEST(UdpInput, DatagramsMeetReceivesInOrder) {
  Peer peer;
  UdpSocket socket(peer);
  for (uint64_t i = 0; i < 8; ++i) socket.receive(i);
  peer.poll();
  for (int i = 0; i < 8; ++i) peer.queues(frame_of(UdpSegment{.data = std::to_string(i)}));
  peer.poll();
  for (uint64_t i = 0; i < 8; ++i) EXPECT_EQ(socket.expects_received(i), std::to_string(i));
}

TEST(UdpInput, TooLongSaysHowLong) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string data = "0123456789";
  for (const bool waits : {false, true}) {  // posted before, or after it came
    if (!waits) socket.receive(1, 4), peer.poll();
    peer.expect_handled(frame_of(UdpSegment{.data = data}));
    if (waits) socket.receive(1, 4), peer.poll();
    const rio_abi_completion c = socket.expects_completion();
    EXPECT_EQ(c.status, -EMSGSIZE);
    EXPECT_EQ(c.bytes, 10u);
    EXPECT_EQ(socket.area(1, 6), std::string("0123\0\0", 6)) << "nothing behind the slice";
  }
}

TEST(UdpInput, EmptyDatagram) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  peer.poll();
  peer.expect_handled(padded(frame_of(UdpSegment{})));
  EXPECT_EQ(socket.expects_received(1), "");
  peer.expect_handled(padded(frame_of(UdpSegment{})));  // waits, and counts as one
  socket.receive(2);
  peer.poll();
  EXPECT_EQ(socket.expects_received(2), "");
  peer.expect_baseline();
}

TEST(UdpInput, ReceiveOfNoBytes) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1, 0), socket.receive(2, 0);
  peer.poll();
  peer.sends(padded(frame_of(UdpSegment{})));
  EXPECT_EQ(socket.expects_completion().status, 0);
  peer.sends(frame_of(UdpSegment{.data = "abc"}));
  const rio_abi_completion c = socket.expects_completion();
  EXPECT_EQ(c.status, -EMSGSIZE);
  EXPECT_EQ(c.bytes, 3u);
}

TEST(UdpInput, LargestDatagramOfTheLink) {
  Peer peer;
  UdpSocket socket(peer);
  std::string data(1472, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7);
  for (const bool waits : {false, true}) {
    if (!waits) socket.receive(1), peer.poll();
    peer.expect_handled(frame_of(UdpSegment{.data = data}));
    if (waits) socket.receive(1), peer.poll();
    EXPECT_EQ(socket.expects_received(1), data);
  }
}

// A jumbo datagram waits in several chunks.
TEST(UdpInput, JumboDatagramThatWaits) {
  Peer peer({.mtu_bytes = 9000});
  UdpSocket socket(peer);
  std::string data(8972, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 11 + i / 256);
  peer.expect_handled(frame_of(UdpSegment{.data = data}));
  socket.receive(1, 9000);
  peer.poll();
  EXPECT_EQ(socket.expects_received(1), data);
  peer.expect_handled(frame_of(UdpSegment{.data = data}));
  socket.receive(2, 5000);
  peer.poll();
  const rio_abi_completion c = socket.expects_completion();
  EXPECT_EQ(c.status, -EMSGSIZE);
  EXPECT_EQ(c.bytes, 8972u);
  EXPECT_EQ(socket.area(2, 5000), data.substr(0, 5000));
  peer.expect_baseline();
}

TEST(UdpInput, BroadcastReachesTheSocket) {
  Peer peer;
  UdpSocket wildcard(peer, {.local = {{}, kOurPort}});
  wildcard.receive(1), wildcard.receive(2);
  peer.poll();
  const EthFields to_all{.dst = kBroadcastMac};
  peer.expect_handled(frame_of(UdpSegment{.eth = to_all, .ip = {.dst = kSubnetBroadcast},
                                          .data = "subnet"}));
  peer.expect_handled(frame_of(UdpSegment{.eth = to_all, .ip = {.dst = {0xffffffff}},
                                          .data = "limited"}));
  EXPECT_EQ(wildcard.expects_received(1), "subnet");
  EXPECT_EQ(wildcard.expects_received(2), "limited");
}

TEST(UdpInput, CloseCancelsReceivesAndForgetsTheBacklog) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1), socket.receive(2);
  peer.poll();
  EXPECT_EQ(socket.close(), 0);
  peer.poll(2);
  for (const uint64_t context : {1, 2}) {
    const rio_abi_completion c = socket.expects_completion();
    EXPECT_EQ(c.request_context, context);
    EXPECT_EQ(c.status, -ECANCELED);
  }
  peer.poll(2);
  const Packet late = frame_of(UdpSegment{.data = std::string(64, 'l')});
  peer.expect_drop_answered(Drop::udp_no_socket, late);
  UdpSocket next(peer);  // the port is free again
  next.receive(3);
  peer.poll();
  peer.expect_handled(late);
  EXPECT_EQ(next.expects_received(3), std::string(64, 'l'));
  peer.expect_baseline();
}

}  // namespace
}  // namespace pinion::testing
