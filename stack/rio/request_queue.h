// The core's side of one request queue: copies slots out of shared memory once, and keeps what was
// accepted until it completes. Sends (with nops) and receives are two lists, each in order.
#pragma once
#include <rio/ring.h>

#include "base/list.h"
#include "base/recorder.h"
#include "base/types.h"
#include "rio/completion_queue.h"

namespace pinion {

struct Session;
struct SocketQueue;
struct RequestQueue;

// An accepted request, our copy. A send waits (queued), is with the network (in_flight), or has
// its outcome but waits for an earlier one (done). A receive is queued, or done when it was wrong.
struct Request {
  enum class State : uint8_t { queued, in_flight, done };
  Request* next = nullptr;
  RequestQueue* queue = nullptr;  // null: orphaned by the end of its session
  std::byte* base = nullptr;      // located slice, at the core's address
  uint64_t context = 0;
  uint32_t length = 0;
  uint32_t buffer_id = RIO_INVALID_BUFFER;  // used, if valid
  int32_t status = 0;
  Ip peer_address;
  uint64_t position = 0;  // in flight on a stream: of its first byte; of a receive: bytes it has
  uint16_t peer_port = 0;
  uint16_t flags = 0;
  uint8_t opcode = 0;
  uint8_t family = RIO_FAMILY_NONE;
  State state = State::queued;
};

// The flags of a request's completion; `unsent`: RIO_CF_UNSENT.
constexpr uint32_t outcome_flags(uint8_t opcode, uint16_t request_flags, bool unsent) {
  return opcode | (request_flags & RIO_DONT_NOTIFY ? RIO_CF_DONT_NOTIFY : 0u) |
         (unsent ? RIO_CF_UNSENT : 0u);
}

struct RequestQueue {
  // Touched on every visit.
  rio_abi_request* slots = nullptr;
  uint32_t mask = 0;
  uint32_t position = 0;  // of the next request
  CompletionQueue* receive_cq = nullptr;
  CompletionQueue* send_cq = nullptr;
  Session* session = nullptr;
  SocketQueue* socket = nullptr;
  bool hold = false;     // the last send was deferred: output waits
  bool closing = false;  // its socket was closed
  bool behind = false;   // a visit left something: completions, or sends to start
  bool drained = false;  // closing: nothing is left to complete, nothing more is taken
  bool stream = false;   // its socket's type
  bool copied = false;   // RIO_RQ_COPIED, of a stream
  uint32_t index = 0;    // in the session; also its doorbell number

  uint32_t receive_count = 0, receives_max = 0;
  uint32_t send_count = 0, sends_max = 0;
  Fifo<Request> receives;
  Fifo<Request> sends;
  Request* first_queued_send = nullptr;  // where output goes on

  rio_abi_rq* header = nullptr;
  uint64_t socket_context = 0;
  uint64_t last_active = 0;  // pass
  uint32_t commits = 0;      // last seen
  Nanos hold_since = 0;
  uint32_t buffer_id = 0;
  enum class Heat : uint8_t { cold, hot, cooling } heat = Heat::cold;
  uint32_t barrier = 0;                          // cooling: the barrier that ends it
  uint32_t hot_index = 0;                        // in the server's table of polled queues
  uint32_t receive_cq_end = 0, send_cq_end = 0;  // closing: positions that must be consumed
  bool live = false;
  bool pinned = false;  // RIO_RQ_HOT
  Link<RequestQueue> again, held, blocked, closed;

  bool ready(const Recorder& record) const {
    return record(Door::word, rio_ring_ready(&slots[position & mask].sequence, position)) != 0;
  }

  // Copies the next slot, which is ready, out; nothing of it is read a second time.
  rio_abi_request pop(const Recorder& record) {
    rio_abi_request out;
    rio_slot_copy(&out, &slots[position & mask]);
    record(Door::slot, std::as_writable_bytes(std::span{&out, 1}));
    ++position;
    return out;
  }
};

}  // namespace pinion
