// A SYN where nobody listens: RST that acknowledges it, and nothing is kept (RFC 9293 3.10.7.1).
// The reply is no larger than the segment (I6), whatever the SYN carries.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, SynClosed) {
  TcpBed bed;
  bed.remote.sends({.flags = kSyn, .options = mss(1460)});
  bed.remote.expects({.flags = kRst | kAck, .seq = 0, .ack = 1, .options = ""});
  bed.remote.expects_nothing();
}

TEST(TcpInput, SynWithDataClosed) {
  TcpBed bed;
  bed.remote.sends({.flags = kSyn, .data = "early"});
  bed.remote.expects({.flags = kRst | kAck, .seq = 0, .ack = 6});
}

TEST(TcpInput, SynFinClosed) {
  TcpBed bed;
  bed.remote.sends({.flags = kSyn | kFin});
  bed.remote.expects({.flags = kRst | kAck, .seq = 0, .ack = 2});
}

TEST(TcpInput, SynAckClosed) {
  TcpBed bed;
  bed.remote.sends({.flags = kSyn | kAck, .ack = 77});
  bed.remote.expects({.flags = kRst, .seq = 77});
}

// Another port listens, another address of the same port: neither is this one.
TEST(TcpInput, SynClosedBesideAListener) {
  TcpBed bed(TcpState::listen);
  TcpEnd other(bed.peer, kPeerEndpoint, {kOurIp, kOurPort + 1});
  other.sends({.flags = kSyn, .options = mss(1460)});
  other.expects({.flags = kRst | kAck, .seq = 0, .ack = 1});
}

}  // namespace
}  // namespace pinion::testing
