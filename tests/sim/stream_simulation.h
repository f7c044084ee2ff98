// Two hosts whose applications exchange streams in both directions over a link that fails, on one
// virtual clock, from one seed: as simulation.h, for TCP. One host may have several cores.
//
//   busy    connections come, go and are broken; link, ports, memory and applications fail
//   finish  nothing fails and nothing new begins: every transfer ends within two minutes
//   quiet   longer than anything temporary lives: no TCB, chunk, segment or frame is left
//   last    one connection from each application: each must work
//   quiet   and again
//   end     sessions end: nothing is left in any table
#pragma once
#include <array>
#include <memory>
#include <optional>

#include "kernel/kernel.h"
#include "sim/link.h"
#include "sim/sim_cores.h"
#include "sim/stream_app.h"

namespace pinion::sim {

// Sizes of a kernel's tables.
struct StreamTables {
  uint32_t connections = 32, segments = 1024, ooo_chunks = 64, chunks = 256, sockets = 32;
  uint32_t syn_queue = 16, tx_queue = 64;
  bool syn_cookies = true;
};

struct StreamSimOptions {
  uint64_t seed = 1;
  LinkFaults link;
  // Chance of each at a moment at which something may fail; those are 8 ticks apart on average.
  double tx_full = 0, pool_dry = 0, alloc_fails = 0, link_down = 0, host_pause = 0;
  double slow_reader = 0, app_end = 0;
  double partition = 0;  // of the link, in both directions
  Nanos partition_max = 0;
  Nanos tick = 100 * kMicro;     // between looks of an application, on average
  Nanos duration = 20 * kMilli;  // of the busy phase
  Nanos start = kSecond;         // of the clock
  uint16_t ephemeral_ports = 1000;
  Nanos initial_rto = kSecond, delayed_ack = 0, timestamp_tick = kMilli;
  StreamTables tables;
  StreamHabits habits;
  CoresPlan cores;  // of the first host
  uint32_t backlog = 4;
  uint32_t tso_bytes = 0;  // what the hosts' ports cut into segments; 0: none
  bool show = false;       // prints each segment that leaves
};

inline constexpr uint32_t kStreamTicks = 150;  // of an application, in the busy phase
// Options drawn from the seed: each fault is off in some seeds and frequent in others.
StreamSimOptions stream_options_of(uint64_t seed);

class StreamSimulation {
 public:
  explicit StreamSimulation(const StreamSimOptions& options);
  ~StreamSimulation();

  // All phases. False: failure() is the first thing that was wrong.
  bool run();
  // Runs until the first SYN; what it said. For choosing a start of the clock.
  struct FirstSyn {
    uint32_t seq = 0, timestamp = 0;
  };
  FirstSyn first_syn();

  const std::string& failure() const { return ledger_.failure(); }
  uint64_t trace_hash() const { return trace_.hash(); }
  const StreamLedger& ledger() const { return ledger_; }
  uint64_t passes() const { return passes_; }
  // Of its first core.
  const Counters& counters(uint32_t host) const {
    return hosts_[host].cores.kernels()[0]->counters();
  }
  uint64_t handed_over() const { return hosts_[0].cores.handed_over(Stray::tcp); }
  Nanos finished_in() const { return finished_in_; }

 private:
  static constexpr uint32_t kHosts = 2, kApps = 2;

  struct AppPlace {
    std::unique_ptr<StreamApp> app;  // null: ended, attaches again at `next`
    Nanos next = 0;
  };
  struct Host {
    SimCores cores;
    std::array<AppPlace, kApps> apps;
    uint64_t accept_full = 0, evicted = 0, late = 0;  // of its counters, as they were
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
  void attach(uint32_t host, uint32_t app);
  void run_until(Nanos end, bool until_idle);
  Nanos next_event() const;
  void deliver_arrivals();
  void run_app(uint32_t host, uint32_t app);
  void inject_fault(Host& h);
  void mend(Host& h);
  void pass(uint32_t host);
  void carry(uint32_t host, const Packet& frame);
  void show(uint32_t host, const testing::Decoded& decoded) const;
  bool all_idle() const;
  void check(bool good, const std::string& what);

  void busy();
  void finish();
  void quiet();
  void last_round();
  void end();

  StreamSimOptions options_;
  Rng rng_;
  Trace trace_;
  StreamLedger ledger_;
  std::array<Link, kHosts> links_;  // away from that host
  std::array<Host, kHosts> hosts_;
  std::vector<Arrival> arrivals_;  // a heap, the earliest on top
  Nanos now_ = 0;
  Nanos tick_every_ = 0;
  Nanos partition_until_ = 0;
  bool busy_ = false;
  std::optional<FirstSyn> first_syn_;
  Nanos finished_in_ = 0;
  uint64_t orders_ = 0, passes_ = 0;
};

}  // namespace pinion::sim
