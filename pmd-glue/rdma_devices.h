// The machine's RDMA devices, as rdma-core's libibverbs sees them. A bifurcated NIC (mlx5) is one:
// its Linux driver stays, and DPDK's drives it by verbs. Looked at before a daemon is started; the
// core itself uses none of it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace pinion {

struct RdmaDevice {
  std::string name;       // mlx5_0
  std::string pci;        // 0000:3b:00.0; empty: a device of software
  std::string interface;  // Linux's, of its first port; empty: none
  std::string firmware;
  std::string link_layer;         // Ethernet, InfiniBand
  bool active = false;            // its first port has a link
  uint64_t register_max = 0;      // bytes of one registration
  uint32_t registrations_max = 0;
};

// All of them, by name. Empty, and why: what libibverbs says; "" if it knows no device.
std::vector<RdmaDevice> list_rdma_devices(std::string& why);

// Does with `megabytes` of hugepages (0: a page of ordinary memory) what DPDK's driver does with
// all memory: registers it with the device, and gives it back. Empty, or why that failed.
std::string try_registration(const std::string& device, uint64_t megabytes);

}  // namespace pinion
