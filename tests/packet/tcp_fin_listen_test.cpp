// A FIN to a listener: dropped; with an ACK, a RST (RFC 9293 3.10.7.2). With a SYN it is a SYN
// whose FIN does not count, or nothing (W51): in no case is a connection established.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, FinListen) {
  TcpBed bed(TcpState::listen);
  EXPECT_NE(bed.remote.reaction_to({.flags = kFin, .seq = 1}), Drop::none);
  bed.remote.expects_nothing();
  bed.remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 9});
  bed.remote.expects({.flags = kRst, .seq = 9});
}

TEST(TcpInput, W51SynFinListen) {
  TcpBed bed(TcpState::listen);
  bed.remote.sends({.flags = kSyn | kFin, .options = mss(1460)});
  for (const Seg& seg : bed.remote.take_all()) {
    EXPECT_EQ(seg.flags, kSyn | kAck);
    EXPECT_EQ(seg.ack, 1u);
  }
  EXPECT_EQ(bed.listener->accept(), std::nullopt);
}

}  // namespace
}  // namespace pinion::testing
