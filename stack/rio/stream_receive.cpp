// The receiving side of streams: bytes go into posted receives (the one copy), or wait in chunks of
// the session's share, packed, so that small segments cost what they hold. One completion a
// receive, with what is there.
#include <algorithm>
#include <cerrno>
#include <new>

#include "rio/server.h"

namespace pinion {

namespace {
constexpr uint32_t kChunksPerUnit = 32;
static_assert(sizeof(StreamChunk) <= sizeof(Chunk));
static_assert(alignof(StreamChunk) <= alignof(Chunk));

uint32_t at_most(uint64_t bytes, uint64_t most) {
  return static_cast<uint32_t>(std::min(bytes, most));
}
}  // namespace

// What the peer may be told: the receives posted, and what is left of the receive buffer as far as
// the session's memory goes.
uint32_t Server::stream_room(const SocketQueue& sq) const {
  const Stream& st = sq.stream;
  const uint64_t waiting = sq.waiting_count;
  const uint64_t direct = st.posted > waiting ? st.posted - waiting : 0;
  const uint64_t over = waiting > st.posted ? waiting - st.posted : 0;
  const uint64_t buffer = sq.waiting_max > over ? sq.waiting_max - over : 0;
  const Chunk* last = sq.waiting.back();
  const uint64_t packed = last == nullptr ? 0 : Chunk::kBytes - last->length;
  const uint64_t memory = packed + uint64_t{chunk_room(*sq.session)} * Chunk::kBytes;
  return at_most(direct + std::min(buffer, memory), Stream::kUnackedMax);
}

// Chunks that may_wait() would grant.
uint32_t Server::chunk_room(const Session& s) const {
  const auto quota = static_cast<uint32_t>(
      std::min<uint64_t>(s.quota.waiting_bytes_max / sizeof(Chunk), UINT32_MAX));
  const uint32_t by_quota = quota > s.waiting_chunks ? quota - s.waiting_chunks : 0;
  const uint32_t free = chunks_.capacity() - chunks_.used();
  const uint32_t others = shares_unused_ - share_unused(s);
  return std::min(by_quota, free > others ? free - others : 0);
}

uint32_t Server::stream_deliver(SocketQueue& sq, Bytes data, const RxTime& came, Nanos now) {
  if (sq.state == SocketQueue::State::closing || sq.session->state != Session::State::live)
    return 0;
  uint32_t taken = 0;
  if (sq.queue != nullptr && sq.waiting_count == 0 && has_receive(*sq.queue, now))
    taken = fill_receives(*sq.queue, data, came);
  if (taken < data.size()) taken += keep_stream(sq, data.subspan(taken), came);
  if (sq.queue != nullptr) advance_stream_receives(*sq.queue);
  return taken;
}

// Straight into posted receives, the first for nothing. Returns how many bytes.
uint32_t Server::fill_receives(RequestQueue& rq, Bytes data, const RxTime& came) {
  uint32_t at = 0;
  rq.socket->stream.came.at_least(came);
  for (bool first = true; at < data.size(); first = false) {
    Request* r = rq.receives.front();
    if (r == nullptr || r->state != Request::State::queued) break;
    if (!first && !spend(*rq.session)) {
      leave(rq);
      break;
    }
    const uint32_t n = at_most(data.size() - at, r->length - r->position);
    std::memcpy(r->base + r->position, data.data() + at, n);
    r->position += n, at += n;
    rq.socket->stream.posted -= n;
    if ((r->flags & RIO_WAITALL) != 0 && r->position < r->length) break;
    finish_stream_receive(rq, 0);
  }
  return at;
}

// Behind what waits. Takes less than everything when memory is short.
uint32_t Server::keep_stream(SocketQueue& sq, Bytes data, const RxTime& came) {
  Session& s = *sq.session;
  uint32_t at = 0;
  while (at < data.size()) {
    Chunk* c = sq.waiting.back();
    if (c == nullptr || c->length == Chunk::kBytes) {
      c = may_wait(s, 1) ? chunks_.take() : nullptr;
      if (c == nullptr) break;
      c->more = nullptr, c->length = 0, c->pieces = 1, c->time = 0;
      sq.waiting.push(c);
      ++sq.waiting_chunks;
      set_waiting(s, s.waiting_chunks + 1);
    }
    const uint32_t n = at_most(data.size() - at, Chunk::kBytes - c->length);
    std::memcpy(c->bytes + c->length, data.data() + at, n);
    c->length += n, at += n;
    if (came.at > c->time) c->time = came.at, c->time_is_hardware = came.is_hardware;
  }
  sq.waiting_count += at;
  return at;
}

// Receives at the front that have their outcome: wrong ones, those that what waits fills, and after
// the end of the stream or the connection all of them, with what they have.
void Server::advance_stream_receives(RequestQueue& rq) {
  SocketQueue& sq = *rq.socket;
  const Stream& st = sq.stream;
  while (Request* r = rq.receives.front()) {
    const bool wrong = r->state == Request::State::done;
    const bool failed = st.life == Stream::Life::failed;
    const bool over = rq.closing || (sq.waiting_count == 0 && (st.ended || failed));
    if (!wrong && !over && sq.waiting_count == 0) return;
    if (!spend(*rq.session)) return leave(rq);
    if (wrong) {
      finish_stream_receive(rq, r->status);
    } else if (rq.closing) {
      finish_stream_receive(rq, -ECANCELED);
    } else if (over) {
      // FIN before the failure: the stream was whole.
      finish_stream_receive(rq, st.ended ? 0 : st.error);
    } else {
      fill_from_waiting(sq, *r);
      const bool full = r->position == r->length;
      const bool enough = (r->flags & RIO_WAITALL) == 0 && sq.waiting_count == 0;
      if (full || enough) finish_stream_receive(rq, 0);
    }
  }
}

// As much as a unit of work is worth.
void Server::fill_from_waiting(SocketQueue& sq, Request& r) {
  Stream& st = sq.stream;
  uint32_t freed = 0;
  while (freed < kChunksPerUnit && r.position < r.length && sq.waiting_count != 0) {
    Chunk* c = sq.waiting.front();
    const uint32_t n = at_most(c->length - st.front_taken, r.length - r.position);
    std::memcpy(r.base + r.position, c->bytes + st.front_taken, n);
    st.came.at_least({c->time, c->time_is_hardware});
    r.position += n, st.front_taken += n;
    sq.waiting_count -= n, st.posted -= n;
    if (st.front_taken < c->length) continue;
    chunks_.give(sq.waiting.pop());
    st.front_taken = 0;
    ++freed;
  }
  sq.waiting_chunks -= freed;
  set_waiting(*sq.session, sq.session->waiting_chunks - freed);
  st.room_grew = true;
}

// The oldest posted receive, with what it has.
void Server::finish_stream_receive(RequestQueue& rq, int status) {
  const Request& r = *rq.receives.front();
  SocketQueue& sq = *rq.socket;
  if (r.state == Request::State::queued) sq.stream.posted -= r.length - r.position;
  const auto bytes = static_cast<uint32_t>(r.position);
  const RxTime& came = sq.stream.came;
  const Arrival arrival{{}, sq.socket.remote, sq.socket.local, came.at, came.is_hardware};
  finish_receive(rq, status, bytes, bytes != 0 ? &arrival : nullptr);
}

StreamChunk* Server::stream_take(SocketQueue& sq) {
  Session& s = *sq.session;
  if (s.state != Session::State::live || !may_wait(s, 1)) return nullptr;
  Chunk* c = chunks_.take();
  if (c == nullptr) return nullptr;
  ++sq.stream.lent_chunks;
  set_waiting(s, s.waiting_chunks + 1);
  return new (c) StreamChunk;  // in the chunk's place, until it comes back
}

void Server::stream_give(SocketQueue& sq, StreamChunk* chunk) {
  STACK_DCHECK(sq.stream.lent_chunks > 0);
  --sq.stream.lent_chunks;
  set_waiting(*sq.session, sq.session->waiting_chunks - 1);
  chunks_.give(new (static_cast<void*>(chunk)) Chunk);
}

}  // namespace pinion
