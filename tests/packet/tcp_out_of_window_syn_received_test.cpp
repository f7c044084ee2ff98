// Outside of the window in SYN-RECEIVED: an ACK of what we have (RFC 9293 3.10.7.4, first).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, OutOfWindowSynReceived) {
  answered_by_ack(TcpState::syn_received, {.seq = 0x10000, .data = "far"});
  answered_by_ack(TcpState::syn_received, {.seq = 0xfffffff0, .data = "old"});
}

}  // namespace
}  // namespace pinion::testing
