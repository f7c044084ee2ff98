// HOSTILE W14 (RFC 1122 3.2.1.2): a host MUST verify the header checksum and MUST discard what has
// a bad one. Ones' complement has two zeros: for a header whose checksum is 0x0000, 0xFFFF is the
// same number (RFC 1071); for every other header neither is right.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

// Every header here is the same but for its identification and checksum.
Packet with(uint16_t id, std::optional<uint16_t> checksum) {
  return frame_of(UdpSegment{.ip = {.id = id, .checksum = checksum}, .data = "x"});
}

uint16_t right_checksum(uint16_t id) {
  const Packet frame = with(id, {});
  return static_cast<uint16_t>(static_cast<unsigned>(frame[24]) << 8 |
                               static_cast<unsigned>(frame[25]));
}

TEST(Ipv4Input, W14ChecksumOffByOneOrOneBit) {
  Peer peer;
  UdpSocket socket(peer);
  const uint16_t right = right_checksum(1);
  for (const int by : {1, -1, 0x100, -0x100})
    peer.expect_drop(Drop::ipv4_checksum, with(1, static_cast<uint16_t>(right + by)));
  for (int bit = 0; bit < 16; ++bit)
    peer.expect_drop(Drop::ipv4_checksum, with(1, static_cast<uint16_t>(right ^ 1u << bit)));
}

TEST(Ipv4Input, W14ChecksumZeroIsNotNone) {  // it is in UDP, not here
  Peer peer;
  ASSERT_NE(right_checksum(1), 0);
  for (const uint16_t wrong : {0x0000, 0xffff})
    peer.expect_drop(Drop::ipv4_checksum, with(1, wrong));
}

TEST(Ipv4Input, W14BothFormsOfZero) {
  Peer peer;
  UdpSocket socket(peer);
  const uint16_t id = right_checksum(0);  // takes the sum of the other fields to zero
  ASSERT_EQ(right_checksum(id), 0);
  socket.receive(1), socket.receive(2);
  peer.expect_handled(with(id, 0x0000));
  peer.expect_handled(with(id, 0xffff));
  for (const uint64_t context : {1, 2}) EXPECT_EQ(socket.expects_received(context), "x");
  peer.expect_drop(Drop::ipv4_checksum, with(id, 1));
}

// The port's word counts only for good: "bad" is looked at again here.
TEST(Ipv4Input, PortVerifiedTheChecksum) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1), socket.receive(2);
  const Packet wrong = frame_of(UdpSegment{.ip = {.checksum = 0x1234}, .data = "trusted"});
  peer.queues(wrong).rx_ipv4_csum = RxCsum::good;
  peer.poll();
  EXPECT_EQ(socket.expects_received(1), "trusted");
  peer.queues(wrong).rx_ipv4_csum = RxCsum::bad;
  peer.poll();
  socket.expects_no_completion();
  EXPECT_EQ(peer.dropped(Drop::ipv4_checksum), 1u);
}

}  // namespace
}  // namespace pinion::testing
