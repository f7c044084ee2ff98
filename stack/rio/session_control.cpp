// Life and death: sessions, sockets and their queues come and go. Everything that a session had
// comes back, a bounded part of it in each call.
#include <algorithm>
#include <cerrno>

#include "net/net.h"
#include "rio/server.h"

namespace pinion {

namespace {
constexpr uint32_t kCopyBytesMin = 64;       // what is attached needs no padding
constexpr uint32_t kUnitsPerEndCall = 1024;  // sockets and requests
constexpr uint32_t kReapedPerTurn = 2;
}  // namespace

Server::Server(const ServerConfig& config, const TcpConfig& tcp, Net& net, const Hooks& hooks)
    : config_(config),
      tcp_config_(tcp),
      net_(net),
      hooks_(hooks),
      record_(hooks.record),
      sockets_(config.sockets_max),
      queues_(config.request_queues_max),
      requests_(config.requests_max),
      chunks_(config.backlog_chunks) {
  STACK_CHECK(config.copy_bytes >= kCopyBytesMin && config.work_units_max >= 8);
  serve_max_ = config.work_units_max - config.work_units_max / 8;
  polled_.reserve(size_t{config.hot_queues_max} * 2 + pinned_max());
  sessions_.reserve(config.sessions_max);
  for (uint32_t i = 0; i < config.sessions_max; ++i)
    sessions_.push_back(std::make_unique<Session>(config.session_queues_max, config.session_cqs_max,
                                                  config.session_regions_max,
                                                  config.session_buffers_max));
}

void Server::control(KernelMessage& m, Nanos now) {
  switch (m.op) {
    case KernelMessage::Op::session_open: m.status = open_session(m, now); return;
    case KernelMessage::Op::session_end: m.status = end_session(m.session, now); return;
    case KernelMessage::Op::barrier_done:
      barrier_done(m.value);
      m.status = 0;
      return;
    case KernelMessage::Op::region_add:
    case KernelMessage::Op::region_remove:
    case KernelMessage::Op::application: break;
  }
  Session* s = live_session(m.session);
  if (s == nullptr) {
    m.status = -ECONNRESET;
  } else if (m.op == KernelMessage::Op::region_add) {
    m.status = s->buffers.add_region(m.region, m.base, m.size, m.reach);
  } else if (m.op == KernelMessage::Op::region_remove) {
    m.status = s->buffers.remove_region(m.region);
  } else {
    m.status = application(*s, m, now);
    m.app.status = m.status;
  }
}

Session* Server::live_session(uint32_t id) {
  if (id >= sessions_.size()) return nullptr;
  Session* s = sessions_[id].get();
  return s->state == Session::State::live ? s : nullptr;
}

int Server::open_session(KernelMessage& m, Nanos now) {
  if (m.session >= sessions_.size()) return -ENOSPC;
  Session& s = *sessions_[m.session];
  if (s.state != Session::State::free) return -EBUSY;
  if (m.base == nullptr || m.size < RIO_SESSION_REGION_BYTES) return -EINVAL;
  s.id = m.session;
  s.user = m.value;
  s.quota = m.quota;
  s.quota.queues_max = std::min(s.quota.queues_max, config_.session_queues_max);
  s.quota.cqs_max = std::min(s.quota.cqs_max, config_.session_cqs_max);
  s.buffers.open(s.quota.regions_max, s.quota.buffers_max);
  s.header = reinterpret_cast<rio_abi_session*>(m.base);
  s.shared_bells = reinterpret_cast<uint64_t*>(m.base + RIO_DOORBELL_OFFSET);
  s.budget_pass = ~uint64_t{0}, s.sleeps = 0, s.next_queue = 0, s.bell_group = 0;
  s.cut = s.bells_first = s.marked = false;
  s.header->features = config_.features;
  s.header->epoch = config_.epoch;
  s.header->session_id = s.id;
  s.header->core_silent_ms = config_.core_silent_ms;
  s.header->doorbell_words = RIO_DOORBELL_WORDS;
  rio_word64_store(&s.header->heartbeat_ns, static_cast<uint64_t>(now));
  rio_clock_write(&s.header->clock, &clock_);
  s.state = Session::State::live;
  live_.push_back(&s);
  rio_word_store(&s.header->version, RIO_ABI_VERSION);
  return 0;
}

// The session broke a rule that no request can answer for: it is not looked at any more, and the
// host is asked to end it.
void Server::break_session(Session& s, int why) {
  if (s.state != Session::State::live) return;
  s.state = Session::State::broken;
  live_.remove(&s);
  rio_word_store(reinterpret_cast<uint32_t*>(&s.header->ended), static_cast<uint32_t>(why));
  for (uint32_t i = 0; i < s.quota.cqs_max; ++i)
    if (s.cqs[i].live) rio_word_store(&s.cqs[i].header->dead, static_cast<uint32_t>(why));
  while (s.signals.pop_front() != nullptr) --signals_due_;
  if (hooks_.session_broken != nullptr) hooks_.session_broken(hooks_.self, s.id, why);
}

// -EINPROGRESS until everything is back. Once 0, the core has no pointer into the session's memory.
int Server::end_session(uint32_t id, Nanos now) {
  if (id >= sessions_.size()) return -EINVAL;
  Session& s = *sessions_[id];
  if (s.state == Session::State::free) return 0;
  if (s.state == Session::State::live) live_.remove(&s);
  s.state = Session::State::ending;
  uint32_t units = kUnitsPerEndCall;
  while (SocketQueue* sq = s.sockets.front()) {
    // Before its requests go: TCP would read them again.
    if (sq->socket.type == SocketType::stream) abort_stream(*sq, -ECONNABORTED, now);
    if (sq->queue != nullptr && !abandon_queue(*sq->queue, units)) return -EINPROGRESS;
    if (units-- == 0) return -EINPROGRESS;
    free_socket(*sq);
  }
  if (!s.marked) s.attach_mark = net_.attach_mark(), s.marked = true;
  if (!net_.let_go(s.attach_mark)) return -EINPROGRESS;
  for (uint32_t i = 0; i < s.quota.cqs_max; ++i)
    if (s.cqs[i].live) close_cq_slot(s.cqs[i]);
  for (uint32_t w = 0; w < RIO_DOORBELL_SUMMARY_WORDS; ++w) s.bell_summary[w] = 0;
  s.bells_left = 0;
  std::memset(s.bells.get(), 0, RIO_DOORBELL_WORDS * sizeof(uint64_t));
  s.header = nullptr, s.shared_bells = nullptr;
  s.state = Session::State::free;
  return 0;
}

// Receives are cancelled; sends go on. The queue is freed when all its completions were dequeued.
int Server::close_socket(Session& s, uint32_t handle, Nanos now) {
  SocketQueue* sq = find_socket(s, handle);
  if (sq == nullptr) return -EBADF;
  if (sq->socket.type == SocketType::stream) return close_stream(*sq, now), 0;
  sq->state = SocketQueue::State::closing;
  leave_groups(*sq, now);
  forget_waiting(*sq);
  if (sq->queue == nullptr) free_socket(*sq);
  else close_queue(*sq->queue, now);
  return 0;
}

void Server::close_queue(RequestQueue& rq, Nanos now) {
  rq.closing = true;
  hold(rq, false, now);
  leave(rq);
  rq.session->closed.push_back(&rq);
}

// Looks at a few closed queues: is everything popped, completed and dequeued? When everything has
// completed the socket lets go of its port, and what is posted from then on is never taken.
void Server::reap_closed(Session& s) {
  for (size_t n = std::min<size_t>(s.closed.size(), kReapedPerTurn); n > 0; --n) {
    RequestQueue* rq = s.closed.front();
    if (rq == nullptr) return;
    s.closed.remove(rq), s.closed.push_back(rq);
    SocketQueue& sq = *rq->socket;
    CompletionQueue& rcq = *rq->receive_cq;
    CompletionQueue& scq = *rq->send_cq;
    if (!rq->drained) {
      if (rq->ready(record_)) again(*rq);
      if (rq->ready(record_) || rq->receive_count != 0 || rq->send_count != 0) continue;
      if (rq->stream && !sq.stream.released) continue;
      rq->drained = true;
      unpoll(*rq);
      if (!rq->stream && sq.socket.bound) net_.udp().unbind(sq.socket);
      rq->receive_cq_end = rcq.posted, rq->send_cq_end = scq.posted;
    }
    if (!rcq.read_consumed(record_) || !scq.read_consumed(record_))
      return break_session(s, -EBADMSG);
    const bool dequeued = static_cast<int32_t>(rcq.consumed - rq->receive_cq_end) >= 0 &&
                          static_cast<int32_t>(scq.consumed - rq->send_cq_end) >= 0;
    if (!dequeued) continue;
    free_queue(*rq);
    free_socket(sq);
    spend(s);
  }
}

// The session has ended: no completion will be read. What the network still holds is orphaned, its
// Request comes back with sent(). False: not all of it yet.
bool Server::abandon_queue(RequestQueue& rq, uint32_t& units) {
  rq.first_queued_send = nullptr;
  for (Fifo<Request>* list : {&rq.receives, &rq.sends}) {
    for (; list->front() != nullptr; --units) {
      if (units == 0) return false;
      Request* r = list->pop();
      // TCP was aborted and reads nothing more.
      if (r->state == Request::State::in_flight && !rq.stream)
        r->queue = nullptr, ++requests_reserved_;
      else requests_.give(r);
    }
  }
  free_queue(rq);
  return true;
}

void Server::free_queue(RequestQueue& rq) {
  Session& s = *rq.session;
  unpoll(rq);
  s.again.remove(&rq), s.held.remove(&rq), s.blocked.remove(&rq), s.closed.remove(&rq);
  if (rq.pinned) --pinned_count_;
  rq.receive_cq->reserved -= rq.receives_max, rq.send_cq->reserved -= rq.sends_max;
  --rq.receive_cq->users, --rq.send_cq->users;
  requests_reserved_ -= rq.receives_max + rq.sends_max;
  s.requests_reserved -= rq.receives_max + rq.sends_max;
  s.buffers.unuse(rq.buffer_id);
  s.queues[rq.index] = nullptr, --s.queues_used;
  rq.socket->queue = nullptr;
  rq.live = false;
  queues_.give(&rq);
}

void Server::free_socket(SocketQueue& sq) {
  forget_waiting(sq);
  leave_groups(sq, served_at_);
  if (sq.socket.type == SocketType::stream) forget_copied(sq), dying_.remove(&sq), --streams_;
  else if (sq.socket.bound) net_.udp().unbind(sq.socket);
  uncount_connection(sq);
  Session& s = *sq.session;
  s.sockets.remove(&sq);
  --s.sockets_used;
  sq.state = SocketQueue::State::free;
  constexpr uint32_t kGenerations = 1u << (32 - RIO_BUFFER_INDEX_BITS);
  sq.generation = (sq.generation + 1) % (kGenerations - 1);
  sockets_.give(&sq);
}

void Server::close_cq_slot(CompletionQueue& cq) {
  Session& s = *cq.session;
  if (s.signals.contains(&cq)) s.signals.remove(&cq), --signals_due_;
  s.buffers.unuse(cq.buffer_id);
  if (cq.signal_fd >= 0 && hooks_.release_fd != nullptr)
    hooks_.release_fd(hooks_.self, cq.signal_fd);
  cq.live = false, cq.signal_fd = -1, cq.armed = false;
  cq.generation = (cq.generation + 1) & ((1u << (32 - RIO_BUFFER_INDEX_BITS)) - 1);
  --s.cqs_used;
}

Server::Usage Server::usage() const {
  return {static_cast<uint32_t>(live_.size()),
          sockets_.used(),
          queues_.used(),
          requests_.used(),
          chunks_.used(),
          hot_count_,
          streams_};
}

}  // namespace pinion
