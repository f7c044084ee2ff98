// W37, RFC 9293 3.1 MUST-2, 3: a wrong checksum is dropped in every state, also a zero, which
// TCP does not mean anything by; what leaves has a right one, whoever computes it (Peer checks).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W37WrongChecksum) {
  TcpBed bed(TcpState::established);
  for (const uint16_t sum : {0x0000, 0xffff, 0x1234})
    bed.peer.expect_drop(Drop::tcp_checksum, bed.remote.frame({.seq = 1, .ack = 1, .data = "bad",
                                                               .checksum = sum}));
  bed.socket->receive(1);
  bed.peer.poll();
  bed.socket->expects_no_completion();
}

TEST(TcpInput, W37WrongChecksumOfASyn) {
  TcpBed bed(TcpState::listen);
  bed.peer.expect_drop(Drop::tcp_checksum, bed.remote.frame({.flags = kSyn, .checksum = 1}));
}

TEST(TcpInput, EveryBitOfASegmentIsCovered) {
  TcpBed bed(TcpState::established);
  const Packet good = bed.remote.frame({.seq = 1, .ack = 1, .data = stream_bytes(0, 40)});
  for (size_t at = 34; at < good.size(); ++at) {
    Packet bad = good;
    bad[at] ^= std::byte{0x10};
    EXPECT_NE(bed.peer.reaction_to(bad), Drop::none) << at;
  }
  bed.remote.expects_nothing();
}

TEST(TcpInput, PortThatComputesChecksums) {
  for (const uint8_t offload : {uint8_t(kTxTcpCsum), uint8_t(kTxIpv4Csum | kTxTcpCsum)}) {
    TcpBedOptions options;
    options.peer.tx_offload = offload;
    TcpBed bed(TcpState::established, options);
    for (size_t length = 1; length < 30; ++length) {
      bed.socket->send(stream_bytes(0, length), length);
      bed.peer.poll(2);
      const Seg seg = bed.remote.expects_any();
      EXPECT_EQ(seg.data, stream_bytes(0, length));
      bed.remote.sends({.seq = 1});
      bed.socket->expects_sent(length);
    }
  }
}

}  // namespace
}  // namespace pinion::testing
