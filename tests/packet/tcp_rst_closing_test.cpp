// A RST in CLOSING (RFC 5961 3.2, RFC 9293 3.10.7.4, second): exactly at RCV.NXT it resets; in
// the window it is challenged; outside it is dropped. What its ACK field says does not matter
// (W52).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W52RstClosing) {
  resets(TcpState::closing, {.flags = kRst});
  resets(TcpState::closing, {.flags = kRst | kAck});
  resets(TcpState::closing, {.flags = kRst | kAck, .ack = 0x40000000});
}

TEST(TcpInput, W52RstInWindowClosing) {
  answered_by_ack(TcpState::closing, {.flags = kRst, .seq = 1});
  answered_by_ack(TcpState::closing, {.flags = kRst | kAck, .seq = 1000});
}

TEST(TcpInput, W52RstOutsideClosing) {
  dropped_silently(TcpState::closing, {.flags = kRst, .seq = 0xffffffff});
  dropped_silently(TcpState::closing, {.flags = kRst, .seq = 0x40000000});
  dropped_silently(TcpState::closing, {.flags = kRst | kAck, .seq = 0xffff0000});
}

TEST(TcpInput, W51RstBeatsSynClosing) {
  resets(TcpState::closing, {.flags = kRst | kSyn | kFin});
}

}  // namespace
}  // namespace pinion::testing
