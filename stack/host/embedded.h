// The embedded host: application and stack in one process. The control call is a function call,
// the rings are the same. Isolation is given up: what the application overwrites is the stack's own
// process. Regions are still sealed memfds, mapped twice, so that the core uses its own view.
//
//   EmbeddedHost host(config);                   Kernel kernel({..., .hooks = host.hooks()});
//   host.attach_kernel(kernel);                  // poll() from now on
//   const rio_transport t = host.transport();    rio_open_transport(&t, &session);
//   host.poll(now);                              // in a pinned thread, or by hand
#pragma once
#include <rio/rio.h>

#include <atomic>
#include <list>
#include <mutex>
#include <optional>

#include "host/clock.h"
#include "host/sessions.h"

namespace pinion {

class Kernel;

struct EmbeddedConfig {
  // False, "inline": one thread calls rio_* and poll(); control calls go straight to the Kernel.
  // True: another thread polls all the time, and control calls wait for it.
  bool threaded = false;
  // Inline: the time of a control call. Without, it is that of the last poll(), and what a call of
  // long after begins (a connection) may time out at once.
  Clock clock;
  SessionPolicy policy;
  SessionsConfig sessions;
};

class EmbeddedHost {
 public:
  explicit EmbeddedHost(const EmbeddedConfig& config);
  ~EmbeddedHost();
  EmbeddedHost(const EmbeddedHost&) = delete;
  EmbeddedHost& operator=(const EmbeddedHost&) = delete;

  Hooks hooks();  // for the Kernel's configuration
  void attach_kernel(Kernel& kernel) { kernel_ = &kernel; }
  // A transport for one session: rio_open_transport takes it over. Close every session before the
  // host goes.
  rio_transport transport();

  // One pass of the Kernel, and the control call that waits for it.
  void poll(Nanos now);

  // Sessions that exist, with those that are still draining.
  uint32_t sessions();

 private:
  struct Caller {
    EmbeddedHost* host = nullptr;
    HostSession* session = nullptr;
  };

  int call(Caller& caller, rio_control* message, int fds[2]);
  void close_caller(Caller* caller);
  void to_core(KernelMessage& m);
  Nanos time_of_call();
  void end(HostSession& session);
  void finish_endings();

  EmbeddedConfig config_;
  Kernel* kernel_ = nullptr;
  std::mutex mutex_;  // of everything below but the atomics
  Sessions sessions_;
  std::list<Caller> callers_;
  std::atomic<uint32_t> ending_{0};               // sessions that drain
  std::atomic<KernelMessage*> waiting_{nullptr};  // threaded: for the next poll()
  // The polling thread's own.
  std::optional<uint32_t> barrier_;  // made, to be answered
  Nanos now_ = 0;                    // of the last poll
};

}  // namespace pinion
