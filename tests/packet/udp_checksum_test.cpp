// HOSTILE W36 (RFC 768, RFC 1122 4.1.3.4): checksum 0 means none and is accepted on IPv4; a wrong
// one is dropped; a computed 0 leaves as 0xFFFF. On ports that compute it, only "good" is believed.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(UdpInput, W36ChecksumNone) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  peer.expect_handled(frame_of(UdpSegment{.udp = {.checksum = 0}, .data = "unprotected"}));
  EXPECT_EQ(socket.expects_received(1), "unprotected");
}

TEST(UdpInput, W36ChecksumWrong) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  const UdpSegment good{.data = "protected"};
  const std::string right = packet_of(good).substr(26, 2);
  const auto sum =
      static_cast<unsigned>(static_cast<uint8_t>(right[0]) << 8 | static_cast<uint8_t>(right[1]));
  for (int bit = 0; bit < 16; ++bit) {
    UdpSegment bad = good;
    bad.udp.checksum = static_cast<uint16_t>(sum ^ 1u << bit);
    if (bad.udp.checksum == 0) continue;  // none
    peer.expect_drop(Drop::udp_checksum, frame_of(bad));
  }
  socket.expects_no_completion();
}

// Every single bit of datagram and addresses, flipped on the way.
TEST(UdpInput, W36EveryBitIsCovered) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  const Packet good = frame_of(UdpSegment{.data = "odd number of bytes"});
  for (size_t bit = (14 + 12) * 8; bit < good.size() * 8; ++bit) {
    Packet bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    const uint64_t before = peer.dropped_in_all();
    peer.sends(bad);
    EXPECT_EQ(peer.dropped_in_all(), before + 1) << "bit " << bit;
  }
  socket.expects_no_completion();
  peer.expect_handled(good);
  EXPECT_EQ(socket.expects_received(1), "odd number of bytes");
}

// What 16 bits cannot see (RFC 1071): two words that changed places.
TEST(UdpInput, W36DocumentedLimit) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  Packet swapped = frame_of(UdpSegment{.data = "abcd"});
  std::swap(swapped[42], swapped[44]);
  std::swap(swapped[43], swapped[45]);
  peer.expect_handled(swapped);
  EXPECT_EQ(socket.expects_received(1), "cdab");
}

TEST(UdpInput, W36PortsVerdict) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  const Packet wrong = frame_of(UdpSegment{.udp = {.checksum = 1}, .data = "x"});
  peer.queues(wrong).rx_l4_csum = RxCsum::bad;
  peer.poll();
  EXPECT_EQ(peer.dropped(Drop::udp_checksum), 1u);
  peer.queues(wrong).rx_l4_csum = RxCsum::good;
  peer.poll();
  EXPECT_EQ(socket.expects_received(1), "x");
}

// Two bytes of data that bring the sum to 0xFFFF, so that the checksum computes to 0.
TEST(UdpOutput, W36ComputedZeroLeavesAsAllOnes) {
  Peer peer;
  UdpSocket socket(peer);
  const auto sent = [&](const std::string& data) {
    return UdpSegment{.eth = {.dst = kPeerMac, .src = kOurMac},
                      .ip = {.flags_fragment = kDontFragment, .src = kOurIp, .dst = kPeerIp},
                      .udp = {.src = kOurPort, .dst = kPeerPort},
                      .data = data};
  };
  // With data of zero the checksum is the complement of the rest; that number as data makes it 0.
  const std::string data = packet_of(sent(std::string(2, '\0'))).substr(26, 2);
  socket.send(data, kPeerEndpoint, 1);
  peer.poll();
  const Decoded d = peer.expects_decoded();
  EXPECT_EQ(d.data, data);
  EXPECT_EQ(*d.udp->checksum, 0xffff);
}

// A port that computes checksums gets the sum of the pseudo header in their place.
TEST(UdpOutput, OffloadLeavesThePseudoHeadersSum) {
  Peer peer({.resolved = false, .tx_offload = kTxUdpCsum | kTxIpv4Csum});
  UdpSocket socket(peer);
  const std::string data(26, 'o');
  EXPECT_EQ(socket.set_option(RIO_SO_BROADCAST, 1), 0);
  socket.send(data, Endpoint{Ipv4{0xffffffff}, 9}, 2);
  peer.kernel->poll(++peer.now);
  const auto sent = peer.port.take_sent_with_offload();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].tx_offload, kTxUdpCsum | kTxIpv4Csum);
  EXPECT_EQ(sent[0].l2_length, 14);
  EXPECT_EQ(sent[0].l3_length, 20);
  Packet finished = sent[0].bytes;
  repair(finished);
  EXPECT_EQ(decode(finished).fault, "");
  EXPECT_EQ(decode(finished).data, data);
  // 10.0.0.1, 255.255.255.255, protocol 17, length 34: not complemented.
  const uint32_t sum = 0x0a00 + 0x0001 + 0xffff + 0xffff + 17 + 34;
  const uint32_t folded = (sum & 0xffff) + (sum >> 16);
  EXPECT_EQ(
      static_cast<unsigned>(sent[0].bytes[40]) << 8 | static_cast<unsigned>(sent[0].bytes[41]),
      folded);
}

}  // namespace
}  // namespace pinion::testing
