// Ports that wake a core's sleeping thread: an event is asked for before each sleep, and what comes
// of it is evidence. A driver that takes the request promises nothing (an interrupt may be enabled
// and never fire, or fire without end), so while a port has not shown that its events come, the
// thread naps, and one that shows the opposite is asked no more. Of CoreThread.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "base/types.h"

namespace pinion {

class CoreLink;

// What a port does for it. All are called by the core's thread.
struct PortWake {
  void* self = nullptr;
  // Asks for an event at the next frame. The descriptor that becomes readable then; negative: not
  // now. Null: this port never can.
  int (*arm)(void* self) = nullptr;
  bool (*waiting)(void* self) = nullptr;    // a frame is there, for the next rx_burst
  uint64_t (*taken)(void* self) = nullptr;  // frames that rx_burst has given
  void (*disarm)(void* self) = nullptr;
};

enum class WakeState : uint8_t { none, on_trial, works, failed };

// What sleeps have shown of one port.
class WakeEvidence {
 public:
  static constexpr uint32_t kHits = 4, kMisses = 16, kFalseAlarms = 64;  // in a row
  // Naps after which one that failed is tried again: a minute of the shortest. What went wrong may
  // have been a machine that was paused.
  static constexpr uint32_t kNaps = 1 << 20;

  explicit WakeEvidence(WakeState begin = WakeState::on_trial) : state_(begin) {}
  void hit();          // the event came, and so had a frame
  void miss();         // a frame had come, and no event
  void false_alarm();  // the event came, and nothing else
  void nap();          // it was not asked
  WakeState state() const { return state_; }

 private:
  WakeState state_;
  uint32_t hits_ = 0, misses_ = 0, false_alarms_ = 0, naps_ = 0;
};

class PortWakes {
 public:
  PortWakes(const std::vector<PortWake>& ports, CoreLink& link);

  // Before a sleep. False: a frame is there already.
  bool arm();
  // After it. One that timed out beside a frame waits once more for the event, which may be on its
  // way; that ends with the trial.
  void judge(bool timed_out);
  void disarm();
  // The thread need not nap: every port of the core wakes it.
  bool all_work() const;

  // From any thread.
  WakeState state(size_t port) const { return shown_[port].state.load(std::memory_order_relaxed); }
  uint64_t woken(size_t port) const { return shown_[port].woken.load(std::memory_order_relaxed); }
  size_t size() const { return ports_.size(); }

 private:
  struct Watched {
    PortWake port;
    WakeEvidence evidence;
    int fd = -1;  // while it is armed
    bool event = false, waiting = false;
    uint64_t taken = 0;  // at the end of the last sleep
  };
  struct Shown {
    std::atomic<WakeState> state{WakeState::none};
    std::atomic<uint64_t> woken{0};  // sleeps that an event ended
  };
  void note_events();

  CoreLink& link_;
  std::vector<Watched> ports_;
  std::unique_ptr<Shown[]> shown_;
};

}  // namespace pinion
