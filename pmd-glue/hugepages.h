// Free hugepages, as Linux tells of them: for EAL's start, and for doctor, which has no DPDK.
#pragma once
#include <cstdint>
#include <string>

namespace pinion {

inline const std::string kHugepagesOfMachine = "/sys/kernel/mm/hugepages";

// MiB in pages of every size, as EAL takes them. folder: this machine's, or a node's.
uint64_t free_hugepages_mb(const std::string& folder = kHugepagesOfMachine);

}  // namespace pinion
