// See dma_regions.h.
#include "piniond/dma_regions.h"

#include <cstring>

#include "base/check.h"

namespace pinion::daemon {

// As much as all sessions may have, each region in whole units: it never runs out before they do.
bool DmaRegions::reserve(const config::Config& config, std::string& error) {
  size_t bytes = 0;
  for (const config::Session& s : config.sessions) {
    const size_t units = SessionQuota{}.regions_max + 1;  // and the session's header
    bytes += s.sessions_max * ((size_t{s.memory_mb} << 20) + units * DmaArena::kUnitBytes);
  }
  arena_ = DmaArena::reserve(bytes, error);
  return arena_ != nullptr;
}

bool DmaRegions::serve(const std::vector<NicPorts>& ports, std::string& error) {
  bool real = false;
  for (const NicPorts& nic : ports) {
    const bool attaches = nic.port()->capabilities().tx_attach;
    STACK_CHECK(!attaches || !nic.bond);
    ports_.push_back(attaches ? &nic.device() : nullptr);
    real = real || (attaches && nic.device().needs_dma_map());
  }
  if (!real) return true;
  const int status = arena_->register_once();
  if (status != 0) error = std::string("registering memory with DPDK: ") + std::strerror(-status);
  return status == 0;
}

void DmaRegions::give(void* at, size_t) {
  arena_->give_back(static_cast<std::byte*>(at));
  mappings_.store(arena_->mappings(), std::memory_order_relaxed);
}

uint64_t DmaRegions::map(void* at, size_t) {
  uint64_t reach = 0;
  for (size_t i = 0; i < ports_.size(); ++i) {
    const EthdevPort* port = ports_[i];
    if (port == nullptr) continue;
    const bool reached =
        !port->needs_dma_map() || arena_->map(static_cast<std::byte*>(at), *port) == 0;
    if (reached) reach |= uint64_t{1} << i;
  }
  mappings_.store(arena_->mappings(), std::memory_order_relaxed);
  return reach;
}

}  // namespace pinion::daemon
