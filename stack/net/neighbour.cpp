#include "net/neighbour.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/rng.h"

namespace pinion {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr Nanos kDelayFirstProbe = 5 * kSecond;  // DELAY_FIRST_PROBE_TIME (RFC 4861 10)
constexpr uint32_t kVictimSearchMax = 64;        // slots looked at for one to give up

using State = NeighbourState;

}  // namespace

NeighbourTable::NeighbourTable(const NeighbourLimits& limits) : limits_(limits) {
  STACK_CHECK(limits.neighbours_max > 0);
  STACK_CHECK(0 < limits.arp_retries && limits.arp_retries <= UINT8_MAX);
  STACK_CHECK(limits.owners_max > 0);
  parked_of_.resize(size_t{limits.owners_max} + 1);
  entries_.resize(limits.neighbours_max);
  for (uint32_t i = 0; i < entries_.size(); ++i)
    entries_[i].hash_next = i + 1 < entries_.size() ? i + 1 : kNone;
  buckets_.assign(std::bit_ceil(size_t{limits.neighbours_max} * 2), kNone);
  mask_ = static_cast<uint32_t>(buckets_.size() - 1);
  retry_ = timeout_ = delay_ = {kNone, kNone};
}

uint32_t NeighbourTable::bucket_of(uint32_t interface, Ip address) const {
  const uint64_t key = mix_words(address.hi, address.lo, limits_.secret[0], limits_.secret[1]);
  return static_cast<uint32_t>(mix64(key + interface)) & mask_;
}

Neighbour* NeighbourTable::find(uint32_t interface, Ip address) {
  for (uint32_t i = buckets_[bucket_of(interface, address)]; i != kNone;
       i = entries_[i].hash_next) {
    Neighbour& n = entries_[i];
    if (n.address == address && n.interface == interface) return &n;
  }
  return nullptr;
}

void NeighbourTable::pin(uint32_t interface, Ip address, Mac mac) {
  STACK_CHECK(find(interface, address) == nullptr);
  Neighbour* n = create(interface, address, true);
  STACK_CHECK(n != nullptr);
  n->state = State::pinned;
  n->mac = mac;
}

Neighbour* NeighbourTable::ask(uint32_t interface, Ip address, Nanos now) {
  STACK_DCHECK(find(interface, address) == nullptr);
  // Half of the table at most is questions, so that a scan cannot push out what is known.
  if (incomplete_ >= (limits_.neighbours_max + 1) / 2) return nullptr;
  Neighbour* n = create(interface, address, true);
  if (!n) return nullptr;
  n->state = State::incomplete;
  n->requests = 1;
  n->last_request = n->last_used = now;
  ++incomplete_;
  arm(*n, now);
  return n;
}

bool NeighbourTable::may_park(const Neighbour* n, uint32_t owner) const {
  if (n && n->parked >= limits_.queue_max && (n->owners & bit_of(owner)) != 0) return false;
  const uint32_t ours = limits_.parked_max / 4;
  const uint32_t share = std::max(1u, (limits_.parked_max - ours) / limits_.owners_max);
  return parked_of_[account_of(owner)] < (owner == kOurselves ? ours : share);
}

void NeighbourTable::park(Neighbour& n, Frame* frame, uint32_t owner) {
  STACK_DCHECK(n.state == State::incomplete && may_park(&n, owner));
  frame->next = nullptr;
  frame->owner = owner;
  (n.parked_tail ? n.parked_tail->next : n.parked_head) = frame;
  n.parked_tail = frame;
  n.owners |= bit_of(owner);
  ++n.parked, ++parked_, ++parked_of_[account_of(owner)];
}

Frame* NeighbourTable::unpark(Neighbour& n) {
  Frame* first = n.parked_head;
  for (const Frame* f = first; f; f = f->next)
    --parked_of_[account_of(static_cast<uint32_t>(f->owner))];
  parked_ -= n.parked;
  n.parked_head = n.parked_tail = nullptr;
  n.parked = 0;
  n.owners = 0;
  return first;
}

Learned NeighbourTable::on_reply(uint32_t interface, Ip address, Mac mac, Nanos now) {
  Neighbour* n = find(interface, address);
  if (!n) return Learned::ignored;
  switch (n->state) {
    case State::pinned: return n->mac == mac ? Learned::ignored : Learned::pinned_conflict;
    case State::incomplete: break;
    case State::probe:
      // The first request of a probe went to the known station alone: nobody else may answer it.
      if (n->requests == 1 && n->mac != mac) return Learned::ignored;
      break;
    case State::reachable: return n->mac == mac ? Learned::ignored : Learned::suspicious;
    case State::stale:
    case State::delay:  // IPv6's alone
    case State::failed:
    case State::free: return Learned::ignored;
  }
  confirm(*n, mac, now);
  return Learned::accepted;
}

