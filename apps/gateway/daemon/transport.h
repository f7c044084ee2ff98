// The network that the configuration names: Pinion's, attached to a daemon or with the stack in
// this process, or the kernel's sockets.
//
// The stack inside is part of this one program, not of a second one: a deployment changes by a line
// of its configuration, and a gateway without it pays for DPDK's libraries with a few milliseconds
// of its start, since DPDK itself starts, and takes memory, only for `embed`.
#pragma once
#include <rio/rio.h>

#include <memory>
#include <string>

#include "gateway/config/config.h"
#include "gateway/net/network.h"

namespace pinion::daemon {
class EmbeddedStack;
}

namespace pinion::gateway {

class OpenNetwork {
 public:
  OpenNetwork();
  ~OpenNetwork();
  OpenNetwork(const OpenNetwork&) = delete;
  OpenNetwork& operator=(const OpenNetwork&) = delete;

  // any_tsc: of a stack inside (EmbeddedStack::open). False, and why.
  bool open(const Config& config, bool any_tsc, std::string& why);
  Network& get() { return *network_; }

  // The trading thread, behind each turn of the engine: what that has asked for leaves at once, and
  // what has come meanwhile is there for the next one. Nothing to do but for a stack inside.
  void poll_stack();
  // The housekeeping thread, some times a second.
  void look_after();

 private:
  bool open_embedded(const Config& config, bool any_tsc, const NetworkConfig& sizes,
                     std::string& why);

  std::unique_ptr<daemon::EmbeddedStack> stack_;
  rio_session* session_ = nullptr;  // attached
  std::unique_ptr<Network> network_;
};

}  // namespace pinion::gateway
