// HOSTILE W06 (RFC 894, RFC 1042; CVE-2003-0001): the pad of a short frame is no payload, and ours
// is zero, whatever stood in the buffer before (pools here are filled with a pattern).
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(EthInput, W06PadIsNotPayload) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  // IP total length 40: 12 bytes of data, then 6 of pad that are not zero.
  peer.expect_handled(frame_of(UdpSegment{.data = "twelve bytes", .trailer = "SECRET"}));
  EXPECT_EQ(socket.expects_received(1), "twelve bytes");
}

TEST(EthInput, W06PadOfAnEmptyDatagram) {
  Peer peer;
  UdpSocket socket(peer);
  socket.receive(1);
  peer.expect_handled(frame_of(UdpSegment{.trailer = std::string(18, '\xff')}));
  EXPECT_EQ(socket.expects_received(1), "");
}

TEST(EthOutput, W06OurPadIsZero) {
  Peer peer;
  UdpSocket socket(peer);
  for (size_t length = 0; length <= 20; ++length) {
    const std::string text(length, 'y');
    socket.send(text, kPeerEndpoint, length);
    peer.poll();
    socket.expects_sent(length);
    peer.expects(padded(frame_of(UdpSegment{
        .eth = {.dst = kPeerMac, .src = kOurMac},
        .ip = {.flags_fragment = kDontFragment, .src = kOurIp, .dst = kPeerIp},
        .udp = {.src = kOurPort, .dst = kPeerPort},
        .data = text})));
  }
}

TEST(EthOutput, W06PadOfAnEchoReplyIsNotTheRequestsTrailer) {
  Peer peer;
  peer.sends(frame_of(IcmpSegment{.data = "abc", .trailer = std::string(15, '\xee')}));
  peer.expects(padded(frame_of(IcmpSegment{
      .eth = {.dst = kPeerMac, .src = kOurMac},
      .ip = {.flags_fragment = kDontFragment, .src = kOurIp, .dst = kPeerIp},
      .icmp = {.type = 0},
      .data = "abc"})));
}

}  // namespace
}  // namespace pinion::testing
