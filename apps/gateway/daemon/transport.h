// The network that the configuration names: Pinion's, of a running daemon, or the kernel's sockets.
#pragma once
#include <rio/rio.h>

#include <memory>
#include <string>

#include "gateway/config/config.h"
#include "gateway/net/network.h"

namespace pinion::gateway {

class OpenNetwork {
 public:
  OpenNetwork() = default;
  ~OpenNetwork();
  OpenNetwork(const OpenNetwork&) = delete;
  OpenNetwork& operator=(const OpenNetwork&) = delete;

  // False, and why.
  bool open(const Config& config, std::string& why);
  Network& get() { return *network_; }

 private:
  rio_session* session_ = nullptr;
  std::unique_ptr<Network> network_;
};

}  // namespace pinion::gateway
