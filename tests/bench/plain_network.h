// A Network without what no gateway asks of it while it is measured.
#pragma once
#include "gateway/net/network.h"

namespace pinion::bench {

class PlainNetwork : public gateway::Network {
 public:
  void abort(gateway::SocketId stream) override { close(stream); }
  gateway::Endpoint peer_address(gateway::SocketId) const override { return {}; }
  gateway::Endpoint local_address(gateway::SocketId) const override { return {}; }
  uint64_t now_ns() const override { return 0; }
};

}  // namespace pinion::bench
