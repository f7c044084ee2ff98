// A port that takes no more frames, or has none to give: sends wait, leave later in order and
// complete once; nothing is lost and nothing is kept.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

TEST(UdpOutput, PortFullSendCompletesLater) {
  Peer peer;
  UdpSocket socket(peer);
  peer.port.tx_accepts = 0;
  for (uint64_t i = 0; i < 10; ++i) socket.send(std::to_string(i), kPeerEndpoint, i);
  peer.poll(5);
  peer.expects_nothing();
  socket.expects_no_completion();
  peer.port.tx_accepts = 3;
  peer.poll();
  for (uint64_t i = 0; i < 3; ++i) socket.expects_sent(i);
  socket.expects_no_completion();
  peer.port.tx_accepts = SIZE_MAX;
  peer.poll();
  for (uint64_t i = 3; i < 10; ++i) socket.expects_sent(i);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(peer.expects_decoded().data, std::to_string(i));
  peer.expect_baseline();
}

TEST(UdpOutput, TransmitQueueFull) {
  PeerOptions options;
  options.net.tx_queue_max = 4;
  Peer peer(options);
  UdpSocket socket(peer);
  peer.port.tx_accepts = 0;
  for (uint64_t i = 0; i < 12; ++i) socket.send(std::to_string(i), kPeerEndpoint, i);
  peer.poll(3);
  EXPECT_EQ(peer.port.outstanding(), 4u);
  peer.port.tx_accepts = 1;
  peer.poll(40);
  for (uint64_t i = 0; i < 12; ++i) {
    socket.expects_sent(i);
    EXPECT_EQ(peer.expects_decoded().data, std::to_string(i));
  }
  peer.expect_baseline();
}

TEST(UdpOutput, PoolDry) {
  Peer peer;
  UdpSocket socket(peer);
  peer.port.pool_frames = 0;
  for (uint64_t i = 0; i < 3; ++i) socket.send(std::to_string(i), kPeerEndpoint, i);
  peer.poll(5);
  socket.expects_no_completion();
  // What would be answered is not, and is counted.
  peer.expect_drop(Drop::tx_no_frame, frame_of(IcmpSegment{.data = "x"}));
  peer.expect_drop(Drop::tx_no_frame, padded(frame_of(ArpSegment{})));
  peer.port.pool_frames = SIZE_MAX;
  peer.poll();
  for (uint64_t i = 0; i < 3; ++i) {
    socket.expects_sent(i);
    EXPECT_EQ(peer.expects_decoded().data, std::to_string(i));
  }
  peer.expect_baseline();
}

// I2: an application that ends while its frames wait leaves them to the port, which reports to
// nobody.
TEST(UdpOutput, SessionEndsWhileThePortIsFull) {
  Peer peer;
  const uint32_t requests = peer.kernel->server().usage().requests;
  {
    RawApp app(*peer.kernel, 2, peer.now);
    RawCq cq = app.create_cq(8);
    RawRq rq = app.create_rq(app.socket(), cq, cq, {.receives = 4, .sends = 4});
    peer.port.tx_accepts = 0;
    for (uint64_t i = 0; i < 4; ++i) app.send_text(rq, std::to_string(i), kPeerEndpoint, i);
    for (uint64_t i = 0; i < 2; ++i) app.receive(rq, 0, 64, i);
    peer.kernel->poll(++peer.now);
  }
  peer.port.tx_accepts = SIZE_MAX;
  peer.poll();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(peer.expects_decoded().data, std::to_string(i));
  EXPECT_EQ(peer.kernel->server().usage().requests, requests);
  EXPECT_EQ(peer.kernel->server().usage().sockets, 0u);
  peer.expect_baseline();
}

}  // namespace
}  // namespace pinion::testing
