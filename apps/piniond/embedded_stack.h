// The daemon's stack in an application's own process: the ports and the core of a piniond.yaml, for
// one session, polled by the thread that owns it. No other program is served and nothing is
// isolated: what the application overwrites is its own stack. Of the file everything counts but
// `sessions` and what is for a daemon alone (control socket, privileges, sleeping, the core's CPU).
#pragma once
#include <rio/rio.h>

#include <memory>
#include <string>
#include <vector>

namespace pinion::daemon {

class EmbeddedStack {
 public:
  // Starts DPDK, which a process can do once. any_tsc: a TSC that does not promise one rate is
  // believed, as some virtual machines need it. Null, and why.
  static std::unique_ptr<EmbeddedStack> open(const std::string& file, bool any_tsc,
                                             std::string& why);
  ~EmbeddedStack();  // what was made with the session is gone before
  EmbeddedStack(const EmbeddedStack&) = delete;
  EmbeddedStack& operator=(const EmbeddedStack&) = delete;

  rio_session* session() const;
  std::vector<std::string> nics() const;  // a line for each: its name, and what it is
  // One pass: frames in, requests, frames out.
  void poll();
  // What nobody else has time for: links, the clock's rate. Any one thread, some times a second.
  void look_after();

 private:
  struct Parts;
  explicit EmbeddedStack(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace pinion::daemon
