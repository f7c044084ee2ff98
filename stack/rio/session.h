// One attached application, as the core knows it: its memory, its queues, its sockets and what it
// may use. Everything here is the core's own; only `header` and the doorbells are shared.
#pragma once
#include <rio/abi.h>

#include <memory>

#include "base/list.h"
#include "kernel/message.h"
#include "net/net.h"
#include "rio/buffer_table.h"
#include "rio/completion_queue.h"
#include "rio/request_queue.h"
#include "rio/stream.h"
#include "socket/socket.h"

namespace pinion {

class Server;

// A piece of data that waits, charged to its session: received without a receive, or sent by
// RIO_RQ_COPIED and not acknowledged.
struct Chunk {
  static constexpr uint32_t kBytes = 1984;
  Chunk* next = nullptr;  // next datagram of the socket; of a stream, its next piece
  Chunk* more = nullptr;  // next piece of this datagram
  uint32_t length = 0;    // of the whole datagram, in its first piece; of a stream, used bytes
  uint32_t pieces = 0;
  uint64_t position = 0;  // in the send stream
  Endpoint from;
  Nanos time = 0;
  bool time_is_hardware = false;
  std::byte bytes[kBytes];
};

// rio's side of one socket.
struct SocketQueue {
  Socket socket;
  Server* server = nullptr;
  Session* session = nullptr;
  RequestQueue* queue = nullptr;  // null until it is registered
  Fifo<Chunk> waiting;
  // Datagrams that wait, at most; of a stream, bytes (RIO_SO_RECEIVE_BUFFER).
  uint32_t waiting_count = 0, waiting_max = 0;
  uint32_t waiting_chunks = 0;
  uint32_t joins = 0;  // of groups
  uint32_t generation = 0;
  // pending: a connection that rio_accept has not given out yet.
  enum class State : uint8_t { free, open, closing, pending } state = State::free;
  Link<SocketQueue> of_session, dying;
  SocketQueue* next = nullptr;  // in its listener's queue
  Stream stream;
};

struct Session {
  enum class State : uint8_t { free, live, broken, ending };

  Session(uint32_t queues_capacity, uint32_t cqs_capacity, uint32_t regions, uint32_t buffers)
      : buffers(regions, buffers),
        queues(std::make_unique<RequestQueue*[]>(queues_capacity)),
        cqs(std::make_unique<CompletionQueue[]>(cqs_capacity)),
        bells(std::make_unique<uint64_t[]>(RIO_DOORBELL_WORDS)) {}

  State state = State::free;
  uint32_t id = 0;
  uint32_t user = 0;         // whose it is
  uint32_t budget = 0;       // work units left in this pass
  uint64_t budget_pass = 0;  // the pass it is for
  bool cut = false;          // its last turn ended for want of units
  bool bells_first = false;
  // Request queues with something to do, those that wait longest in front.
  List<RequestQueue, &RequestQueue::again> again;      // in its next turn
  List<RequestQueue, &RequestQueue::held> held;        // deferred sends
  List<RequestQueue, &RequestQueue::blocked> blocked;  // their completions would not fit
  List<RequestQueue, &RequestQueue::closed> closed;
  List<CompletionQueue, &CompletionQueue::signal> signals;  // due
  rio_abi_session* header = nullptr;
  uint64_t* shared_bells = nullptr;
  SessionQuota quota;
  BufferTable buffers;
  std::unique_ptr<RequestQueue*[]> queues;  // by index, null: free
  std::unique_ptr<CompletionQueue[]> cqs;
  uint32_t next_queue = 0;  // where the search for a free index begins
  uint32_t hot_queues = 0;
  uint32_t requests_reserved = 0;
  uint32_t queues_used = 0, sockets_used = 0, cqs_used = 0, joins_used = 0;
  uint32_t sleeps = 0;  // odd: marked as asleep
  uint32_t waiting_chunks = 0;
  uint32_t connections = 0;  // of its sockets, in whatever state
  List<SocketQueue, &SocketQueue::of_session> sockets;
  // Doorbells taken from shared memory and not served yet.
  uint32_t bell_group = 0;  // where answering goes on
  uint64_t bell_summary[RIO_DOORBELL_SUMMARY_WORDS] = {};
  uint64_t bells_left = 0;  // all of its words in one, behind a turn
  std::unique_ptr<uint64_t[]> bells;
  Link<Session> live;
  // Ending: what the ports must let go of before its memory may go.
  bool marked = false;
  Net::AttachMark attach_mark{};
};

}  // namespace pinion
