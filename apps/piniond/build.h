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

// The ports of one NIC of the configuration, and what its cores see.
struct NicPorts {
  std::vector<std::unique_ptr<EthdevPort>> queues;  // the device's; the first looks after it
  std::unique_ptr<EthdevPort> backup;               // null without
  std::unique_ptr<BondPort> bond;                   // over both
  std::string name;
  bool told_up = false, backup_told_up = false;  // the links, as far as it was told

  NicPorts() = default;
  NicPorts(NicPorts&&) = default;
  ~NicPorts() {  // the first queue goes last
    bond.reset();
    while (!queues.empty()) queues.pop_back();
  }
  EthdevPort& device() const { return *queues.front(); }
  Port* port(size_t queue = 0) const {
    return bond ? static_cast<Port*>(bond.get()) : queues[queue].get();
  }
};

// What a core polls: a queue of a NIC of the configuration.
struct CoreNic {
  size_t nic = 0, queue = 0;
};
// In the order of the core's Kernel: first the NICs of all cores, which have the same numbers on
// each, then its own.
std::vector<CoreNic> nics_of(const config::Config& config, size_t core);
bool any_shared(const config::Config& config);

EalConfig eal_config(const config::Config& config);
PortConfig port_config(const config::Config& config, const config::Nic& nic,
                       const config::Device& device);
// What is different in each run, and the same for all its cores.
struct RunSecrets {
  uint64_t key[2] = {0, 0};
  uint32_t epoch = 0;
};
RunSecrets make_secrets();
// ports[i] are those of nics[i].
KernelConfig kernel_config(const config::Config& config, size_t core,
                           const std::vector<NicPorts>& ports, const RunSecrets& secrets);
CoreThreadConfig core_config(const config::Config& config, size_t core,
                             const std::vector<NicPorts>& ports, const Clock& clock);
AttachServerConfig attach_config(const config::Config& config, AddressArena* arena);
Clock clock_of(TscClock& tsc);

// The ports of all NICs, in their order; they look at this clock. False, and why.
bool open_ports(const config::Config& config, const TscClock& clock, std::vector<NicPorts>& ports,
                std::string& why);
// A line for each port: its name, and what it is.
std::vector<std::pair<std::string, std::string>> describe_ports(const config::Config& config,
                                                                const std::vector<NicPorts>& ports);
// Five times a second: links, the clocks of NICs that stamp, and NICs that have stopped. True: a
// link has come or gone.
bool look_after_ports(std::vector<NicPorts>& ports, TscClock& clock);
// Links that another one could stand in for, as often as their loss shall be noticed.
void look_at_bonds(std::vector<NicPorts>& ports);
bool has_bonds(const std::vector<NicPorts>& ports);

}  // namespace pinion::daemon
