// Hot to cold, and the core's sleep, without a lost wake-up: mark, have every registered process
// pass a barrier, look again, and only then stop watching (ARCHITECTURE.md 2).
#include <algorithm>

#include "rio/server.h"

namespace pinion {

using Heat = RequestQueue::Heat;

namespace {
constexpr Nanos kBarrierEvery = 50 * kMicro;
}  // namespace

// A queue that was used becomes hot; one that was idle long makes room. One that is cooling stays
// so when all places are taken: it rings when it has cooled, and the barriers stay few.
void Server::promote(RequestQueue& rq) {
  if (rq.heat == Heat::hot) return;
  if (rq.heat == Heat::cooling) {  // still polled: only the word changes
    if (hot_count_ >= config_.hot_queues_max) return;
  } else {
    const bool many_cooling = polled_.size() >= size_t{config_.hot_queues_max} * 2;
    if (many_cooling && !rq.pinned) return;
    rq.hot_index = static_cast<uint32_t>(polled_.size());
    polled_.push_back({nullptr, 0, &rq});
  }
  rq.heat = Heat::hot, ++hot_count_, ++rq.session->hot_queues;
  poll_if_hot(rq);
  rio_word_store(&rq.header->state, RIO_RQ_STATE_HOT);
  rq.last_active = pass_;
  if (hot_count_ > config_.hot_queues_max) make_cold(*rq.session);
}

// Of one session, or of all that have more than their share of the hot places.
RequestQueue* Server::oldest_hot(const Session* of, uint32_t share) {
  RequestQueue* oldest = nullptr;
  for (const Polled& p : polled_) {
    RequestQueue& rq = *p.queue;
    if (rq.heat != Heat::hot || rq.pinned) continue;
    if (of != nullptr ? rq.session != of : rq.session->hot_queues <= share) continue;
    if (oldest == nullptr || rq.last_active < oldest->last_active) oldest = &rq;
  }
  return oldest;
}

// A session makes room among its own queues before it takes from another one's share.
void Server::make_cold(Session& newcomer) {
  const auto sessions = static_cast<uint32_t>(std::max<size_t>(1, live_.size()));
  const uint32_t share = std::max(1u, config_.hot_queues_max / sessions);
  const bool own = newcomer.hot_queues > share;
  RequestQueue* oldest = own ? oldest_hot(&newcomer, 0) : oldest_hot(nullptr, share);
  if (oldest == nullptr) oldest = oldest_hot(nullptr, 0);
  if (oldest == nullptr) return;
  oldest->heat = Heat::cooling, --hot_count_, --oldest->session->hot_queues;
  oldest->barrier = 0;  // one asked for before this mark proves nothing about it
  rio_word_store(&oldest->header->state, RIO_RQ_STATE_COLD);
  barrier_wanted_ = true;
}

// Takes a queue out of the polled table; the last one moves into its place.
void Server::unpoll(RequestQueue& rq) {
  if (rq.heat == Heat::cold) return;
  if (rq.heat == Heat::hot) --hot_count_, --rq.session->hot_queues;
  rq.heat = Heat::cold;
  polled_[rq.hot_index] = polled_.back();
  polled_[rq.hot_index].queue->hot_index = rq.hot_index;
  polled_.pop_back();
}

// One barrier serves everything marked before it; another is asked for when it is answered, and not
// at once: it interrupts every application.
void Server::ask_barrier(Nanos now) {
  if (barrier_asked_ != barrier_answered_) return;
  barrier_wanted_ = false;
  next_barrier_ = now + kBarrierEvery;
  if (++barrier_asked_ == 0) ++barrier_asked_;  // 0: no barrier yet
  for (const Polled& p : polled_)
    if (p.queue->heat == Heat::cooling) p.queue->barrier = barrier_asked_;
  if (hooks_.barrier == nullptr) barrier_done(barrier_asked_);
  else hooks_.barrier(hooks_.self, barrier_asked_);
}

void Server::barrier_done(uint32_t value) {
  if (value != barrier_asked_ || barrier_answered_ == value) return;
  barrier_answered_ = value;
  for (size_t i = polled_.size(); i > 0; --i) {
    RequestQueue& rq = *polled_[i - 1].queue;
    if (rq.heat != Heat::cooling || rq.barrier != value) continue;
    // Whatever was posted before the mark was seen is visible now. Later posts ring.
    if (rq.ready(record_)) again(rq);
    unpoll(rq);
  }
}

void Server::prepare_sleep() {
  for (const Polled& p : polled_) rio_word_store(&p.queue->header->state, RIO_RQ_STATE_COLD);
  for (Session* s = live_.front(); s != nullptr; s = live_.next(s))
    rio_word_store(&s->header->sleeps, ++s->sleeps);
}

bool Server::look_again() const {
  for (const Polled& p : polled_)
    if (p.queue->ready(record_)) return true;
  for (Session* s = live_.front(); s != nullptr; s = live_.next(s)) {
    if (!s->again.empty() || !s->signals.empty()) return true;
    for (uint32_t w = 0; w < RIO_DOORBELL_SUMMARY_WORDS; ++w)
      if (s->bell_summary[w] != 0 ||
          record_(Door::word, rio_doorbell_peek(&s->header->doorbell_summary[w])) != 0)
        return true;
  }
  return false;
}

void Server::wake() {
  for (Session* s = live_.front(); s != nullptr; s = live_.next(s))
    if (s->sleeps & 1u) rio_word_store(&s->header->sleeps, ++s->sleeps);
  for (const Polled& p : polled_)
    if (p.queue->heat == Heat::hot) rio_word_store(&p.queue->header->state, RIO_RQ_STATE_HOT);
}

void Server::beat(Nanos now) {
  for (Session* s = live_.front(); s != nullptr; s = live_.next(s))
    rio_word64_store(&s->header->heartbeat_ns, static_cast<uint64_t>(now));
}

void Server::publish_clock(const rio_abi_clock& clock) {
  clock_ = clock;
  for (Session* s = live_.front(); s != nullptr; s = live_.next(s))
    rio_clock_write(&s->header->clock, &clock_);
}

}  // namespace pinion
