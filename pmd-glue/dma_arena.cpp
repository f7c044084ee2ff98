// Why one arena and one registration: rte_extmem_register spends one of DPDK's memseg lists on
// every call and 22.11 has 128 of them, so regions registered one by one run out at about 120
// applications. It only notes addresses and a page size; it touches no page, asks for no
// IOVA and maps nothing, so a PROT_NONE range may be registered in whole, before there is any
// memory in it. What a device shall reach is then mapped region by region, with no limit but its
// IOMMU's. The page size given is only used for DPDK's own look-ups, not for the mapping, so
// regions of 4 KiB pages are right as well.
#include "pmd-glue/dma_arena.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pmd-glue/eal.h"
#include "pmd-glue/ethdev_port.h"

namespace pinion {
namespace {

// Above the 4 GiB where devices have their registers and interrupts, below what 39 bits reach.
constexpr uintptr_t kLowBegin = uintptr_t{1} << 32;
constexpr uintptr_t kLowEnd = uintptr_t{1} << 39;
constexpr uintptr_t kLowStep = uintptr_t{1} << 30;
constexpr size_t kPageBytes = 4096;
constexpr int kReserveFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

void* reserve_at(uintptr_t where, size_t bytes) {
  return mmap(reinterpret_cast<void*>(where), bytes, PROT_NONE,
              kReserveFlags | MAP_FIXED_NOREPLACE, -1, 0);
}

// From above: DPDK, which starts later, begins at the lower end, and evades only what is small.
std::byte* reserve_low(size_t bytes) {
  const uintptr_t highest = (kLowEnd - bytes) / kLowStep * kLowStep;
  for (uintptr_t where = highest; where >= kLowBegin; where -= kLowStep) {
    void* got = reserve_at(where, bytes);
    if (got == reinterpret_cast<void*>(where)) return static_cast<std::byte*>(got);
    if (got != MAP_FAILED) munmap(got, bytes);  // a kernel before 4.17 takes it for a hint
  }
  return nullptr;
}

// Under a sanitizer the low addresses are its own; virtual devices do not mind high ones.
std::byte* reserve_anywhere(size_t bytes) {
  const size_t spare = DmaArena::kUnitBytes;
  void* got = mmap(nullptr, bytes + spare, PROT_NONE, kReserveFlags, -1, 0);
  if (got == MAP_FAILED) return nullptr;
  const auto begin = reinterpret_cast<uintptr_t>(got);
  const uintptr_t aligned = (begin + spare - 1) / spare * spare;
  if (aligned > begin) munmap(got, aligned - begin);
  munmap(reinterpret_cast<void*>(aligned + bytes), begin + spare - aligned);
  return reinterpret_cast<std::byte*>(aligned);
}

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }
size_t whole_units(size_t bytes) { return round_up(bytes, DmaArena::kUnitBytes); }

rte_iova_t iova_of(const std::byte* address) { return reinterpret_cast<rte_iova_t>(address); }

}  // namespace

std::unique_ptr<DmaArena> DmaArena::reserve(size_t bytes, std::string& error) {
  const size_t whole = whole_units(bytes);
  if (bytes == 0 || whole < bytes || whole > kLowEnd) {
    error = "an arena of " + std::to_string(bytes) + " bytes is not possible";
    return nullptr;
  }
  std::byte* base = reserve_low(whole);
  if (base == nullptr) base = reserve_anywhere(whole);
  if (base == nullptr) {
    error = "cannot reserve " + std::to_string(whole >> 20) + " MiB of addresses (" +
            std::strerror(errno) + "); see ulimit -v";
    return nullptr;
  }
  return std::unique_ptr<DmaArena>(new DmaArena(base, whole));
}

bool DmaArena::low() const { return reinterpret_cast<uintptr_t>(base_) + bytes_ <= kLowEnd; }

DmaArena::~DmaArena() {
  if (Eal::running()) {  // else DPDK has given everything back, and must not be asked
    for (auto& [begin, region] : regions_) unmap(begin, region);
    if (registered_) rte_extmem_unregister(base_, bytes_);
  }
  munmap(base_, bytes_);
}

// First fit: regions are few and live long.
std::byte* DmaArena::take(size_t bytes) {
  const size_t whole = whole_units(bytes);
  if (bytes == 0 || whole < bytes) return nullptr;
  std::byte* gap = base_;
  for (const auto& [begin, region] : regions_) {
    if (static_cast<size_t>(begin - gap) >= whole) break;
    gap = begin + region.taken;
  }
  const auto next = regions_.lower_bound(gap);
  std::byte* end = next == regions_.end() ? base_ + bytes_ : next->first;
  if (static_cast<size_t>(end - gap) < whole) return nullptr;
  regions_[gap] = {whole, round_up(bytes, kPageBytes), {}};
  return gap;
}

// NICs under one IOMMU container share their maps: what one has unmapped, the next says EINVAL of.
bool DmaArena::unmap(std::byte* begin, Region& region) {
  bool any = false;
  while (!region.devices.empty()) {
    const int status = rte_dev_dma_unmap(region.devices.back(), begin, iova_of(begin), region.used);
    if (status != 0 && !(any && rte_errno == EINVAL)) return false;
    any = true;
    region.devices.pop_back();
  }
  return true;
}

int DmaArena::give_back(std::byte* region) {
  const auto found = regions_.find(region);
  if (found == regions_.end()) return -EINVAL;
  Region& r = found->second;
  if (!unmap(region, r)) return -EBUSY;
  void* got = mmap(region, r.taken, PROT_NONE, kReserveFlags | MAP_FIXED, -1, 0);
  if (got == MAP_FAILED) return -EBUSY;
  regions_.erase(found);
  return 0;
}

int DmaArena::register_once() {
  if (registered_) return -EALREADY;
  if (rte_extmem_register(base_, bytes_, nullptr, 0, kUnitBytes) != 0) return -rte_errno;
  registered_ = true;
  return 0;
}

int DmaArena::map(std::byte* region, const EthdevPort& port) {
  const auto found = regions_.find(region);
  if (found == regions_.end()) return -EINVAL;
  if (!registered_) return -ENOTSUP;
  if (is_mapped(region, port)) return 0;
  Region& r = found->second;
  if (rte_dev_dma_map(port.device(), region, iova_of(region), r.used) != 0) return -rte_errno;
  r.devices.push_back(port.device());
  ++maps_made_;
  return 0;
}

// While another device has the region, the map may be one that both share and must stay.
void DmaArena::forget(const EthdevPort& port) {
  for (auto& [begin, region] : regions_) {
    const auto device = std::find(region.devices.begin(), region.devices.end(), port.device());
    if (device == region.devices.end()) continue;
    if (region.devices.size() == 1) rte_dev_dma_unmap(*device, begin, iova_of(begin), region.used);
    region.devices.erase(device);
  }
}

size_t DmaArena::mappings() const {
  size_t sum = 0;
  for (const auto& [begin, region] : regions_) sum += region.devices.size();
  return sum;
}

bool DmaArena::is_mapped(const std::byte* region, const EthdevPort& port) const {
  const auto found = regions_.find(const_cast<std::byte*>(region));
  if (found == regions_.end()) return false;
  const auto& devices = found->second.devices;
  return std::find(devices.begin(), devices.end(), port.device()) != devices.end();
}

}  // namespace pinion
