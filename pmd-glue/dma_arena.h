// One reserved range of addresses in which the host maps all memory that it shares with
// applications, so that DPDK and an IOMMU get to know of it once. The control thread's; a core only
// asks is_mapped.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct rte_device;

namespace pinion {

class EthdevPort;

class DmaArena {
 public:
  static constexpr size_t kUnitBytes = size_t{2} << 20;  // a hugepage

  // Addresses only, no memory (PROT_NONE). Before Eal::start: EAL takes the low addresses for
  // itself, and an IOMMU of few bits reaches no others. Null, and in error why.
  static std::unique_ptr<DmaArena> reserve(size_t bytes, std::string& error);
  // Before or after Eal ends; every port that is gone must have been forgotten.
  ~DmaArena();
  DmaArena(const DmaArena&) = delete;
  DmaArena& operator=(const DmaArena&) = delete;

  std::byte* base() const { return base_; }
  size_t size() const { return bytes_; }
  bool low() const;  // within reach of a 39-bit IOMMU

  // An address for a region, aligned to kUnitBytes and followed by room for bytes: map it there
  // with MAP_FIXED. Null when the arena is full.
  std::byte* take(size_t bytes);
  // The region is over: unmapped from every device, its pages replaced by PROT_NONE, its addresses
  // free. Nothing of it may be outstanding in a NIC (transmit after an unmap sends zeros silently).
  // 0; -EINVAL: not from take(); -EBUSY: a device refuses to unmap it, it stays taken.
  int give_back(std::byte* region);

  // Tells DPDK of the arena: once, after Eal::start, before map(), and only if some port is a real
  // device. net_virtio_user hands all memory that DPDK knows of to its peer by descriptor; the
  // arena has none, so in 22.11 that port no longer starts (measured).
  // 0; -EALREADY; another negative errno: DPDK said no.
  int register_once();
  // Lets the port's device reach the region, whose pages must be there. 0, also when it could
  // already; -ENOTSUP: nothing is registered, or the device cannot: give it copies; -EINVAL: not
  // from take(); another negative errno: the device said no.
  int map(std::byte* region, const EthdevPort& port);
  // The port is about to be closed: nothing is mapped for it any more.
  void forget(const EthdevPort& port);
  // Whether the port's device may be given addresses of the region. Same thread as map().
  bool is_mapped(const std::byte* region, const EthdevPort& port) const;
  size_t mappings() const;  // that are there now: one for each region and device
  uint64_t maps_made() const { return maps_made_; }

 private:
  struct Region {
    size_t taken = 0;  // whole units
    size_t used = 0;   // whole pages: what there is to map
    std::vector<rte_device*> devices;
  };
  DmaArena(std::byte* base, size_t bytes) : base_(base), bytes_(bytes) {}
  static bool unmap(std::byte* begin, Region& region);

  std::byte* base_;
  size_t bytes_;
  bool registered_ = false;
  uint64_t maps_made_ = 0;
  std::map<std::byte*, Region> regions_;  // taken
};

}  // namespace pinion
