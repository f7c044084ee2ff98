// A RST in SYN-RECEIVED (RFC 9293 3.10.7.4, second): the passive one forgets the connection and
// tells nobody; the one that also connected is refused. RFC 5961 3.2 holds here too.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W52RstPassiveSynReceived) {
  TcpBed bed(TcpState::syn_received);
  bed.remote.sends({.flags = kRst, .seq = 1});
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 1, .ack = 1});
  bed.remote.expects({.flags = kRst, .seq = 1});
  EXPECT_EQ(bed.listener->accept(), std::nullopt);
  bed.remote.iss += 5000;  // the listener goes on
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects({.flags = kSyn | kAck, .ack = 1});
}

TEST(TcpInput, W52RstActiveSynReceived) {
  TcpBedOptions options;
  options.active = true;
  TcpBed bed(TcpState::syn_received, options);
  bed.remote.sends({.flags = kRst, .seq = 1});
  bed.remote.expects_nothing();
  EXPECT_EQ(bed.socket->connect_status(), -ECONNREFUSED);
}

TEST(TcpInput, W52RstInWindowSynReceived) {
  answered_by_ack(TcpState::syn_received, {.flags = kRst, .seq = 1});
  answered_by_ack(TcpState::syn_received, {.flags = kRst | kAck, .seq = 1000});
}

TEST(TcpInput, W52RstOutsideSynReceived) {
  dropped_silently(TcpState::syn_received, {.flags = kRst, .seq = 0xffffffff});
  dropped_silently(TcpState::syn_received, {.flags = kRst, .seq = 0x40000000});
}

}  // namespace
}  // namespace pinion::testing
