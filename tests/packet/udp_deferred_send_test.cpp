// RIO_DEFER: what is deferred leaves together, at the next request without it, at a commit, or
// after defer_max, whichever is first.
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

constexpr Nanos kDeferMax = 50 * kMicro;

void expect_leave(Peer& peer, UdpSocket& socket, uint64_t first, uint64_t last) {
  for (uint64_t i = first; i <= last; ++i) {
    EXPECT_EQ(peer.expects_decoded().data, std::to_string(i));
    socket.expects_sent(i);
  }
  peer.expects_nothing();
}

TEST(UdpOutput, DeferredSendsLeaveAtTheCommit) {
  Peer peer;
  UdpSocket socket(peer);
  for (uint64_t i = 1; i <= 8; ++i) socket.send(std::to_string(i), kPeerEndpoint, i, RIO_DEFER);
  peer.poll(4);
  peer.expects_nothing();
  socket.expects_no_completion();
  socket.commit();
  peer.poll();
  expect_leave(peer, socket, 1, 8);
  peer.expect_baseline();
}

TEST(UdpOutput, DeferredSendsLeaveWithTheNextOne) {
  Peer peer;
  UdpSocket socket(peer);
  for (uint64_t i = 1; i <= 3; ++i) socket.send(std::to_string(i), kPeerEndpoint, i, RIO_DEFER);
  peer.poll();
  peer.expects_nothing();
  socket.send("4", kPeerEndpoint, 4);
  peer.poll();
  expect_leave(peer, socket, 1, 4);
}

TEST(UdpOutput, DeferredSendsDoNotWaitForEver) {
  Peer peer;
  UdpSocket socket(peer);
  socket.send("1", kPeerEndpoint, 1, RIO_DEFER);
  peer.poll();
  EXPECT_LE(peer.kernel->next_deadline(), peer.now + kDeferMax);
  peer.wait(kDeferMax / 2);
  peer.expects_nothing();
  peer.wait(kDeferMax);
  expect_leave(peer, socket, 1, 1);
}

}  // namespace
}  // namespace pinion::testing
