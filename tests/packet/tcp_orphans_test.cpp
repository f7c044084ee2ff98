// A36, W63: an application that opens and closes, and peers that never answer its FINs. Each such
// connection keeps its TCB, but none against a new connection: the oldest gives way, and its peer
// is told with a RST.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

constexpr uint32_t kPool = 4;

TcpBedOptions small_pool() {
  TcpBedOptions options;
  options.peer.net.tcp.connections_max = kPool;
  return options;
}

// A connection from that port; the peer sees its SYN-ACK, and perhaps a RST of another before it.
std::vector<uint8_t> open_and_accept(TcpBed& bed, uint16_t port, std::optional<TcpSocket>& out) {
  TcpEnd end(bed.peer, {kPeerIp, port});
  std::vector<uint8_t> seen;
  end.sends({.flags = kSyn, .options = mss(1460)});
  for (const Packet& frame : bed.peer.take_all()) {
    const Decoded d = decode(frame);
    seen.push_back(d.tcp->flags);
    if ((d.tcp->flags & kSyn) != 0) end.irs = d.tcp->seq, end.received = 1;
  }
  end.sends({.seq = 1, .ack = 1});
  const auto handle = bed.listener->accept();
  EXPECT_TRUE(handle.has_value());
  if (handle) out.emplace(bed.peer, StreamSocketOptions{}, *handle);
  return seen;
}

TEST(TcpClose, A36OrphansGiveWayToNewConnections) {
  TcpBed bed(TcpState::listen, small_pool());
  for (uint16_t i = 0; i < 20; ++i) {
    std::optional<TcpSocket> socket;
    const auto seen = open_and_accept(bed, static_cast<uint16_t>(20000 + i), socket);
    ASSERT_TRUE(socket.has_value());
    if (i < kPool) EXPECT_EQ(seen, (std::vector<uint8_t>{kSyn | kAck}));
    else EXPECT_EQ(seen, (std::vector<uint8_t>{kRst | kAck, kSyn | kAck}));
    EXPECT_EQ(socket->close(), 0);
    bed.peer.poll(2);
    bed.peer.take_all();  // its FIN
    EXPECT_LE(bed.peer.kernel->net().tcp().tcbs_used(), kPool);
  }
  EXPECT_EQ(bed.peer.counters().tcp_orphans_evicted, 20u - kPool);
  bed.wait(1000 * kSecond);  // the others end by the user timeout
  bed.peer.take_all();
}

// What a closed socket had sent and nobody acknowledged ends with the reason.
TEST(TcpClose, TimeoutAfterCloseIsTold) {
  TcpBed bed(TcpState::established);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_USER_TIMEOUT_MS, 2000), 0);
  bed.socket->send("lost", 1);
  bed.peer.poll(2);
  EXPECT_EQ(bed.socket->close(), 0);
  bed.wait(3 * kSecond);
  bed.peer.take_all();
  bed.socket->expects_failed(1, -ETIMEDOUT);
}

}  // namespace
}  // namespace pinion::testing
