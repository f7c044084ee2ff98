// The sending side of streams. TCP is told of bytes (append) and reads them when it sends them,
// perhaps again, until they are acknowledged: from the registered memory of the requests in flight,
// or from the chunks that RIO_RQ_COPIED made.
#include <algorithm>
#include <bit>
#include <cerrno>

#include "net/net.h"
#include "rio/server.h"
#include "wire/checksum.h"

namespace pinion {

namespace {

bool is_in_flight(const Request& r) { return r.state == Request::State::in_flight; }
uint64_t end_of(const Request& r) { return r.position + r.length; }
uint64_t end_of(const Chunk& c) { return c.position + c.length; }

}  // namespace

// Hands queued sends over in order, all of them with one append and one output. What was taken in
// this visit has `paid` for itself.
void Server::stream_output(RequestQueue& rq, uint32_t paid, Nanos now) {
  Stream& st = rq.socket->stream;
  uint32_t bytes = 0;
  while (Request* r = rq.first_queued_send) {
    if (st.appended - st.acked >= Stream::kUnackedMax) break;  // goes on when bytes are acked
    if (paid != 0) --paid;
    else if (!spend(*rq.session)) break;
    bytes += append_stream(rq, *r);
    const bool open = is_in_flight(*r) && st.life != Stream::Life::failed;
    if (open && st.appended < end_of(*r)) break;
    ++started_;
    rq.first_queued_send = r->next;
  }
  const bool full = st.appended - st.acked >= Stream::kUnackedMax;
  if (rq.first_queued_send != nullptr && !full) leave(rq);
  if (bytes != 0) {
    net_.tcp().append(rq.socket->socket, bytes, now);
    net_.tcp().output(rq.socket->socket, now);
  }
  drain_stream_sends(rq);
}

// How many more bytes of this send TCP shall have. A send is never partial, but one of gigabytes is
// appended bit by bit.
uint32_t Server::append_stream(RequestQueue& rq, Request& r) {
  Stream& st = rq.socket->stream;
  if (r.state == Request::State::done) return 0;
  if (const int status = may_send(st); status != 0) {
    if (r.state == Request::State::queued) r.state = Request::State::done, r.status = status;
    return 0;
  }
  if (r.state == Request::State::queued) {
    r.position = st.appended;
    r.state = Request::State::in_flight;
    if (rq.copied && copy_send(*rq.socket, r)) r.state = Request::State::done;
  }
  const uint64_t room = Stream::kUnackedMax - (st.appended - st.acked);
  const uint64_t n = std::min(end_of(r) - st.appended, room);
  st.appended += n;
  return static_cast<uint32_t>(n);
}

int Server::may_send(const Stream& st) {
  switch (st.life) {
    case Stream::Life::idle:
    case Stream::Life::listening: return -ENOTCONN;
    case Stream::Life::failed: return st.error;
    case Stream::Life::connecting:
    case Stream::Life::open: break;
  }
  return st.shut || st.closed ? -EPIPE : 0;
}

// RIO_RQ_COPIED: into chunks of the session's share, packed. False when they do not last: then the
// send completes as any other, when it is acknowledged.
bool Server::copy_send(SocketQueue& sq, const Request& r) {
  Stream& st = sq.stream;
  Session& s = *sq.session;
  if (r.length > Stream::kUnackedMax - (st.appended - st.acked)) return false;
  Chunk* last = st.copied.back();
  const bool packs = last != nullptr && end_of(*last) == r.position;
  const uint32_t tail = packs ? Chunk::kBytes - last->length : 0;
  const uint32_t beyond = r.length > tail ? r.length - tail : 0;
  const uint32_t pieces = beyond / Chunk::kBytes + (beyond % Chunk::kBytes != 0);
  if (pieces != 0 && !may_wait(s, pieces)) return false;
  record_(Door::payload, {r.base, r.length});
  for (uint32_t at = 0; at < r.length;) {
    if (at != 0 || tail == 0) {
      last = chunks_.take();
      STACK_CHECK(last != nullptr);  // may_wait
      last->more = nullptr, last->length = 0, last->pieces = 1, last->position = r.position + at;
      st.copied.push(last);
    }
    const uint32_t n = std::min(r.length - at, Chunk::kBytes - last->length);
    std::memcpy(last->bytes + last->length, r.base + at, n);
    last->length += n, at += n;
  }
  st.copied_chunks += pieces;
  set_waiting(s, s.waiting_chunks + pieces);
  return true;
}

uint64_t Server::stream_read(SocketQueue& sq, uint32_t offset, MutableBytes out, uint64_t sum) {
  Stream& st = sq.stream;
  const uint64_t from = st.acked + offset;
  STACK_DCHECK(from + out.size() <= st.appended);
  for (size_t at = 0; at < out.size();) {
    Bytes piece = copied_piece(st, from + at, out.size() - at);
    if (piece.empty()) piece = registered_piece(sq, from + at, out.size() - at);
    const uint64_t part = copy_and_sum(out.data() + at, piece, 0);
    // In ones' complement a byte's shift is a turn of the sum (RFC 1071 2(B)).
    sum = checksum_join(sum, at % 2 == 0 ? part : std::rotl(part, 8));
    at += piece.size();
  }
  if (from + out.size() > st.read_to) st.read_to = from + out.size();
  return sum;
}

// The bytes from a position on, as far as they lie together: at most `most`.
Bytes Server::registered_piece(SocketQueue& sq, uint64_t at, size_t most) {
  const Request& r = request_at(sq, at);
  const auto skip = static_cast<size_t>(at - r.position);
  const MutableBytes bytes{r.base + skip, std::min(r.length - skip, most)};
  record_(Door::payload, bytes);
  return bytes;
}

// The same of what was copied; none, if it was not.
Bytes Server::copied_piece(Stream& st, uint64_t at, size_t most) {
  const Chunk* hint = st.copied_reading;
  const Chunk* c = hint != nullptr && hint->position <= at ? hint : st.copied.front();
  while (c != nullptr && end_of(*c) <= at) c = c->next;
  if (c == nullptr || c->position > at) return {};
  st.copied_reading = const_cast<Chunk*>(c);
  const auto skip = static_cast<size_t>(at - c->position);
  return {c->bytes + skip, std::min(c->length - skip, most)};
}

// Two places are remembered: new bytes are read at the one, lost ones at the other. Walks only
// over what was acknowledged or lies between.
Request& Server::request_at(SocketQueue& sq, uint64_t at) {
  Stream& st = sq.stream;
  Request* r = sq.queue->sends.front();
  if (st.rereading != nullptr && st.rereading->position <= at) r = st.rereading;
  if (st.reading != nullptr && st.reading->position <= at) r = st.reading;
  while (r != nullptr && (!is_in_flight(*r) || end_of(*r) <= at)) r = r->next;
  STACK_CHECK(r != nullptr && r->position <= at);
  (at >= st.read_to ? st.reading : st.rereading) = r;
  return *r;
}

void Server::stream_acked(SocketQueue& sq, uint32_t bytes) {
  Stream& st = sq.stream;
  st.acked += bytes;
  STACK_DCHECK(st.acked <= st.appended);
  if (st.copied_chunks != 0) free_copied(sq);
  RequestQueue* rq = sq.queue;
  if (rq == nullptr || sq.session->state == Session::State::ending) return;
  drain_stream_sends(*rq);
  if (rq->first_queued_send != nullptr) again(*rq);
}

// Completes sends from the front, as far as they have their outcome. What happened to a send in
// flight follows from its place in the stream.
void Server::drain_stream_sends(RequestQueue& rq) {
  const Stream& st = rq.socket->stream;
  const bool failed = st.life == Stream::Life::failed;
  while (const Request* r = rq.sends.front()) {
    const bool done = r->state == Request::State::done;
    const bool acked = is_in_flight(*r) && end_of(*r) <= st.acked;
    if (!done && !acked && !failed) return;
    if (!spend(*rq.session)) return leave(rq);
    if (done) {
      const bool unsent = r->opcode == RIO_OP_SEND && r->status != 0;
      finish_stream_send(rq, r->status, r->status == 0 ? r->length : 0, unsent);
    } else if (acked) {
      finish_stream_send(rq, 0, r->length, false);
    } else {
      const bool begun = is_in_flight(*r) && st.acked > r->position;
      const bool unsent = !is_in_flight(*r) || r->position >= st.read_to;
      const auto bytes = begun ? static_cast<uint32_t>(st.acked - r->position) : 0u;
      finish_stream_send(rq, st.error, bytes, unsent);
    }
  }
}

void Server::finish_stream_send(RequestQueue& rq, int status, uint32_t bytes, bool unsent) {
  Stream& st = rq.socket->stream;
  Request* r = rq.sends.pop();
  --rq.send_count;
  if (rq.first_queued_send == r) rq.first_queued_send = r->next;
  if (st.reading == r) st.reading = nullptr;
  if (st.rereading == r) st.rereading = nullptr;
  complete(rq, *rq.send_cq,
           {.status = status,
            .bytes = bytes,
            .flags = outcome_flags(r->opcode, r->flags, unsent),
            .context = r->context});
  release(rq, *r);
}

// Acknowledged chunks go back; one that is acknowledged to its last byte too, though there is room.
void Server::free_copied(SocketQueue& sq) {
  Stream& st = sq.stream;
  uint32_t freed = 0;
  while (Chunk* c = st.copied.front()) {
    if (end_of(*c) > st.acked) break;
    if (st.copied_reading == c) st.copied_reading = nullptr;
    chunks_.give(st.copied.pop());
    ++freed;
  }
  st.copied_chunks -= freed;
  set_waiting(*sq.session, sq.session->waiting_chunks - freed);
}

// Nothing is read any more.
void Server::forget_copied(SocketQueue& sq) {
  Stream& st = sq.stream;
  set_waiting(*sq.session, sq.session->waiting_chunks - st.copied_chunks);
  st.copied_chunks = 0, st.copied_reading = nullptr;
  dead_chunks_.append(st.copied);
}

}  // namespace pinion
