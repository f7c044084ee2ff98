// What a Net keeps as one of several cores (NetConfig::mesh); one that is alone has none.
#pragma once
#include "net/group_directory.h"
#include "net/net_config.h"
#include "socket/port_directory.h"

namespace pinion {

struct MeshState {
  MeshState(const Mesh& config, uint32_t groups_max, uint64_t secret)
      : mesh(config),
        own(1u << config.core),
        all((config.cores < 32 ? 1u << config.cores : 0u) - 1),
        ports(config.core, config.cores, *config.owners),
        groups(config.core, config.cores, groups_max, secret) {}

  const Mesh mesh;
  const uint32_t own, all;  // bits of cores
  PortDirectory ports;
  GroupDirectory groups;
  // Of the packet in hand: where it has been. Of one that a port received: here.
  uint32_t tried = own;
  bool taken = false;          // another core handed it over
  bool behind = false;         // words of other cores are unread
  bool addresses_told = true;  // Interface::claims

  uint32_t others() const { return all & ~own; }
  bool all_told() const {
    return ports.all_told() && groups.next_untold() == nullptr && addresses_told;
  }
};

}  // namespace pinion
