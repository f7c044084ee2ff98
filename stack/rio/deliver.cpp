// What comes up from the network: data into posted receives (the one copy), or into chunks that are
// charged to the session; outcomes of sends; errors.
#include <algorithm>
#include <cerrno>

#include "rio/server.h"

namespace pinion {

// There is no receive for what has come. But one may have been posted since the queue was looked
// at: an application posts again between two passes what it has read. Paid for by what the last
// pass has left over; the sends in front of it start when this pass serves the sessions, or the
// next: this may be in the middle of the queue's own visit. A session that has broken the rules is
// left to that: here others are at work.
bool Server::find_receive(RequestQueue& rq, Nanos now) {
  Session& s = *rq.session;
  bool taken = false;
  while (rq.receives.front() == nullptr && rq.ready(record_) && may_work(s) && room_of(rq) == 1)
    take_next(rq, now), taken = true;
  if (!taken || s.state != Session::State::live) return false;
  note_taken(rq);
  leave(rq);
  return rq.receives.front() != nullptr;
}

Drop Server::deliver(SocketQueue& sq, const Arrival& arrival, Nanos now) {
  if (sq.state != SocketQueue::State::open || sq.session->state != Session::State::live)
    return Drop::udp_no_socket;
  RequestQueue* rq = sq.queue;
  if (rq == nullptr || !has_receive(*rq, now) || sq.waiting_count != 0) return keep(sq, arrival);
  const Request& r = *rq->receives.front();
  if (r.state != Request::State::queued) return keep(sq, arrival);  // not told yet that it failed
  const auto length = static_cast<uint32_t>(arrival.payload.size());
  const uint32_t n = std::min(length, r.length);
  if (n != 0) std::memcpy(r.base, arrival.payload.data(), n);
  finish_receive(*rq, length > r.length ? -EMSGSIZE : 0, length, &arrival);
  advance_receives(*rq);
  return Drop::none;
}

// No posted receive: the datagram waits, in chunks of the session's share.
Drop Server::keep(SocketQueue& sq, const Arrival& arrival) {
  Session& s = *sq.session;
  if (sq.waiting_count >= sq.waiting_max) {
    ++sq.socket.dropped;
    return Drop::udp_backlog_full;
  }
  const size_t size = arrival.payload.size();
  const auto pieces =
      static_cast<uint32_t>(std::max<size_t>(1, (size + Chunk::kBytes - 1) / Chunk::kBytes));
  if (!may_wait(s, pieces)) {
    ++sq.socket.dropped;
    return Drop::udp_memory_full;
  }
  Chunk* first = nullptr;
  Chunk** link = &first;
  for (uint32_t i = 0; i < pieces; ++i) {
    Chunk* c = chunks_.take();
    STACK_CHECK(c != nullptr);  // counted above
    const size_t at = size_t{i} * Chunk::kBytes;
    if (size != 0)
      std::memcpy(c->bytes, arrival.payload.data() + at,
                  std::min<size_t>(Chunk::kBytes, size - at));
    c->more = nullptr;
    *link = c, link = &c->more;
  }
  first->length = static_cast<uint32_t>(size);
  first->pieces = pieces;
  first->from = arrival.from;
  first->time = arrival.time;
  first->time_is_hardware = arrival.time_is_hardware;
  sq.waiting.push(first);
  ++sq.waiting_count;
  sq.waiting_chunks += pieces;
  set_waiting(s, s.waiting_chunks + pieces);
  return Drop::none;
}

// Has the session that many more chunks to its name? Then they are in the pool.
bool Server::may_wait(const Session& s, uint32_t pieces) {
  const uint64_t chunks = uint64_t{s.waiting_chunks} + pieces;
  if (chunks * sizeof(Chunk) > s.quota.waiting_bytes_max) return false;
  const uint32_t needed = shares_unused_ - share_unused(s) + pieces;
  const uint32_t free = chunks_.capacity() - chunks_.used();
  if (free < needed) free_dead_chunks(needed - free);
  return chunks_.capacity() - chunks_.used() >= needed;
}

void Server::set_waiting(Session& s, uint32_t chunks) {
  shares_unused_ -= share_unused(s);
  s.waiting_chunks = chunks;
  shares_unused_ += share_unused(s);
}

void Server::give_chunks(Chunk* first) {
  for (Chunk* c = first; c != nullptr;) {
    Chunk* more = c->more;
    chunks_.give(c);
    c = more;
  }
}

// The socket closes: what waits leaves its account now and goes back to the pool bit by bit.
void Server::forget_waiting(SocketQueue& sq) {
  set_waiting(*sq.session, sq.session->waiting_chunks - sq.waiting_chunks);
  sq.waiting_chunks = 0, sq.waiting_count = 0, sq.stream.front_taken = 0;
  dead_chunks_.append(sq.waiting);
}

void Server::free_dead_chunks(uint32_t at_least) {
  for (uint32_t n = 0; n < at_least;) {
    Chunk* first = dead_chunks_.pop();
    if (first == nullptr) return;
    n += first->pieces;
    give_chunks(first);
  }
}

// The first waiting datagram meets the oldest receive.
void Server::deliver_waiting(SocketQueue& sq) {
  RequestQueue& rq = *sq.queue;
  const Request& r = *rq.receives.front();
  Chunk* first = sq.waiting.pop();
  --sq.waiting_count;
  sq.waiting_chunks -= first->pieces;
  set_waiting(*sq.session, sq.session->waiting_chunks - first->pieces);
  const uint32_t n = std::min(first->length, r.length);
  uint32_t at = 0;
  for (const Chunk* c = first; c != nullptr && at < n; c = c->more) {
    const uint32_t part = std::min(Chunk::kBytes, n - at);
    std::memcpy(r.base + at, c->bytes, part);
    at += part;
  }
  const Arrival arrival{{}, first->from, sq.socket.local, first->time, first->time_is_hardware};
  finish_receive(rq, first->length > r.length ? -EMSGSIZE : 0, first->length, &arrival);
  give_chunks(first);
}

// The network's last word on a send it had accepted; exactly one for each.
void Server::sent(uint64_t token, int status, Nanos) {
  Request& r = requests_[static_cast<uint32_t>(token - 1)];
  STACK_DCHECK(r.state == Request::State::in_flight);
  if (r.queue == nullptr) {  // its session ended meanwhile
    requests_.give(&r);
    --requests_reserved_;
    return;
  }
  r.state = Request::State::done;
  r.status = status;
  RequestQueue& rq = *r.queue;
  if (rq.sends.front() != &r) return;
  complete_send(rq);
  drain_sends(rq);
}

void Server::error(SocketQueue& sq, int error, Nanos) { sq.socket.pending_error = error; }

Drop socket_deliver(Socket& sk, const Arrival& arrival, Nanos now) {
  return sk.queue->server->deliver(*sk.queue, arrival, now);
}

void socket_sent(uint64_t token, int status, Nanos now, void* context) {
  static_cast<Server*>(context)->sent(token, status, now);
}

void socket_error(Socket& sk, int error, Nanos now) {
  sk.queue->server->error(*sk.queue, error, now);
}

}  // namespace pinion
