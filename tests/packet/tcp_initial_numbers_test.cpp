// W59, RFC 6528, RFC 9293 3.4.1 MUST-8, SHLD-1: an ISS is a clock plus a keyed hash of the four
// numbers: it grows for one of them and says nothing about another's. RFC 6056: ports likewise.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

uint32_t iss_of(Peer& peer, uint16_t remote_port, uint32_t iss) {
  TcpEnd end(peer, {kPeerIp, remote_port});
  end.iss = iss;
  end.sends({.flags = kSyn, .options = mss(1460)});
  end.expects({.flags = kSyn | kAck, .ack = 1});
  end.sends({.flags = kRst, .seq = 1});
  return end.irs;
}

TEST(TcpUser, W59IssGrowsWithTheClock) {
  Peer peer;
  TcpSocket listener(peer, {.queue = false});
  EXPECT_EQ(listener.listen(), 0);
  uint32_t last = iss_of(peer, 7000, 5);
  for (int i = 0; i < 20; ++i) {
    peer.wait(kSecond);
    const uint32_t next = iss_of(peer, 7000, 5 + static_cast<uint32_t>(i));
    const uint32_t grown = next - last;
    EXPECT_GT(grown, 200'000u) << "4 us a number, or faster";
    EXPECT_LT(grown, 0x40000000u);
    last = next;
  }
}

TEST(TcpUser, W59IssOfAnotherPortIsNoGuess) {
  Peer peer;
  TcpSocket listener(peer, {.queue = false});
  EXPECT_EQ(listener.listen(), 0);
  int far = 0;
  uint32_t last = iss_of(peer, 7000, 5);
  for (uint16_t port = 7001; port < 7101; ++port) {
    const uint32_t next = iss_of(peer, port, 5);
    const uint32_t distance = std::min(next - last, last - next);
    far += distance > 1'000'000;
    last = next;
  }
  EXPECT_GT(far, 90);
}

TEST(TcpUser, W59Secret) {
  uint32_t iss[2];
  for (uint64_t i = 0; i < 2; ++i) {
    PeerOptions options;
    options.net.secret[0] = i;
    Peer peer(options);
    TcpSocket listener(peer, {.queue = false});
    EXPECT_EQ(listener.listen(), 0);
    iss[i] = iss_of(peer, 7000, 5);
  }
  EXPECT_NE(iss[0], iss[1]);
}

TEST(TcpUser, W59EphemeralPorts) {
  Peer peer;
  std::vector<uint16_t> ports;
  for (int i = 0; i < 20; ++i) {
    TcpSocket socket(peer, {.local = {}, .queue = false});
    EXPECT_EQ(socket.connect({kPeerIp, static_cast<uint16_t>(7000 + i)}), -EINPROGRESS);
    peer.poll(2);
    ports.push_back(peer.expects_decoded().tcp->src);
    EXPECT_GE(ports.back(), 32768);
    EXPECT_LE(ports.back(), 60999);
    EXPECT_EQ(socket.close(), 0);
  }
  int steps_of_one = 0;
  for (size_t i = 1; i < ports.size(); ++i) steps_of_one += ports[i] - ports[i - 1] == 1;
  EXPECT_LT(steps_of_one, 5);
}

}  // namespace
}  // namespace pinion::testing
