// Requests of streams, and what comes up from TCP: a queue's turn, FIN behind what was posted, the
// endings. Whatever ends a connection, each accepted request completes exactly once.
#include "rio/stream.h"

#include <cerrno>

#include "net/net.h"
#include "rio/server.h"

namespace pinion {

namespace {
constexpr uint32_t kAbortsPerPass = 16;
}  // namespace

int Server::check_stream(const RequestQueue& rq, const rio_abi_request& slot,
                         BufferTable::Located& data) {
  if ((slot.flags & RIO_WAITALL) != 0 && slot.opcode < RIO_OP_RECEIVE) return -EINVAL;
  const int status = check<kStreamFlags>(rq, slot, data);
  if (status != 0 || slot.opcode == RIO_OP_NOP) return status;
  if (data.bytes.empty()) return -EINVAL;  // no data is a datagram's privilege
  return slot.family == RIO_FAMILY_NONE ? 0 : -EISCONN;
}

// As accept().
void Server::accept_stream(RequestQueue& rq, const rio_abi_request& slot, Nanos now) {
  const bool receive = slot.opcode == RIO_OP_RECEIVE;
  CompletionQueue& cq = receive ? *rq.receive_cq : *rq.send_cq;
  ++cq.in_flight;
  BufferTable::Located data;
  int status = check_stream(rq, slot, data);
  if (status == 0 && receive && rq.closing) status = -ECANCELED;
  const uint32_t outstanding = receive ? rq.receive_count : rq.send_count;
  const bool over_quota = outstanding >= (receive ? rq.receives_max : rq.sends_max);
  if (over_quota) status = -ENOBUFS;
  const bool at_once =
      over_quota || (outstanding == 0 && (status != 0 || slot.opcode == RIO_OP_NOP));
  if (at_once) {
    const bool unsent = slot.opcode == RIO_OP_SEND && status != 0;
    complete(rq, cq,
             {.status = status,
              .flags = outcome_flags(slot.opcode, slot.flags, unsent),
              .context = slot.request_context});
  } else {
    append(rq, slot, data.bytes.data(), status);
  }
  if ((slot.flags & RIO_DEFER) == 0) hold(rq, false, now);
  else if (!receive) hold(rq, true, now);
  if (!receive || at_once) return;
  if (status == 0) rq.socket->stream.posted += slot.length, rq.socket->stream.room_grew = true;
  advance_stream_receives(rq);
}

// After a visit has taken what was posted: sends start, TCP is told of new room, and FIN goes
// behind the last send that was posted before shutdown or close.
void Server::stream_turn(RequestQueue& rq, uint32_t paid, Nanos now) {
  SocketQueue& sq = *rq.socket;
  Stream& st = sq.stream;
  const bool hold = rq.hold && !rq.closing && !st.shutdown_asked;
  if (!rq.behind && !hold) stream_output(rq, paid, now);
  if (st.room_grew) {
    st.room_grew = false;
    if (st.life == Stream::Life::open && !st.closed) net_.tcp().room_grew(sq.socket, now);
  }
  const bool ending = rq.closing ? !st.closed : st.shutdown_asked && !st.shut;
  if (!ending || rq.behind || rq.first_queued_send != nullptr || rq.ready(record_)) return;
  end_sending(sq, now);
}

void Server::end_sending(SocketQueue& sq, Nanos now) {
  Stream& st = sq.stream;
  if (sq.state == SocketQueue::State::closing) {
    st.closed = true;
    net_.tcp().close(sq.socket, now);
  } else if (st.life == Stream::Life::open) {
    st.shut = true;
    net_.tcp().shutdown(sq.socket, now);
  }
}

// Sends go on, then FIN. RST in their place: if asked for, if the peer must learn that nobody read
// what it sent (RFC 2525 2.17), and before there is a connection (RFC 9293 3.10.4).
void Server::close_stream(SocketQueue& sq, Nanos now) {
  Stream& st = sq.stream;
  const bool abort = sq.waiting_count != 0 || st.linger_0 || st.life == Stream::Life::connecting;
  RequestQueue* rq = sq.queue;
  sq.state = SocketQueue::State::closing;
  forget_waiting(sq);
  if (rq != nullptr) close_queue(*rq, now);
  // Without a queue nothing is left to send; the socket is free when TCP has let go, perhaps at
  // once.
  if (abort) abort_stream(sq, -ECONNABORTED, now);
  else if (rq == nullptr) end_sending(sq, now);
}

void Server::abort_stream(SocketQueue& sq, int error, Nanos now) {
  if (sq.stream.released) return;
  sq.stream.closed = true;
  net_.tcp().abort(sq.socket, error, now);
}

// The connections that nobody accepted, of listeners that were closed: a few a pass.
void Server::abort_pending(Nanos now) {
  for (uint32_t n = 0; n < kAbortsPerPass; ++n) {
    SocketQueue* listener = dying_.front();
    if (listener == nullptr) return;
    SocketQueue* sq = listener->stream.pending.pop();
    STACK_CHECK(sq != nullptr);
    sq->state = SocketQueue::State::closing;
    abort_stream(*sq, -ECONNABORTED, now);
    if (listener->stream.pending.empty()) free_socket(*listener);
  }
}

void Server::stream_connected(SocketQueue& sq) {
  sq.stream.life = Stream::Life::open;
  if (sq.queue != nullptr) again(*sq.queue);
}

SocketQueue* Server::stream_accepted(SocketQueue& listener) {
  Session& s = *listener.session;
  Stream& from = listener.stream;
  const bool room = from.pending_count < from.pending_max && s.sockets_used < s.quota.sockets_max;
  const bool live = listener.state == SocketQueue::State::open && s.state == Session::State::live;
  SocketQueue* sq =
      room && live ? new_socket(s, SocketType::stream, listener.socket.ipv6) : nullptr;
  if (sq == nullptr) return nullptr;
  if (!count_connection(*sq)) return free_socket(*sq), nullptr;
  sq->state = SocketQueue::State::pending;
  sq->waiting_max = listener.waiting_max;
  sq->socket.stream = listener.socket.stream;
  sq->socket.ttl = listener.socket.ttl, sq->socket.tos = listener.socket.tos;
  sq->stream.life = Stream::Life::open;
  sq->stream.linger_0 = from.linger_0;
  from.pending.push(sq);
  ++from.pending_count;
  return sq;
}

void Server::stream_end(SocketQueue& sq, Nanos) {
  sq.stream.ended = true;
  if (sq.queue != nullptr && sq.session->state != Session::State::ending)
    advance_stream_receives(*sq.queue);
}

void Server::stream_failed(SocketQueue& sq, int error, Nanos) {
  Stream& st = sq.stream;
  st.life = Stream::Life::failed;
  st.error = sq.socket.pending_error = error;
  forget_copied(sq);
  if (sq.queue == nullptr || sq.session->state == Session::State::ending) return;
  advance_stream_receives(*sq.queue);
  drain_stream_sends(*sq.queue);
  again(*sq.queue);
}

void Server::stream_released(SocketQueue& sq) {
  Stream& st = sq.stream;
  st.released = true;
  // Its owner had closed it, so nobody was told why it failed.
  if (st.acked != st.appended && st.life != Stream::Life::failed) {
    const int known = sq.socket.pending_error;
    st.life = Stream::Life::failed;
    st.error = known != 0 ? known : -ECONNRESET;
  }
  if (sq.queue != nullptr) again(*sq.queue);
  const bool ours = sq.state == SocketQueue::State::closing && sq.queue == nullptr;
  if (!ours || sq.session->state == Session::State::ending) return;
  if (st.pending.empty()) free_socket(sq);
  else dying_.push_back(&sq);
}

uint64_t stream_read(Socket& sk, uint32_t offset, MutableBytes out, uint64_t sum) {
  return sk.queue->server->stream_read(*sk.queue, offset, out, sum);
}

void stream_acked(Socket& sk, uint32_t bytes, Nanos) {
  sk.queue->server->stream_acked(*sk.queue, bytes);
}

uint32_t stream_room(const Socket& sk) { return sk.queue->server->stream_room(*sk.queue); }

uint32_t stream_deliver(Socket& sk, Bytes data, bool, const RxTime& came, Nanos now) {
  return sk.queue->server->stream_deliver(*sk.queue, data, came, now);
}

StreamChunk* stream_take(Socket& sk) { return sk.queue->server->stream_take(*sk.queue); }

void stream_give(Socket& sk, StreamChunk* chunk) {
  sk.queue->server->stream_give(*sk.queue, chunk);
}

void stream_connected(Socket& sk, Nanos) { sk.queue->server->stream_connected(*sk.queue); }

Socket* stream_accepted(Socket& listener, Nanos) {
  SocketQueue* sq = listener.queue->server->stream_accepted(*listener.queue);
  return sq == nullptr ? nullptr : &sq->socket;
}

void stream_end(Socket& sk, Nanos now) { sk.queue->server->stream_end(*sk.queue, now); }

void stream_failed(Socket& sk, int error, Nanos now) {
  sk.queue->server->stream_failed(*sk.queue, error, now);
}

void stream_released(Socket& sk, Nanos) { sk.queue->server->stream_released(*sk.queue); }

}  // namespace pinion
