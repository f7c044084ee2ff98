// W50, RFC 6093, RFC 9293 3.8.5: urgent data stays in line, whatever its pointer says.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W50PointerAnywhere) {
  for (const uint16_t pointer : {0, 1, 4, 5, 65535}) {
    TcpBed bed(TcpState::established);
    bed.socket->receive(1), bed.socket->receive(2), bed.socket->receive(3);
    bed.peer.poll();
    bed.remote.sends({.flags = kAck | kUrg, .seq = 1, .ack = 1, .urgent = pointer});
    bed.remote.take_all();
    bed.remote.sends({.flags = kAck | kUrg, .seq = 1, .ack = 1, .data = "data", .urgent = pointer});
    bed.remote.expects({.seq = 1, .ack = 5});
    EXPECT_EQ(bed.socket->expects_received(1), "data");
    bed.remote.sends({.flags = kAck | kUrg | kFin, .seq = 5, .ack = 1, .data = "end",
                      .urgent = pointer});
    bed.remote.expects({.seq = 1, .ack = 9});
    EXPECT_EQ(bed.socket->expects_received(2), "end");
    bed.socket->expects_end(3);
  }
}

TEST(TcpInput, W50OnASyn) {
  TcpBed bed(TcpState::listen);
  bed.remote.sends({.flags = kSyn | kUrg, .options = mss(1460), .urgent = 65535});
  bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
}

}  // namespace
}  // namespace pinion::testing
