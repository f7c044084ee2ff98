// What the tests of TCP share: one segment against one state. Each function makes a bed in that
// state, sends a segment, and says what must come of it. seq is relative to RCV.NXT, so that one
// literal stands for the same event in every state; ack, where it is not said, acknowledges
// nothing that was not acknowledged before.
#pragma once
#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <string>

#include "support/tcp_peer.h"

namespace pinion::testing {

inline constexpr uint32_t kMss = 1460;  // of the remote end's SYN, unless a test says otherwise

// Bytes whose place in a stream can be told from their value.
inline std::string stream_bytes(size_t from, size_t length) {
  std::string s(length, '\0');
  for (size_t i = 0; i < length; ++i)
    s[i] = static_cast<char>((from + i) * 7 + (from + i) / 251);
  return s;
}

// Our FIN has left and is not acknowledged.
inline bool fin_outstanding(TcpState state) {
  return state == TcpState::fin_wait_1 || state == TcpState::closing ||
         state == TcpState::last_ack;
}

inline Seg in_state(const TcpBed& bed, TcpState state, Seg seg) {
  seg.seq += bed.theirs;
  if ((seg.flags & kAck) != 0 && !seg.ack) seg.ack = bed.ours - fin_outstanding(state);
  return seg;
}

// An ACK that says where we stand, and nothing else: RFC 9293 3.10.7.4, RFC 5961.
inline void answered_by_ack(TcpState state, const Seg& seg, const TcpBedOptions& options = {}) {
  SCOPED_TRACE(tcp_state_name(state));
  TcpBed bed(state, options);
  bed.remote.sends(in_state(bed, state, seg));
  bed.remote.expects({.seq = bed.ours, .ack = bed.theirs});
  bed.remote.expects_nothing();
  if (bed.socket) bed.expects_state(state);
}

inline void dropped_silently(TcpState state, const Seg& seg, const TcpBedOptions& options = {}) {
  SCOPED_TRACE(tcp_state_name(state));
  TcpBed bed(state, options);
  EXPECT_NE(bed.remote.reaction_to(in_state(bed, state, seg)), Drop::none);
  bed.remote.expects_nothing();
  if (bed.socket) bed.expects_state(state);
}

// The connection is gone: requests fail, and what comes later belongs to nobody.
inline void resets(TcpState state, const Seg& seg, const TcpBedOptions& options = {},
                   int error = -ECONNRESET) {
  SCOPED_TRACE(tcp_state_name(state));
  TcpBed bed(state, options);
  const bool open = state == TcpState::established || state == TcpState::fin_wait_1 ||
                    state == TcpState::fin_wait_2;
  bed.socket->receive(1);
  bed.peer.poll();
  bed.remote.sends(in_state(bed, state, seg));
  bed.remote.expects_nothing();
  bed.expects_state(TcpState::closed);
  if (open) bed.socket->expects_failed(1, error);
  bed.remote.sends({.seq = bed.theirs, .ack = bed.ours});
  bed.remote.expects({.flags = kRst, .seq = bed.ours});
}

// Data of the stream leaves in segments of full size, `count` of them from relative number 1.
inline void app_sends(TcpBed& bed, uint32_t count, uint64_t context = 1) {
  bed.socket->send(stream_bytes(0, size_t{count} * kMss), context);
  bed.peer.poll(3);
}

}  // namespace pinion::testing
