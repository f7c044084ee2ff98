// Stream: what a TCP connection asks of, and tells, the owner of its socket. rio/ implements these
// upcalls; nothing here knows rio. Each comes from within a call into Tcp: a received segment, a
// timer, or a call of the owner itself (so an owner must expect them before its call returns).
#pragma once
#include "base/types.h"
#include "socket/socket.h"

namespace pinion {

// ---- sending: TCP keeps no second copy of the bytes that were appended (Tcp::append)

// Copies out.size() bytes of the send stream to `out`, from `offset` bytes behind the oldest byte
// that is not acknowledged; and adds them to a checksum: the result is copy_and_sum's. They exist:
// offset + out.size() is never over what was appended and is not acknowledged yet.
uint64_t stream_read(Socket& sk, uint32_t offset, MutableBytes out, uint64_t sum);

// The `bytes` oldest bytes are acknowledged. They are never read again.
void stream_acked(Socket& sk, uint32_t bytes, Nanos now);

// ---- receiving

// How many bytes the owner can take now: posted receives, and what is left of the socket's receive
// buffer, as far as there is memory. The window that the peer is told comes of this.
uint32_t stream_room(const Socket& sk);

// The next bytes of the receive stream. Returns how many were taken; what was not counts as never
// received, and the peer sends it again (memory may run out below stream_room). `push`: the segment
// had PSH, or ends what the peer has sent for now. `came`: when the network brought them.
uint32_t stream_deliver(Socket& sk, Bytes data, bool push, const RxTime& came, Nanos now);

// Memory for data that came out of order: a piece of the session's own share, or nullptr. It goes
// back with stream_give, also when the connection ends.
struct StreamChunk {
  static constexpr uint32_t kBytes = 1984;
  StreamChunk* next = nullptr;
  uint32_t seq = 0;     // tcp's, while it holds the chunk
  uint32_t length = 0;  // bytes used
  RxTime came;          // tcp's too: when the last of them came
  std::byte bytes[kBytes];
};
StreamChunk* stream_take(Socket& sk);
void stream_give(Socket& sk, StreamChunk* chunk);

// ---- life

// connect: 0, the connection is established; sk.local and sk.remote say how.
void stream_connected(Socket& sk, Nanos now);

// A connection of a listener is established. Returns the socket that owns it from now on, with
// local and remote set by the caller afterwards; or nullptr: no room (the peer's ACK counts as
// lost). The listener's options (ttl, tos and StreamOptions) are inherited by tcp.
Socket* stream_accepted(Socket& listener, Nanos now);

// The peer sent FIN, and all its data has been delivered: the receive stream is at its end.
void stream_end(Socket& sk, Nanos now);

// The connection is gone, for this negative errno: -ECONNREFUSED, -ECONNRESET, -ETIMEDOUT,
// -EHOSTUNREACH, -ENETUNREACH, -ECONNABORTED (abort, or close with data unread), ... Nothing more
// is read or delivered. At most once; stream_released follows from within the same call if the
// owner has called close.
void stream_failed(Socket& sk, int error, Nanos now);

// After Tcp::close: every byte is acknowledged or the connection has failed, and tcp has let go of
// the socket; no upcall follows. Exactly once, possibly from within Tcp::close. (FIN-WAIT-2,
// TIME-WAIT and the like go on without an owner.)
void stream_released(Socket& sk, Nanos now);

}  // namespace pinion
