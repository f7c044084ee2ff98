// Which queues a pass looks at, and how long it may: everything is counted in units of work. One
// unit: a slot taken, with what it completes or starts at once; a send that waited, started or
// tried; a completion that waited; a bell; a visit for nothing; a signal. A session has
// requests_per_pass of them, all have work_units_max; what is left waits for the next pass in turn.
// What the network brings up is bounded by its bursts and is not counted.
#include <algorithm>
#include <bit>
#include <cerrno>

#include "rio/server.h"

namespace pinion {

namespace {
constexpr uint32_t kBellGroups = RIO_DOORBELL_WORDS / RIO_DOORBELL_GROUP;
constexpr uint32_t kBellGroupsPerTurn = 8;
constexpr uint32_t kHeldPerTurn = 8, kBlockedPerTurn = 2;
constexpr uint32_t kSendsOnFullPort = 4;  // a session's turn
constexpr uint32_t kSignalsPerPass = 4;   // a session
constexpr uint32_t kDeadChunksPerPass = 256;
constexpr uint32_t kNearPerCall = 4;
constexpr size_t kLine = 64, kLinesNear = 4;
// While the core sleeps, at what only an application changes and tells nobody of.
constexpr Nanos kBlockedLook = kMilli, kClosedLook = 10 * kMilli;

// The first group at or after `from`, in rotation, that may hold a bell.
uint32_t next_group(const uint64_t* summary, uint32_t from) {
  uint64_t bits = summary[from / 64] & ~uint64_t{0} << from % 64;
  for (uint32_t i = 0; i <= RIO_DOORBELL_SUMMARY_WORDS; ++i) {
    const uint32_t word = (from / 64 + i) % RIO_DOORBELL_SUMMARY_WORDS;
    if (i != 0) bits = summary[word];
    if (bits != 0) return word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
  }
  return kBellGroups;
}

// What every visit wants stands in the first lines of things.
template <class T>
void bring_near(const T* object) {
  const auto* at = reinterpret_cast<const std::byte*>(object);
  for (size_t i = 0; i < std::min(sizeof(T), kLinesNear * kLine); i += kLine)
    __builtin_prefetch(at + i);
}
}  // namespace

// When the queues that are polled have used up a pass, the next one begins with the sessions.
uint32_t Server::serve(Nanos now) {
  ++pass_;
  work_ = vain_ = 0;
  served_at_ = now;
  port_full_ = pass_ <= full_until_;
  const bool sessions_first = sessions_first_;
  if (sessions_first) serve_sessions(now);
  const bool cut = serve_hot(now);
  if (!sessions_first) serve_sessions(now);
  sessions_first_ = cut && !sessions_first;
  if (!dead_chunks_.empty()) free_dead_chunks(kDeadChunksPerPass);
  if (!dying_.empty()) abort_pending(now);
  if (now >= next_cold_look_) look_at_cold(now);
  if (barrier_wanted_ && now >= next_barrier_) ask_barrier(now);
  return work_ - vain_;
}

// True when the pass was over before the last of them.
bool Server::serve_hot(Nanos now) {
  sends_left_ = port_full_ ? 0 : UINT32_MAX;  // others wait for the port already
  const size_t size = polled_.size();
  size_t i = hot_hand_ < size ? hot_hand_ : 0;
  for (size_t n = size; n > 0; --n) {
    const Polled& p = polled_[i];
    // Pairs with the release in rio_ring_publish; visit() looks again with its own copy.
    if (record_(Door::word, rio_ring_ready(p.sequence, p.expected))) {
      if (work_ >= serve_max_) {
        hot_hand_ = i;
        return true;
      }
      if (p.queue->session->cut) again(*p.queue);  // behind what waits already
      else visit(*p.queue, false, now);
    }
    if (++i == size) i = 0;
  }
  return false;
}

// Most sessions in most passes: no bell and no queue that waits.
bool Server::is_idle(const Session& s) const {
  uint64_t bells = s.bells_left;
#pragma GCC unroll 8
  for (uint32_t w = 0; w < RIO_DOORBELL_SUMMARY_WORDS; ++w)
    bells |= rio_doorbell_peek(&s.header->doorbell_summary[w]);
  return record_(Door::word, bells) == 0 && s.again.empty() && s.held.empty() &&
         s.blocked.empty() && s.closed.empty();
}

// One turn each. Who got something goes to the back; who was refused, or got no turn because the
// pass was over, is in front in the next one.
void Server::serve_sessions(Nanos now) {
  Session* s = live_.front();
  for (size_t n = live_.size(); n > 0 && s != nullptr && work_ < serve_max_; --n) {
    Session* next = live_.next(s);  // serving a session may break it
    if (__builtin_expect(is_idle(*s), 1)) {
      s = next;
      continue;
    }
    const uint32_t work = work_, started = started_, refused = refused_;
    sends_left_ = port_full_ ? kSendsOnFullPort : UINT32_MAX;
    serve_session(*s, now);
    const bool got = work_ != work && (refused_ == refused || started_ != started);
    if (got && s->state == Session::State::live) live_.remove(s), live_.push_back(s);
    s = next;
  }
}

// Bells and waiting queues take turns in being first: neither can use up the budget for ever.
void Server::serve_session(Session& s, Nanos now) {
  uint64_t bells = 0;
  for (uint32_t w = 0; w < RIO_DOORBELL_SUMMARY_WORDS; ++w) {
    s.bell_summary[w] |= record_(Door::word, rio_doorbell_take(&s.header->doorbell_summary[w]));
    bells |= s.bell_summary[w];
  }
  requeue(s, now);
  s.bells_first = !s.bells_first;
  if (bells != 0 && s.bells_first) serve_bells(s, now);
  if (!s.again.empty()) serve_again(s, now);
  if (bells != 0 && !s.bells_first) serve_bells(s, now);
  if (!s.closed.empty()) reap_closed(s);
  s.cut = (bells != 0 || !s.again.empty()) && !may_work(s);
  s.bells_left = 0;
  for (const uint64_t word : s.bell_summary) s.bells_left |= word;
}

// Deferred sends leave after defer_max even without a commit; and only a look tells whether an
// application has dequeued what a queue waits for.
void Server::requeue(Session& s, Nanos now) {
  for (uint32_t n = 0; n < kHeldPerTurn; ++n) {
    RequestQueue* rq = s.held.front();
    if (rq == nullptr || now - rq->hold_since < config_.defer_max) break;
    hold(*rq, false, now);
    leave(*rq);
  }
  for (uint32_t n = 0; n < kBlockedPerTurn; ++n) {
    RequestQueue* rq = s.blocked.pop_front();
    if (rq == nullptr) break;
    again(*rq);
  }
}

// Queues that a pass left with something to do, at most once round. One that got nothing keeps its
// place.
void Server::serve_again(Session& s, Nanos now) {
  RequestQueue* rq = s.again.front();
  for (size_t n = s.again.size(); n > 0 && rq != nullptr && may_work(s); --n) {
    RequestQueue* next = s.again.next(rq);
    const Left left = visit(*rq, true, now);
    if (s.state != Session::State::live) return;
    if (left != Left::all) s.again.remove(rq);
    if (left == Left::some) s.again.push_back(rq);
    rq = next;
  }
}

// In rotation, from where the last pass stopped: low numbers do not starve high ones.
void Server::serve_bells(Session& s, Nanos now) {
  for (uint32_t n = 0; n < kBellGroupsPerTurn && may_work(s); ++n) {
    const uint32_t group = next_group(s.bell_summary, s.bell_group);
    if (group == kBellGroups) return;
    s.bell_group = group;
    if (!serve_group(s, group, now)) return;
    s.bell_group = (group + 1) % kBellGroups;
  }
}

// Answers what was taken of a group before it takes more; false: the pass is over for this session.
bool Server::serve_group(Session& s, uint32_t group, Nanos now) {
  uint64_t* bells = &s.bells[size_t{group} * RIO_DOORBELL_GROUP];
  uint64_t& summary = s.bell_summary[group / 64];
  uint64_t any = 0;
  for (uint32_t k = 0; k < RIO_DOORBELL_GROUP; ++k) any |= bells[k];
  if (any == 0) {
    summary &= ~(uint64_t{1} << group % 64);
    uint64_t* shared = &s.shared_bells[size_t{group} * RIO_DOORBELL_GROUP];
    for (uint32_t k = 0; k < RIO_DOORBELL_GROUP; ++k)
      any |= bells[k] = record_(Door::word, rio_doorbell_take(&shared[k]));
    if (any == 0) spend_in_vain(s);
  }
  for (uint32_t k = 0; k < RIO_DOORBELL_GROUP; ++k) {
    while (bells[k] != 0) {
      if (!may_work(s)) {
        summary |= uint64_t{1} << group % 64;
        return false;
      }
      const auto bit = static_cast<uint32_t>(std::countr_zero(bells[k]));
      bells[k] &= bells[k] - 1;
      answer_bell(s, (group * RIO_DOORBELL_GROUP + k) * 64 + bit, now);
      if (s.state != Session::State::live) return false;
    }
  }
  return true;
}

void Server::answer_bell(Session& s, uint32_t number, Nanos now) {
  if (number < s.quota.queues_max && s.queues[number] != nullptr) {
    visit(*s.queues[number], true, now);
    return;
  }
  charge(s);
  if (number < s.quota.queues_max) return;  // rung for nothing: only its own time is lost
  if (number - s.quota.queues_max >= s.quota.cqs_max) return;
  CompletionQueue& cq = s.cqs[number - s.quota.queues_max];
  if (cq.live) notify(cq);
}

// rio_notify: one signal, at once if something is queued already.
void Server::notify(CompletionQueue& cq) {
  if (cq.signal_fd < 0) return;
  if (!cq.read_consumed(record_)) return break_session(*cq.session, -EBADMSG);
  cq.armed = true;
  if (cq.has_notifiable()) signal(cq);
}

// A few of each session: a signal is a system call.
uint32_t Server::send_signals() {
  if (signals_due_ == 0) return 0;
  uint32_t sent = 0;
  for (Session* s = live_.front(); s != nullptr; s = live_.next(s)) {
    for (uint32_t n = 0; n < kSignalsPerPass && work_ < config_.work_units_max; ++n) {
      CompletionQueue* cq = s->signals.pop_front();
      if (cq == nullptr) break;
      --signals_due_, ++work_, ++sent;
      cq->armed = false;
      rio_count(&cq->header->signals);
      hooks_.signal(hooks_.self, s->id, cq->signal_fd);
    }
  }
  return sent;
}

// May one more request be popped? Its opcode, hence its completion queue, is not known before. -1:
// an application's position is nonsense.
int Server::room_of(const RequestQueue& rq) const {
  const int room = rq.receive_cq->room(record_);
  return room == 1 && rq.send_cq != rq.receive_cq ? rq.send_cq->room(record_) : room;
}

bool Server::room(RequestQueue& rq) {
  const int room = room_of(rq);
  if (room < 0) break_session(*rq.session, -EBADMSG);
  return room == 1;
}

// Takes what the queue holds, as far as the session's budget goes, and starts it. `rang`: someone
// asked for this visit, so a commit may have come.
Server::Left Server::visit(RequestQueue& rq, bool rang, Nanos now) {
  Session& s = *rq.session;
  if (s.state != Session::State::live || rq.drained) return Left::nothing;
  const uint32_t work = work_, started = started_, refused = refused_;
  // Before the slots: whatever was posted before this commit is then seen below.
  const uint32_t commits =
      rang || rq.hold ? record_(Door::word, rio_word_load(&rq.header->commits)) : rq.commits;
  if (rq.behind) catch_up(rq, now);
  uint32_t taken = 0;
  bool more = false, blocked = false;
  while (rq.ready(record_)) {
    more = !may_work(s);
    blocked = !more && !room(rq);
    if (more || blocked) break;
    take_next(rq, now);
    ++taken;
  }
  if (s.state != Session::State::live) return Left::nothing;
  if (taken != 0) note_taken(rq);
  if (!more && !blocked && commits != rq.commits) rq.commits = commits, hold(rq, false, now);
  if (rq.stream) stream_turn(rq, taken, now);
  else if (!rq.behind && (!rq.hold || rq.closing)) output(rq, taken, now);
  const bool idle = work_ == work;
  if (idle) spend_in_vain(s);
  if (blocked && rq.heat == RequestQueue::Heat::cold && !s.blocked.contains(&rq))
    s.blocked.push_back(&rq);
  if (!more && !rq.behind) return Left::nothing;
  again(rq);
  const bool nothing = refused_ != refused ? started_ == started : idle;
  return nothing ? Left::all : Left::some;
}

// What an earlier visit had to leave.
void Server::catch_up(RequestQueue& rq, Nanos now) {
  rq.behind = false;
  if (rq.stream) {
    advance_stream_receives(rq);
    return drain_stream_sends(rq);
  }
  advance_receives(rq);
  drain_sends(rq);
  if (!rq.behind && (!rq.hold || rq.closing)) output(rq, 0, now);
}

// A queue whose doorbell was never rung (an application with a bug) is still found, slowly. Places
// that no queue ever had are not looked at: each would be a line that nobody has near.
void Server::look_at_cold(Nanos now) {
  next_cold_look_ = now + config_.cold_look_every;
  if (queues_ever_ == 0) return;
  if (cold_hand_ >= queues_ever_) cold_hand_ = 0;
  RequestQueue& rq = queues_[cold_hand_++];
  if (rq.live && rq.heat == RequestQueue::Heat::cold && rq.ready(record_)) visit(rq, false, now);
}

// Prefetches alone: of the slots, too, which the application may be writing.
void Server::keep_near() {
  for (uint32_t n = 0; n < kNearPerCall && n < polled_.size(); ++n) {
    if (++near_hand_ >= polled_.size()) near_hand_ = 0;
    const RequestQueue& rq = *polled_[near_hand_].queue;
    bring_near(&rq);
    bring_near(rq.session);
    bring_near(rq.header);
    bring_near(rq.socket);
    for (const CompletionQueue* cq : {rq.send_cq, rq.receive_cq}) {
      bring_near(cq);
      bring_near(cq->header);
      bring_near(&cq->slots[cq->posted & cq->mask]);
      if (rq.send_cq == rq.receive_cq) break;
    }
  }
}

// Closed queues wait for the application to dequeue, which it tells nobody: looked at now and then
// (next_cold_look_ is never long before the last pass), so that they do not keep the core awake.
Nanos Server::next_deadline() const {
  if (!dead_chunks_.empty() || !dying_.empty()) return 0;
  Nanos next = kNever;
  for (Session* s = live_.front(); s != nullptr; s = live_.next(s)) {
    if (!s->again.empty() || !s->signals.empty()) return 0;
    if (!s->blocked.empty()) next = std::min(next, served_at_ + kBlockedLook);
    if (!s->closed.empty()) next = std::min(next, served_at_ + kClosedLook);
    const RequestQueue* rq = s->held.front();
    if (rq != nullptr) next = std::min(next, rq->hold_since + config_.defer_max);
  }
  return next;
}

}  // namespace pinion
