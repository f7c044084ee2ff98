// Pinion embedded: a core of this process over one port, polled by the thread that owns it. The
// rings are the daemon's; the process is the application's, so nothing here is isolated.
#pragma once
#include <rio/rio.h>

#include <memory>

#include "host/embedded.h"
#include "kernel/kernel.h"
#include "pmd-glue/ethdev_port.h"
#include "pmd-glue/tsc_clock.h"

namespace pinion::demo {

class InlineStack {
 public:
  // The address is of a network of 24 bits.
  InlineStack(std::unique_ptr<EthdevPort> port, Ipv4 address, bool hugepages);
  ~InlineStack();
  InlineStack(const InlineStack&) = delete;
  InlineStack& operator=(const InlineStack&) = delete;

  void poll() { host_.poll(clock_->now()); }
  rio_session* session() const { return session_; }

 private:
  std::unique_ptr<TscClock> clock_;
  std::unique_ptr<EthdevPort> port_;
  EmbeddedHost host_;
  Kernel kernel_;
  rio_session* session_ = nullptr;
};

// An echo on such a stack over a port of any DPDK driver, until SIGTERM.
struct InlineEchoOptions {
  std::string device;
  std::string address;
  uint16_t port = 7000;
  int hugepages_mb = 0;
};
int run_inline_echo(const InlineEchoOptions& options);

}  // namespace pinion::demo
