// What the daemon's NICs receive and transmit, for `pinionctl capture`: whoever may connect to the
// socket (root, and the daemon's own user) gets a pcapng stream until it ends its half of the
// connection. One at a time; another one is turned away without a byte. A thread of its own, so a
// slow reader holds up nobody: what it is too slow for is lost and counted.
#pragma once
#include <string>
#include <thread>
#include <vector>

#include "config/config.h"
#include "piniond/build.h"
#include "pmd-glue/tsc_clock.h"

namespace pinion::daemon {

class Capture {
 public:
  // The ports and the clock outlive it.
  Capture(const config::Config& config, const std::vector<NicPorts>& ports, const TscClock& clock);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Makes the socket; false, and why: there are no captures then.
  bool open(const std::string& path, std::string& why);
  // In its own thread, until stop: after which what ports still sent is shown, so they end first.
  void start();
  void stop();

 private:
  struct Source {
    CaptureTap* tap;
    uint32_t interface;
    bool locked = false;
  };

  void add(const std::string& name, const std::vector<EthdevPort*>& ports);
  void run();
  void serve(int client);
  bool begin(int client);
  void lock_rings();
  bool pass_on(int client, Nanos begun, bool& more);
  bool send_all(int client, const std::string& out);
  bool wants_more(int client, int patience_ms);
  bool is_stopping() const;
  void turn_away() const;

  std::vector<std::string> interfaces_;
  std::vector<Source> sources_;
  const TscClock& clock_;
  bool lock_memory_;
  int listener_ = -1, stop_ = -1;
  std::thread thread_;
};

}  // namespace pinion::daemon
