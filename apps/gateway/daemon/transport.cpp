#include "gateway/daemon/transport.h"

#include <cstdio>

#include "gateway/engine/doors.h"
#include "gateway/net/kernel_network.h"
#include "gateway/net/rio_network.h"
#ifdef PINION_EMBED
#include "piniond/embedded_stack.h"
#else
namespace pinion::daemon {
class EmbeddedStack {};  // without DPDK there is none
}  // namespace pinion::daemon
#endif

namespace pinion::gateway {

namespace {

std::unique_ptr<Network> open_rio(const NetworkConfig& sizes, rio_session* session,
                                  ControlCalls calls, std::string& why) {
  auto network = std::make_unique<RioNetwork>(sizes, session, RIO_CORE_DEFAULT, calls);
  if (network->open() == 0) return network;
  why = network->error();
  return nullptr;
}

}  // namespace

OpenNetwork::OpenNetwork() = default;

OpenNetwork::~OpenNetwork() {
  network_.reset();
  if (session_ != nullptr) rio_close(session_);
}

bool OpenNetwork::open(const Config& config, bool any_tsc, std::string& why) {
  const NetworkConfig sizes{.streams_max = streams_of(config),
                            .accepted_max = accepted_max(config),
                            .datagram_sockets_max = datagram_sockets_of(config),
                            .datagrams_max = 512};
  if (config.stack.transport == Transport::kernel) {
    network_ = std::make_unique<KernelNetwork>(sizes);
    return true;
  }
  if (config.stack.transport == Transport::embed) return open_embedded(config, any_tsc, sizes, why);
  if (rio_open(config.stack.path.c_str(), &session_) != 0) {
    why = rio_last_error();
    return false;
  }
  network_ = open_rio(sizes, session_, ControlCalls::own_thread, why);
  return network_ != nullptr;
}

#ifdef PINION_EMBED

bool OpenNetwork::open_embedded(const Config& config, bool any_tsc, const NetworkConfig& sizes,
                                std::string& why) {
  stack_ = daemon::EmbeddedStack::open(config.stack.path, any_tsc, why);
  if (stack_ == nullptr) return false;
  for (const std::string& nic : stack_->nics())
    std::printf("pinion-gateway: nic %s\n", nic.c_str());
  // The trading thread runs the stack: no other one may ask it anything.
  network_ = open_rio(sizes, stack_->session(), ControlCalls::inline_host, why);
  return network_ != nullptr;
}

void OpenNetwork::poll_stack() {
  if (stack_ != nullptr) stack_->poll();
}

void OpenNetwork::look_after() {
  if (stack_ != nullptr) stack_->look_after();
}

#else

bool OpenNetwork::open_embedded(const Config&, bool, const NetworkConfig&, std::string& why) {
  why =
      "stack: embed: this program was built without DPDK: expected {attach: SOCKET}, beside a "
      "running piniond";
  return false;
}

void OpenNetwork::poll_stack() {}
void OpenNetwork::look_after() {}

#endif

}  // namespace pinion::gateway
