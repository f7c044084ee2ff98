// Two hosts, four applications and a link that fails, on one virtual clock, from one seed: the
// next thing that happens is always the earliest. Nothing else decides, so a seed is a run. One of
// the hosts may have several cores.
//
//   busy    applications send; link, ports and applications fail by the chances given
//   calm    nothing fails and nobody sends: every accepted request must complete
//   quiet   130 s: everything temporary must be gone
//   final   one datagram from each socket to its pair: each must arrive, once
//   end     sessions end: nothing is left in any table
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "kernel/kernel.h"
#include "sim/ledger.h"
#include "sim/link.h"
#include "sim/sim_app.h"
#include "sim/sim_cores.h"
#include "sim/trace.h"

namespace pinion::sim {

struct SimOptions {
  uint64_t seed = 1;
  double loss = 0, duplicate = 0, reorder = 0, corrupt = 0;
  Nanos delay = 20 * kMicro, jitter = 0;
  // Chance of each at a moment at which something may fail; those are kFaultEvery apart on average.
  double tx_full = 0, pool_dry = 0, link_down = 0, host_pause = 0, slow_reader = 0, app_end = 0;
  Nanos duration = 10 * kMilli;         // of the busy phase
  double burst = 0, complementary = 0;  // of the link, see there
  // As tx_full: one of the next allocations fails, once; the kernel is a new one.
  double alloc_fails = 0, kernel_restart = 0;
  Nanos start = kSecond;  // of the clock
  CoresPlan cores = {};   // of the first host
  bool attach = false;    // ports read long payloads from where they lie, sometimes late
};

// Options drawn from the seed: each fault is off in some seeds and frequent in others.
SimOptions options_of(uint64_t seed);

class Simulation {
 public:
  explicit Simulation(const SimOptions& options);
  ~Simulation();

  // All phases. False: failure() is the first thing that was wrong.
  bool run();
  const std::string& failure() const { return ledger_.failure(); }
  uint64_t trace_hash() const { return trace_.hash(); }
  uint64_t sent() const { return ledger_.sent(); }
  uint64_t delivered() const { return ledger_.deliveries(); }
  uint64_t handed_over() const { return hosts_[0].cores.handed_over(Stray::udp); }
  uint64_t passes() const { return passes_; }

 private:
  static constexpr uint32_t kHosts = 2, kApps = 2, kSockets = 3;

  struct AppPlace {
    std::unique_ptr<SimApp> app;  // null: ended, attaches again at `next`
    Nanos next = 0;
  };
  struct Host {
    SimCores cores;
    std::array<AppPlace, kApps> apps;
    Nanos wake = 0;
    Nanos paused_until = 0, fault_until = 0, next_fault = kNever;
  };
  struct Arrival {
    Nanos at = 0;
    uint64_t order = 0;
    uint32_t host = 0;
    Packet frame;
  };

  KernelConfig kernel_config(uint32_t host) const;
  std::vector<SocketPlan> plan_of(uint32_t host, uint32_t app) const;
  void attach(uint32_t host, uint32_t app);
  void run_until(Nanos end);
  Nanos next_event() const;
  void deliver_arrivals();
  void run_app(uint32_t host, uint32_t app);
  void inject_fault(Host& h);
  void restart(uint32_t host);
  void mend(Host& h);
  void pass(uint32_t host);
  void settle(uint32_t host);
  void check(bool good, const std::string& what);

  void busy();
  void calm();
  void quiet();
  void final_round();
  void end();

  SimOptions options_;
  Rng rng_;
  Trace trace_;
  Ledger ledger_;
  std::array<Link, kHosts> links_;  // away from that host
  std::array<Host, kHosts> hosts_;
  std::vector<Arrival> arrivals_;  // a heap, the earliest on top
  Nanos now_ = 0;
  Nanos tick_every_ = 0;
  bool sending_ = false;
  uint64_t orders_ = 0, passes_ = 0;
};

}  // namespace pinion::sim
