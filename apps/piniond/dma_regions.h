// Where the daemon maps what it shares with applications, and which NIC can transmit from there:
// the host's AddressArena over pmd-glue's DmaArena. The control thread's.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "host/sessions.h"
#include "piniond/build.h"
#include "pmd-glue/dma_arena.h"
#include "pmd-glue/ethdev_port.h"

namespace pinion::daemon {

class DmaRegions final : public AddressArena {
 public:
  // Before EAL starts, which takes the low addresses for itself. False, and in error why.
  bool reserve(const config::Config& config, std::string& error);
  // After the ports were opened; in map's answer each has its place in this order.
  bool serve(const std::vector<NicPorts>& ports, std::string& error);

  void* take(size_t bytes) override { return arena_->take(bytes); }
  // A region that a NIC does not let go of stays taken: better addresses lost than sent from.
  void give(void* at, size_t bytes) override;
  // A port that cannot reach the region gets copies.
  uint64_t map(void* at, size_t bytes) override;
  // Regions that NICs reach through the IOMMU, each once a NIC. Any thread's.
  size_t mappings() const { return mappings_.load(std::memory_order_relaxed); }

 private:
  std::unique_ptr<DmaArena> arena_;
  std::atomic<size_t> mappings_{0};
  std::vector<const EthdevPort*> ports_;  // null: gets copies
};

}  // namespace pinion::daemon
