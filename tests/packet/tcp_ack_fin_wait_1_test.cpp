// The ACK field in FIN-WAIT-1 (RFC 9293 3.10.7.4, fifth): none, too new, too old, and what an
// acceptable one brings about.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, NoAckFinWait1) {
  dropped_silently(TcpState::fin_wait_1, {.flags = 0});
  dropped_silently(TcpState::fin_wait_1, {.flags = kPsh, .data = "text"});
}

TEST(TcpInput, W57AckOfWhatWasNeverSentFinWait1) {
  for (const uint32_t beyond : {1u, 1000u, 0x7fff0000u}) {
    TcpBed bed(TcpState::fin_wait_1);
    bed.remote.sends({.seq = bed.theirs, .ack = bed.ours + beyond});
    bed.remote.expects({.seq = bed.ours, .ack = bed.theirs});
    bed.expects_state(TcpState::fin_wait_1);
  }
}

TEST(TcpInput, AckOfTheFinFinWait1) {
  TcpBed bed(TcpState::fin_wait_1);
  bed.remote.sends({.seq = 1, .ack = 2});
  bed.remote.expects_nothing();
  bed.expects_state(TcpState::fin_wait_2);
}

TEST(TcpInput, AckOfDataOnlyFinWait1) {
  TcpBed bed(TcpState::established);
  bed.socket->send("last", 1);
  EXPECT_EQ(bed.socket->shutdown(), 0);
  bed.peer.poll(2);
  std::string data;
  bool fin = false;
  for (const Seg& seg : bed.remote.take_all()) data += seg.data, fin |= (seg.flags & kFin) != 0;
  EXPECT_EQ(data, "last");
  EXPECT_TRUE(fin);
  bed.remote.sends({.seq = 1, .ack = 5});
  bed.socket->expects_sent(1);
  bed.expects_state(TcpState::fin_wait_1);
  bed.remote.sends({.seq = 1, .ack = 6});
  bed.expects_state(TcpState::fin_wait_2);
}

}  // namespace
}  // namespace pinion::testing