Learned NeighbourTable::on_request(uint32_t interface, Ip address, Mac mac, bool to_us, Nanos now) {
  Neighbour* n = find(interface, address);
  if (!n) {
    if (!to_us) return Learned::ignored;
    n = create(interface, address, false);
    if (!n) return Learned::ignored;
    confirm(*n, mac, now);
    return Learned::accepted;
  }
  switch (n->state) {
    case State::pinned: return n->mac == mac ? Learned::ignored : Learned::pinned_conflict;
    case State::reachable:
    case State::probe:
      if (n->mac != mac) return Learned::suspicious;
      break;
    case State::incomplete:
    case State::failed:
      if (!to_us) return Learned::ignored;
      break;
    case State::stale:
    case State::delay:
    case State::free: return Learned::ignored;
  }
  confirm(*n, mac, now);
  return Learned::accepted;
}

Learned NeighbourTable::on_solicitation(uint32_t interface, Ip address, Mac mac, Nanos now) {
  Neighbour* n = find(interface, address);
  if (n == nullptr) {
    n = create(interface, address, false);
    if (n == nullptr) return Learned::ignored;
    n->mac = mac;
    become(*n, State::stale, now);
    return Learned::accepted;
  }
  switch (n->state) {
    case State::pinned: return n->mac == mac ? Learned::ignored : Learned::pinned_conflict;
    case State::stale:
    case State::reachable:
    case State::delay:
    case State::probe: return n->mac == mac ? Learned::ignored : Learned::suspicious;
    case State::incomplete:
    case State::failed: break;
    case State::free: return Learned::ignored;
  }
  n->mac = mac;
  become(*n, State::delay, now);  // stale, and what waits for it uses it now
  return Learned::accepted;
}

Learned NeighbourTable::on_advertisement(uint32_t interface, Ip address, const Advertised& said,
                                         Nanos now) {
  Neighbour* n = find(interface, address);
  if (n == nullptr) return Learned::ignored;
  const bool same = said.mac == nullptr || *said.mac == n->mac;
  switch (n->state) {
    case State::pinned: return same ? Learned::ignored : Learned::pinned_conflict;
    case State::incomplete:
      if (said.mac == nullptr) return Learned::ignored;
      n->mac = *said.mac;
      become(*n, said.solicited ? State::reachable : State::delay, now);
      return Learned::accepted;
    case State::stale:
    case State::reachable:
    case State::delay:
      if (!same) return said.override_known ? Learned::suspicious : Learned::ignored;
      if (!said.solicited) return Learned::ignored;
      become(*n, State::reachable, now);
      return Learned::accepted;
    case State::probe:
      // The first question of a probe went to the known station alone: nobody else may answer it.
      if (!same && (!said.override_known || n->requests == 1)) return Learned::ignored;
      if (same && !said.solicited) return Learned::ignored;
      if (!same) n->mac = *said.mac;
      become(*n, said.solicited ? State::reachable : State::stale, now);
      return Learned::accepted;
    case State::failed:
    case State::free: break;
  }
  return Learned::ignored;
}

void NeighbourTable::start_delay(Neighbour& n, Nanos now) {
  STACK_DCHECK(n.state == State::stale);
  become(n, State::delay, now);
}

bool NeighbourTable::start_probe(Neighbour& n, Nanos now) {
  if (n.state != State::reachable && n.state != State::stale && n.state != State::delay)
    return false;
  if (n.last_request != kNeverYet && now - n.last_request < limits_.arp_interval) return false;
  disarm(n);
  n.state = State::probe;
  n.requests = 1;
  n.last_request = now;
  arm(n, now);
  return true;
}

bool NeighbourTable::next_due(Nanos now, NeighbourEvent& event) {
  if (retry_.head != kNone && entries_[retry_.head].deadline <= now) {
    event = retry_due(entries_[retry_.head], now);
    return true;
  }
  if (timeout_.head != kNone && entries_[timeout_.head].deadline <= now) {
    event = timeout_due(entries_[timeout_.head], now);
    return true;
  }
  if (delay_.head != kNone && entries_[delay_.head].deadline <= now) {
    event = delay_due(entries_[delay_.head], now);
    return true;
  }
  return false;
}

Nanos NeighbourTable::next_deadline() const {
  const Nanos retry = retry_.head == kNone ? kNever : entries_[retry_.head].deadline;
  const Nanos timeout = timeout_.head == kNone ? kNever : entries_[timeout_.head].deadline;
  const Nanos delay = delay_.head == kNone ? kNever : entries_[delay_.head].deadline;
  return std::min({retry, timeout, delay});
}

// Asks again, gives up, or forgets that it gave up.
NeighbourEvent NeighbourTable::retry_due(Neighbour& n, Nanos now) {
  if (n.state == State::failed) {
    remove(n);
    return {};
  }
  disarm(n);
  NeighbourEvent event{NeighbourEvent::What::request_broadcast, &n};
  if (n.requests < limits_.arp_retries) {
    ++n.requests;
    n.last_request = now;
  } else {
    if (n.state == State::incomplete) --incomplete_;
    n.state = State::failed;
    event.what = NeighbourEvent::What::failed;
  }
  arm(n, now);
  return event;
}

