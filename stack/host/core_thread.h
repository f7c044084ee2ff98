// A pinned thread that runs one Kernel and nothing that can block. Mail, notes and sleep go through
// its CoreLink; time comes from the Clock it is given.
//
// idle: busy (sleep_after = kNever) polls for ever. Otherwise, after sleep_after without work: mark
// (prepare_sleep), membarrier, look again, sleep until a session signals, mail comes, a port has
// its event, a deadline, or `nap`, while a port does not wake the thread. It wakes at least
// every `beat_at_least` (a quarter of core_silent_ms), so that the heartbeat goes on even for an
// application that looks at it alone and not at `sleeps`.
#pragma once
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "host/clock.h"
#include "host/mailbox.h"
#include "host/port_wake.h"
#include "host/rehearsal.h"
#include "host/signaller.h"

namespace pinion {

class Kernel;
struct KernelMessage;

struct CoreThreadConfig {
  std::string name = "pinion-core";  // of the thread; 15 bytes are shown
  int cpu = -1;                      // -1: not pinned
  Nanos sleep_after = kNever;
  Nanos nap = 0;  // longest sleep while not all of wakes work; 0: there is nothing to wait for
  Nanos beat_at_least = 250 * kMilli;
  Nanos clock_every = 100 * kMilli;  // how often applications are shown the clock
  std::vector<PortWake> wakes;       // one for each port
  std::vector<CoreLink*> peers;      // by number: the cores that this one hands over to
  bool rehearse = false;             // in silence; for one that never sleeps (rehearsal.h)
  Clock clock;
};

class CoreThread {
 public:
  CoreThread(const CoreThreadConfig& config, CoreLink& link);
  ~CoreThread() { stop(); }
  CoreThread(const CoreThread&) = delete;
  CoreThread& operator=(const CoreThread&) = delete;

  // For the Kernel's configuration: the Kernel is made after this object, and given to start().
  Hooks hooks();
  // -EINVAL: no such CPU; -ENOSYS: sleep without membarrier.
  int start(Kernel& kernel, std::string& why);
  void stop();

  // The loop's body, for a host that has its own thread. start() is then not called.
  void attach_kernel(Kernel& kernel) { kernel_ = &kernel; }
  void run_once();

  // Readable from any thread.
  uint64_t passes() const { return passes_.load(std::memory_order_relaxed); }
  uint64_t sleeps() const { return sleeps_.load(std::memory_order_relaxed); }
  uint64_t rehearsals() const { return rehearsal_ == nullptr ? 0 : rehearsal_->rounds(); }
  const Signaller& signaller() const { return signaller_; }
  bool sleeps_at_all() const { return config_.sleep_after != kNever; }
  const PortWakes& wakes() const { return wakes_; }

 private:
  int pin(std::string& why);
  KernelMessage* take_mail(Nanos now);
  void answer(KernelMessage* message);
  void sleep(Nanos now);
  bool may_sleep(Nanos now) const;
  Nanos sleep_limit(Nanos now) const;

  CoreThreadConfig config_;
  CoreLink& link_;
  Signaller signaller_;
  PortWakes wakes_;
  Kernel* kernel_ = nullptr;
  Nanos idle_since_ = 0;
  Nanos next_clock_ = 0;
  std::atomic<uint64_t> passes_{0}, sleeps_{0};
  std::atomic<bool> stop_{false};
  std::unique_ptr<Rehearsal> rehearsal_;
  std::thread thread_;
};

}  // namespace pinion
