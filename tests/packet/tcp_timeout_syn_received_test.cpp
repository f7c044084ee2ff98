// A SYN-ACK that nobody acknowledges is sent a limited number of times, and then forgotten
// (W63): RFC 6298 2.1, 5.5 for the times.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpTimer, W63SynAckIsRepeatedSynReceived) {
  TcpBedOptions options;
  options.peer.net.tcp.syn_retries = 3;
  TcpBed bed(TcpState::syn_received, options);
  for (const Nanos after : {kSecond, 2 * kSecond, 4 * kSecond}) {
    bed.wait(after - 20 * kMilli);
    bed.remote.expects_nothing();
    bed.wait(20 * kMilli);
    bed.remote.expects({.flags = kSyn | kAck, .seq = 0, .ack = 1});
  }
  bed.wait(60 * kSecond);
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects({.flags = kRst, .seq = 1});
}

}  // namespace
}  // namespace pinion::testing
