// Why a packet that came to one core is handed over to another one.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pinion {

enum class Stray : uint8_t {
  udp,        // to a port that only the other core has
  tcp,        // of a connection that is the other's
  error,      // ICMP, about what the other sent
  multicast,  // a copy: the other has joined the group
  broadcast,  // a copy: the other has the port
  neighbour,  // a copy: ARP and neighbour discovery
  groups,     // a copy: queries of IGMP and MLD, and reports of other hosts
  count
};
inline constexpr size_t kStrayCount = static_cast<size_t>(Stray::count);

constexpr const char* stray_name(Stray s) {
  constexpr const char* kNames[kStrayCount] = {"udp",       "tcp",       "error", "multicast",
                                               "broadcast", "neighbour", "groups"};
  return s < Stray::count ? kNames[static_cast<size_t>(s)] : "?";
}

}  // namespace pinion
