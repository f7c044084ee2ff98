// Stream: rio's side of one TCP connection. What was posted, what TCP has of it, what waits for a
// receive. TCP keeps no copy of what is sent: it reads the requests' registered memory, or what was
// copied of it, until the bytes are acknowledged.
//
//   stream.cpp          requests: accepted, and a queue's turn; life and death
//   stream_send.cpp     append, read, acknowledged; outcomes of sends
//   stream_receive.cpp  data into posted receives, or into chunks
//   stream_control.cpp  connect, listen, accept, options
#pragma once
#include "base/list.h"
#include "base/types.h"

namespace pinion {

struct Chunk;
struct Request;
struct SocketQueue;

struct Stream {
  // Appended and not acknowledged, at most: positions on the wire have 32 bits, and half of them
  // look backwards (RFC 9293 3.4).
  static constexpr uint64_t kUnackedMax = 1u << 30;

  enum class Life : uint8_t { idle, listening, connecting, open, failed };
  Life life = Life::idle;
  bool ended = false;           // the peer's FIN: nothing more is received
  bool shutdown_asked = false;  // FIN when everything posted before is appended
  bool shut = false;            // Tcp::shutdown was called
  bool closed = false;          // Tcp::close or abort was called
  bool released = false;        // and Tcp has let go of the socket
  bool room_grew = false;       // since Tcp was told
  bool linger_0 = false;
  bool counted = false;  // has a connection, of its session's share
  int error = 0;         // with which it failed

  // Positions in the send stream, from 0. A request's bytes lie at its own.
  //
  //   0 ... acked | in flight, read by TCP on demand ... read_to ... appended | queued requests
  uint64_t acked = 0, appended = 0;
  uint64_t read_to = 0;          // behind the highest byte that TCP has read: it may have left
  Request* reading = nullptr;    // the request that holds the highest byte read
  Request* rereading = nullptr;  // and the one read last below it
  Fifo<Chunk> copied;            // of RIO_RQ_COPIED, by position
  Chunk* copied_reading = nullptr;
  uint32_t copied_chunks = 0;

  // What waits is in SocketQueue::waiting, packed; its waiting_count counts bytes.
  uint64_t posted = 0;       // bytes of posted receives without their data
  RxTime came;               // when the last of those came that receives have got; only grows
  uint32_t front_taken = 0;  // of the first waiting chunk, delivered already
  uint32_t lent_chunks = 0;  // that Tcp holds out of order

  // A listener's connections that wait for rio_accept.
  Fifo<SocketQueue> pending;
  uint32_t pending_count = 0, pending_max = 0;
};

}  // namespace pinion
