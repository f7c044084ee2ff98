// See port_wake.h.
#include "host/port_wake.h"

#include <algorithm>

#include "host/mailbox.h"

namespace pinion {

namespace {

constexpr Nanos kOnItsWay = kMilli;  // an event, behind its frame

void count_one(std::atomic<uint64_t>& counter) {  // one writer
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

void WakeEvidence::hit() {
  misses_ = 0, false_alarms_ = 0;
  if (++hits_ >= kHits) state_ = WakeState::works;
}

void WakeEvidence::miss() {
  hits_ = 0;
  state_ = ++misses_ < kMisses ? WakeState::on_trial : WakeState::failed;
}

void WakeEvidence::false_alarm() {
  if (++false_alarms_ >= kFalseAlarms) state_ = WakeState::failed;
}

void WakeEvidence::nap() {
  if (state_ != WakeState::failed || ++naps_ < kNaps) return;
  *this = WakeEvidence();
}

PortWakes::PortWakes(const std::vector<PortWake>& ports, CoreLink& link)
    : link_(link), shown_(std::make_unique<Shown[]>(ports.size())) {
  for (size_t i = 0; i < ports.size(); ++i) {
    const WakeState begin = ports[i].arm != nullptr ? WakeState::on_trial : WakeState::none;
    ports_.push_back({ports[i], WakeEvidence(begin)});
    shown_[i].state.store(begin, std::memory_order_relaxed);
  }
}

// Watching again what is watched already does nothing; a device that was restarted may have another
// descriptor, or the same number for another one.
bool PortWakes::arm() {
  bool quiet = true;
  for (Watched& w : ports_) {
    w.evidence.nap();
    const WakeState state = w.evidence.state();
    if (state == WakeState::none || state == WakeState::failed) continue;
    w.fd = w.port.arm(w.port.self);
    if (w.fd >= 0) link_.watch_port(w.fd);
    // What came before it was armed makes no event.
    quiet = quiet && !w.port.waiting(w.port.self);
  }
  return quiet;
}

void PortWakes::note_events() {
  for (Watched& w : ports_) w.event = w.event || (w.fd >= 0 && link_.fired(w.fd));
}

void PortWakes::judge(bool timed_out) {
  note_events();
  for (Watched& w : ports_) w.waiting = w.fd >= 0 && w.port.waiting(w.port.self);
  const bool late = std::any_of(ports_.begin(), ports_.end(),
                                [](const Watched& w) { return w.waiting && !w.event; });
  if (timed_out && late) {
    timed_out = !link_.sleep(kOnItsWay);
    note_events();
  }
  for (size_t i = 0; i < ports_.size(); ++i) {
    Watched& w = ports_[i];
    if (w.fd < 0) continue;
    if (w.event) count_one(shown_[i].woken);
    const uint64_t taken = w.port.taken(w.port.self);
    if (w.waiting && w.event) w.evidence.hit();
    else if (w.waiting && timed_out) w.evidence.miss();
    // Frames that were taken since the last sleep may have left an event behind.
    else if (w.event && !w.waiting && taken == w.taken) w.evidence.false_alarm();
    w.taken = taken;
    shown_[i].state.store(w.evidence.state(), std::memory_order_relaxed);
  }
}

void PortWakes::disarm() {
  for (Watched& w : ports_) {
    if (w.fd >= 0) w.port.disarm(w.port.self);
    w.fd = -1, w.event = false;
  }
}

// A port that cannot be armed now cannot wake now.
bool PortWakes::all_work() const {
  return !ports_.empty() && std::all_of(ports_.begin(), ports_.end(), [](const Watched& w) {
    return w.evidence.state() == WakeState::works && w.fd >= 0;
  });
}

}  // namespace pinion
