#include "gateway/daemon/transport.h"

#include "gateway/net/kernel_network.h"
#include "gateway/net/rio_network.h"

namespace pinion::gateway {

namespace {

// Each client may reconnect while its old connection ends; lines, re-requests, snapshot, venue.
uint32_t streams_of(const Config& config) {
  return static_cast<uint32_t>(config.clients.size()) * 3 + 16;
}

}  // namespace

OpenNetwork::~OpenNetwork() {
  network_.reset();
  if (session_ != nullptr) rio_close(session_);
}

bool OpenNetwork::open(const Config& config, std::string& why) {
  const NetworkConfig sizes{.streams_max = streams_of(config), .datagrams_max = 512};
  if (config.stack.transport == Transport::kernel) {
    network_ = std::make_unique<KernelNetwork>(sizes);
    return true;
  }
  if (config.stack.transport == Transport::embed) {
    why = "stack: embed is not built into this program: expected {attach: SOCKET}, beside a "
          "running piniond";
    return false;
  }
  if (rio_open(config.stack.path.c_str(), &session_) != 0) {
    why = rio_last_error();
    return false;
  }
  auto network = std::make_unique<RioNetwork>(sizes, session_, 0);
  if (network->open() != 0) {
    why = network->error();
    return false;
  }
  network_ = std::move(network);
  return true;
}

}  // namespace pinion::gateway
