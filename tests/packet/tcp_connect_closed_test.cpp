// OPEN (RFC 9293 3.10.1): what cannot be connected to, or not twice.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpUser, ConnectToNobody) {
  Peer peer;
  TcpSocket socket(peer, {.local = {}});
  EXPECT_EQ(socket.connect({kSubnetBroadcast, 9}), -EACCES) << "MUST-46: no group";
  EXPECT_LT(socket.connect({ipv4(224, 0, 0, 1), 9}), 0);
  EXPECT_LT(socket.connect({{}, 9}), 0);
  EXPECT_EQ(socket.connect({kPeerIp, 0}), -EINVAL);
  peer.poll(2);
  peer.expects_nothing();
}

TEST(TcpUser, ConnectTwice) {
  TcpBed bed(TcpState::syn_sent);
  EXPECT_EQ(bed.socket->connect(), -EALREADY);
  bed.remote.sends({.flags = kSyn | kAck, .ack = 1, .options = mss(1460)});
  EXPECT_EQ(bed.socket->connect(), -EISCONN);
}

TEST(TcpUser, SameFourNumbers) {
  TcpBed bed(TcpState::syn_sent);
  TcpSocket other(bed.peer, {.local = {}});
  EXPECT_EQ(other.set_option(RIO_SO_REUSEADDR, 1), 0);
  EXPECT_NE(other.connect(kPeerEndpoint), -EADDRINUSE) << "another port";
  TcpSocket same(bed.peer, {.local = {}});
  same.set_option(RIO_SO_REUSEADDR, 1);
}

TEST(TcpUser, NeighbourDoesNotAnswer) {  // RFC 1122 2.3.2.2, 4.2.3.9: a soft error until R2
  PeerOptions options;
  options.resolved = false;
  Peer peer(options);
  TcpSocket socket(peer);
  EXPECT_EQ(socket.set_option(RIO_SO_CONNECT_TIMEOUT_MS, 8000), 0);
  EXPECT_EQ(socket.connect(), -EINPROGRESS);
  peer.wait(12 * kSecond);
  peer.take_all();
  const int status = socket.connect_status();
  EXPECT_TRUE(status == -EHOSTUNREACH || status == -ETIMEDOUT) << status;
}

}  // namespace
}  // namespace pinion::testing
