// Kernel: the core as a deterministic function. It moves frames between ports and registered
// memory; poll(now) is the only thing that makes it work, `now` the only time it knows. Owned by a
// host (stack/host, the simulator, the packet tests); all calls on one thread.
#pragma once
#include "base/counters.h"
#include "kernel/message.h"
#include "net/net.h"
#include "rio/server.h"

namespace pinion {

struct KernelConfig {
  NetConfig net;
  ServerConfig server;
  Hooks hooks;
};

class Kernel {
 public:
  explicit Kernel(const KernelConfig& config);

  // One bounded pass: ports, sessions, timers, ports.
  void poll(Nanos now);
  // When poll() must run next although nothing arrives: `now` or earlier if there is work left,
  // kNever if nothing is pending.
  Nanos next_deadline() const;
  // The host's mailbox, or the embedded control call. Answers in place.
  void control(KernelMessage& m, Nanos now);
  // Units of work that applications caused in the last pass: never more than work_units_max.
  uint32_t work_units() const { return server_.work_units(); }
  // Did the last pass do anything?
  bool busy() const { return busy_; }

  // For a core with nothing to do; see Server.
  void keep_near() { server_.keep_near(); }

  // Sleep without a lost wake-up: prepare_sleep, a membarrier, look_again; true: stay awake.
  // wake() in either case.
  void prepare_sleep(Nanos now);
  bool look_again() const;
  void wake(Nanos now);

  // Shown to applications in every session header, and to new ones.
  void publish_clock(const rio_abi_clock& clock);

  const Counters& counters() const { return counters_; }
  const Net& net() const { return net_; }
  const Server& server() const { return server_; }

 private:
  void beat(Nanos now);
  void hand_over();

  const Recorder record_;
  void* const host_;  // Hooks::self and wake_core
  void (*const wake_core_)(void* self, uint32_t core);
  Counters counters_;
  Net net_;
  Server server_;
  Nanos next_beat_ = 0;
  bool busy_ = false;
};

}  // namespace pinion
