// The text that names a device: "net_af_packet0,iface=veth0" or a PCI address. Completes what a
// driver wants said and its user should not have to know. Knows nothing of DPDK.
#pragma once
#include <cstdint>
#include <string>

namespace pinion {

// "net_af_packet0" of "net_af_packet0,iface=veth0".
std::string device_name(const std::string& device);

// Value of key among the arguments, "" if it is not there.
std::string device_argument(const std::string& device, const std::string& key);

// The device with the arguments that its driver needs for packets of this size, and for as many
// queues. Arguments that are there stay as they are.
std::string complete_device(const std::string& device, uint16_t mtu_bytes, uint32_t queues = 1);

// Bytes of one receive buffer that the driver insists on for these arguments; 0: whatever holds
// the MTU.
uint32_t required_buffer_bytes(const std::string& device);

}  // namespace pinion
