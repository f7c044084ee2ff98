// A SYN in CLOSING (RFC 5961 4.2, RFC 9293 3.10.7.4, fourth): a challenge ACK wherever it
// stands, and the connection goes on. W52's neighbours at the edges of the window; with ACK, and
// with data.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, SynClosing) {
  for (const uint32_t seq : {0u, 1u, 1000u, 0xffffu, 0x10000u, 0xffffffffu, 0x80000000u})
    for (const uint8_t flags : {kSyn, uint8_t(kSyn | kAck)})
      answered_by_ack(TcpState::closing, {.flags = flags, .seq = seq});
}

TEST(TcpInput, SynWithDataAndFinClosing) {
  answered_by_ack(TcpState::closing, {.flags = kSyn | kAck, .data = "text"});
  answered_by_ack(TcpState::closing, {.flags = kSyn | kFin | kAck});
}

}  // namespace
}  // namespace pinion::testing