// A neighbour in use is asked whether it is still there (RFC 1122 2.3.2.1, unicast poll); one that
// nobody used in the second half of its time is forgotten.
NeighbourEvent NeighbourTable::timeout_due(Neighbour& n, Nanos now) {
  if (n.last_used == kNeverYet || now - n.last_used > limits_.timeout / 2) {
    remove(n);
    return {};
  }
  if (!n.address.is_v4()) {
    if (n.state == State::stale) remove(n);  // nobody has used it since it became that
    else become(n, State::stale, now);
    return {};
  }
  if (start_probe(n, now)) return {NeighbourEvent::What::request_unicast, &n};
  disarm(n);  // asked a moment ago: the answer counts for another while
  arm(n, now);
  return {};
}

// RFC 4861 7.3.3: nothing has confirmed it meanwhile.
NeighbourEvent NeighbourTable::delay_due(Neighbour& n, Nanos now) {
  become(n, State::probe, now);
  n.requests = 1;
  n.last_request = now;
  return {NeighbourEvent::What::request_unicast, &n};
}

Neighbour* NeighbourTable::create(uint32_t interface, Ip address, bool for_send) {
  if (free_ == kNone) {
    const uint32_t given_up = victim(for_send);
    if (given_up == kNone) return nullptr;
    remove(entries_[given_up]);
  }
  const uint32_t index = free_;
  Neighbour& n = entries_[index];
  free_ = n.hash_next;
  n = Neighbour{};
  n.address = address;
  n.interface = interface;
  n.timer_prev = n.timer_next = kNone;
  uint32_t& bucket = buckets_[bucket_of(interface, address)];
  n.hash_next = bucket;
  bucket = index;
  ++size_;
  return &n;
}

// A slot to give up, out of a bounded sample: a failed one, else the one not used for longest. What
// a peer merely announced replaces nothing that we have used.
uint32_t NeighbourTable::victim(bool for_send) {
  const auto slots = static_cast<uint32_t>(entries_.size());
  uint32_t best = kNone;
  for (uint32_t i = 0; i < std::min(slots, kVictimSearchMax); ++i) {
    hand_ = hand_ + 1 < slots ? hand_ + 1 : 0;
    const Neighbour& n = entries_[hand_];
    if (n.state == State::failed) return hand_;
    if (n.state != State::reachable && n.state != State::stale) continue;
    if (!for_send && n.last_used != kNeverYet) continue;
    if (best == kNone || n.last_used < entries_[best].last_used) best = hand_;
  }
  return best;
}

void NeighbourTable::remove(Neighbour& n) {
  STACK_DCHECK(n.parked == 0 && n.state != State::pinned && n.state != State::free);
  disarm(n);
  const uint32_t index = index_of(n);
  uint32_t* link = &buckets_[bucket_of(n.interface, n.address)];
  while (*link != index) link = &entries_[*link].hash_next;
  *link = n.hash_next;
  if (n.state == State::incomplete) --incomplete_;
  n.state = State::free;
  n.hash_next = free_;
  free_ = index;
  --size_;
}

void NeighbourTable::confirm(Neighbour& n, Mac mac, Nanos now) {
  n.mac = mac;
  become(n, State::reachable, now);
}

void NeighbourTable::become(Neighbour& n, NeighbourState state, Nanos now) {
  disarm(n);
  if (n.state == State::incomplete) --incomplete_;
  n.state = state;
  n.requests = 0;
  arm(n, now);
}

NeighbourTable::TimerList& NeighbourTable::list_of(const Neighbour& n) {
  if (n.state == State::delay) return delay_;
  return n.state == State::reachable || n.state == State::stale ? timeout_ : retry_;
}

void NeighbourTable::arm(Neighbour& n, Nanos now) {
  STACK_DCHECK(n.deadline == kNever);
  TimerList& list = list_of(n);
  n.deadline = now + (&list == &timeout_ ? limits_.timeout
                      : &list == &delay_ ? kDelayFirstProbe
                                         : limits_.arp_interval);
  n.timer_prev = list.tail;
  n.timer_next = kNone;
  (list.tail == kNone ? list.head : entries_[list.tail].timer_next) = index_of(n);
  list.tail = index_of(n);
}

// Before the state changes: the state says in which list the neighbour is.
void NeighbourTable::disarm(Neighbour& n) {
  if (n.deadline == kNever) return;
  TimerList& list = list_of(n);
  (n.timer_prev == kNone ? list.head : entries_[n.timer_prev].timer_next) = n.timer_next;
  (n.timer_next == kNone ? list.tail : entries_[n.timer_next].timer_prev) = n.timer_prev;
  n.timer_prev = n.timer_next = kNone;
  n.deadline = kNever;
}

}  // namespace pinion
