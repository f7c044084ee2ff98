// HOSTILE W35 (RFC 768; RFC 9868): the UDP length lies within 8 and the IP payload, or the datagram
// is dropped; what is behind it is not delivered.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

UdpSegment with_length(size_t length) {
  return {.udp = {.length = static_cast<uint16_t>(length), .checksum = 0}, .data = "ten bytes."};
}

TEST(UdpInput, W35LengthBelowTheHeader) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  for (size_t length = 0; length < 8; ++length)
    peer.expect_drop(Drop::udp_length, frame_of(with_length(length)));
  socket.expects_no_completion();
}

TEST(UdpInput, W35LengthBeyondThePayload) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  for (const size_t length : {19, 20, 1500, 0x8000, 0xffff})
    peer.expect_drop(Drop::udp_length, frame_of(with_length(length)));
  // A pad that would cover it does not count.
  UdpSegment padded_segment = with_length(20);
  padded_segment.trailer = std::string(16, 'p');
  peer.expect_drop(Drop::udp_length, frame_of(padded_segment));
  socket.expects_no_completion();
}

TEST(UdpInput, W35SurplusIsNotDelivered) {
  Peer peer;
  UdpSocket socket(peer);
  for (size_t length = 8; length <= 18; ++length) {
    socket.receive(length);
    peer.expect_handled(frame_of(with_length(length)));
    EXPECT_EQ(socket.expects_received(length), std::string("ten bytes.").substr(0, length - 8));
  }
}

// RFC 768: the checksum covers the UDP length, not the surplus behind it.
TEST(UdpInput, W35ChecksumWithASurplus) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string covered = packet_of(UdpSegment{.data = "abc"}).substr(20);
  socket.receive(1);
  peer.expect_handled(frame_of(Ipv4Segment{.ip = {.protocol = 17}, .data = covered + "surplus"}));
  EXPECT_EQ(socket.expects_received(1), "abc");
}

TEST(UdpInput, W35HeaderCutShort) {
  Peer peer;
  for (size_t length = 0; length < 8; ++length)
    peer.expect_drop(Drop::udp_short, frame_of(Ipv4Segment{.ip = {.protocol = 17},
                                                           .data = std::string(length, '\0')}));
}

TEST(UdpInput, PortZero) {
  Peer peer;
  UdpSocket socket(peer);
  peer.expect_drop(Drop::udp_port_zero, frame_of(UdpSegment{.udp = {.dst = 0}, .data = "x"}));
  // As a source it means "no reply expected" (RFC 768): delivered.
  socket.receive(1);
  peer.expect_handled(frame_of(UdpSegment{.udp = {.src = 0}, .data = "y"}));
  EXPECT_EQ(socket.expects_received(1), "y");
}

}  // namespace
}  // namespace pinion::testing
