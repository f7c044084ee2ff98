// Text in SYN-SENT without a SYN is dropped (RFC 9293 3.10.7.3, fifth).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataSynSent) {
  dropped_silently(TcpState::syn_sent, {.flags = kPsh, .data = "text"});
  dropped_silently(TcpState::syn_sent, {.flags = kPsh | kAck, .ack = 1, .data = "text"});
}

}  // namespace
}  // namespace pinion::testing
