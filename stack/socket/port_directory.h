// PortDirectory: which local ports the cores of a Mesh use, as far as this core has heard, and
// whose they are, of which all share one table. The demuxes keep this core's part up to date and
// claim a port before they give it away; Net tells the others what has changed, and looks here for
// whom a packet may be that nobody here wants. A port stands for all addresses.
#pragma once
#include <memory>

#include "socket/port_owners.h"

namespace pinion {

// What one core says of one port; the latest word counts, and saying it twice does no harm.
struct PortNews {
  uint32_t place = 0;
  bool used = false;  // by sockets or connections
};

class PortDirectory {
 public:
  enum class Protocol : uint8_t { udp, tcp };

  PortDirectory(uint32_t core, uint32_t cores, PortOwners& owners);

  static uint32_t place_of(Protocol protocol, const Endpoint& local) {
    const size_t of_protocol = protocol == Protocol::udp ? 0 : kPortPlaces;
    return static_cast<uint32_t>(of_protocol + port_place(local));
  }

  // Is it this core's share of the ports that are chosen and not asked for? Disjoint, so that two
  // cores need not ask each other.
  bool is_our_share(uint16_t port) const { return port % cores_ == core_; }
  // For sockets of that user, until nothing is bound there on this core and it is given up.
  bool claim(uint32_t place, uint32_t user) { return owners_.claim(place, user, core_); }
  void give_up(uint32_t place) { owners_.give_up(place, core_); }
  bool bound_elsewhere(uint32_t place) const { return owners_.is_elsewhere(place, core_); }
  // The other cores that use it, a bit each.
  uint32_t others(uint32_t place) const { return entries_[place].used & ~own_; }

  // This core's use of it, whenever that may have changed.
  void set_own(const PortNews& news);
  void hear(uint32_t core, const PortNews& news);

  // What the others have not been told yet, the oldest first; told() when all have been.
  bool all_told() const { return untold_head_ == kNone; }
  PortNews next_untold() const;
  void told();

 private:
  static constexpr uint32_t kNone = UINT32_MAX, kNotListed = UINT32_MAX - 1;
  struct Entry {
    uint32_t used = 0;           // a bit for each core
    uint32_t next = kNotListed;  // of those to tell
  };

  const uint32_t core_, cores_, own_;
  PortOwners& owners_;
  uint32_t untold_head_ = kNone, untold_tail_ = kNone;
  std::unique_ptr<Entry[]> entries_;  // by place
};

}  // namespace pinion
