// What Linux says in /sys about the machine's NICs, and giving one to another driver. Used by the
// daemon, which looks before it starts, and by pinionctl, which changes; knows nothing of DPDK.
#pragma once
#include <string>
#include <vector>

namespace pinion {

struct NicInfo {
  std::string pci;                      // 0000:3b:00.0
  std::string model;                    // vendor:device, in hex
  std::string driver;                   // empty: none
  int numa_node = -1;                   // -1: the machine does not say
  int iommu_group = -1;                 // -1: no IOMMU is in use for it
  std::vector<std::string> interfaces;  // Linux's, and what stands on them: bonds, bridges, VLANs
};

// All Ethernet controllers of the PCI bus, by address. sys: another root in tests.
std::vector<NicInfo> list_nics(const std::string& sys = "/sys");
// One device of whatever class; false: there is none at this address.
bool find_nic(const std::string& pci, NicInfo& out, const std::string& sys = "/sys");

// Empty, or why the daemon cannot take this NIC as it is bound now, with the command that helps.
std::string check_binding(const std::string& pci, bool vfio, const std::string& sys = "/sys");

// Takes the NIC from its driver and gives it to this one; an empty name: to the one that Linux
// would have chosen. Needs root. Empty, or why it failed.
std::string bind_nic(const std::string& pci, const std::string& driver,
                     const std::string& sys = "/sys");

// Empty, or why people would miss the NIC's interfaces: the default route is theirs, or the local
// end of a TCP connection (an ssh session, say). proc: another root in tests.
std::string carries(const NicInfo& nic, const std::string& proc = "/proc");

}  // namespace pinion
