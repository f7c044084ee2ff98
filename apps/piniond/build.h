// From a checked configuration to what the parts of the daemon are constructed with.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "host/attach_server.h"
#include "host/core_thread.h"
#include "kernel/kernel.h"
#include "pmd-glue/eal.h"
#include "pmd-glue/ethdev_port.h"
#include "pmd-glue/tsc_clock.h"
#include "port/bond_port.h"

namespace pinion::daemon {

// The ports of one NIC of the configuration, and the one that the core sees.
struct NicPorts {
  std::unique_ptr<EthdevPort> device, backup;  // backup: null without
  std::unique_ptr<BondPort> bond;              // over both

  Port* port() const { return bond ? static_cast<Port*>(bond.get()) : device.get(); }
};

EalConfig eal_config(const config::Config& config);
PortConfig port_config(const config::Config& config, const config::Nic& nic,
                       const config::Device& device);
// ports[i] is the port of nics[i].
KernelConfig kernel_config(const config::Config& config, const std::vector<Port*>& ports);
CoreThreadConfig core_config(const config::Config& config, const std::vector<NicPorts>& ports,
                             const Clock& clock);
AttachServerConfig attach_config(const config::Config& config, AddressArena* arena);
Clock clock_of(TscClock& tsc);

// The ports of all NICs, in their order. False, and why.
bool open_ports(const config::Config& config, std::vector<NicPorts>& ports, std::string& why);
// A line for each port: its name, and what it is.
std::vector<std::pair<std::string, std::string>> describe_ports(
    const config::Config& config, const std::vector<NicPorts>& ports);
// Some times a second: links, and NICs that have stopped. True: a link has come or gone.
bool look_after_ports(std::vector<NicPorts>& ports, TscClock& clock);
// Links that another one could stand in for, as often as their loss shall be noticed.
void look_at_bonds(std::vector<NicPorts>& ports);
bool has_bonds(const std::vector<NicPorts>& ports);

}  // namespace pinion::daemon
