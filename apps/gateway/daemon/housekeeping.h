// The second thread: everything for people, and whatever may wait. Serves gatewayctl and metrics,
// writes the log and the kill switch's file, reads the risk limits again.
#pragma once
#include <string>
#include <thread>

#include "gateway/control/control_server.h"
#include "gateway/control/metrics_server.h"
#include "gateway/daemon/transport.h"
#include "gateway/engine/engine.h"

namespace pinion::gateway {

class Housekeeping {
 public:
  Housekeeping(const Config& config, const std::string& config_file, Engine& engine,
               risk::KillSwitch& kill, control::Mailbox& mailbox, control::Metrics& metrics,
               OpenNetwork& network);
  ~Housekeeping() { stop(); }
  Housekeeping(const Housekeeping&) = delete;
  Housekeeping& operator=(const Housekeeping&) = delete;

  // Opens its sockets. False, and why.
  bool open(std::string& why);
  void start();
  void stop();

 private:
  using Then = control::ControlServer::Then;
  void run();
  void log();
  Then unkill(control::Answer& out);
  Then reload(control::Answer& out);
  Then latencies(control::Answer& out) const;

  Config config_;
  std::string config_file_;
  Engine& engine_;
  risk::KillSwitch& kill_;
  control::Metrics& metrics_;
  OpenNetwork& network_;
  Nanos looked_after_ = 0;  // the network
  control::ControlServer control_;
  control::MetricsServer metrics_server_;
  std::thread thread_;
  uint32_t ending_ = 0;
  uint64_t notices_lost_ = 0;
};

}  // namespace pinion::gateway
