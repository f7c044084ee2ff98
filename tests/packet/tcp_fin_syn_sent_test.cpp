// A FIN in SYN-SENT without a SYN is dropped (RFC 9293 3.10.7.3, fifth).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, FinSynSent) {
  dropped_silently(TcpState::syn_sent, {.flags = kFin});
  dropped_silently(TcpState::syn_sent, {.flags = kFin | kAck, .ack = 1});
}

}  // namespace
}  // namespace pinion::testing
