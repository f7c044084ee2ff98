// From a checked configuration to what the parts of the daemon are constructed with.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "host/attach_server.h"
#include "host/core_thread.h"
#include "kernel/kernel.h"
#include "pmd-glue/eal.h"
#include "pmd-glue/ethdev_port.h"
#include "pmd-glue/tsc_clock.h"

namespace pinion::daemon {

EalConfig eal_config(const config::Config& config);
PortConfig port_config(const config::Config& config, const config::Nic& nic);
// ports[i] is the port of nics[i].
KernelConfig kernel_config(const config::Config& config, const std::vector<Port*>& ports);
CoreThreadConfig core_config(const config::Config& config, const Clock& clock);
AttachServerConfig attach_config(const config::Config& config, AddressArena* arena);
Clock clock_of(TscClock& tsc);

// The ports of all NICs, in their order. False, and why.
bool open_ports(const config::Config& config, std::vector<std::unique_ptr<EthdevPort>>& ports,
                std::string& why);
// Some times a second: links, and NICs that have stopped.
void look_after_ports(std::vector<std::unique_ptr<EthdevPort>>& ports, TscClock& clock);

}  // namespace pinion::daemon
