// From a checked configuration to what the parts of the daemon are constructed with.
#pragma once
#include <string>
#include <vector>

#include "config/config.h"
#include "host/attach_server.h"
#include "host/core_thread.h"
#include "kernel/kernel.h"
#include "pmd-glue/eal.h"
#include "pmd-glue/ethdev_port.h"

namespace pinion::daemon {

// What the configuration asks for and this version cannot do. Empty: nothing.
std::string unsupported(const config::Config& config);

EalConfig eal_config(const config::Config& config);
PortConfig port_config(const config::Config& config, const config::Nic& nic);
// ports[i] is the port of nics[i].
KernelConfig kernel_config(const config::Config& config, const std::vector<Port*>& ports);
CoreThreadConfig core_config(const config::Config& config, const Clock& clock);
AttachServerConfig attach_config(const config::Config& config, AddressArena* arena);

}  // namespace pinion::daemon
