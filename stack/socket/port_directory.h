// PortDirectory: which local ports the cores of a Mesh use, as far as this core has heard. The
// demuxes keep this core's part up to date and ask before they give a port away; Net tells the
// others what has changed, and looks here for whom a packet may be that nobody here wants. A port
// stands for all addresses: what is bound to one of them counts as bound.
#pragma once
#include <memory>

#include "socket/endpoint.h"

namespace pinion {

// What one core says of one port; the latest word counts, and saying it twice does no harm.
struct PortClaim {
  uint32_t place = 0;
  uint32_t user = 0;   // of the sockets bound there
  bool used = false;   // by sockets or connections
  bool bound = false;  // by sockets
};

class PortDirectory {
 public:
  enum class Protocol : uint8_t { udp, tcp };

  PortDirectory(uint32_t core, uint32_t cores);

  static uint32_t place_of(Protocol protocol, const Endpoint& local) {
    const size_t of_protocol = protocol == Protocol::udp ? 0 : kPortPlaces;
    return static_cast<uint32_t>(of_protocol + port_place(local));
  }

  // Is it this core's share of the ports that are chosen and not asked for? Disjoint, so that two
  // cores need not ask each other.
  bool is_our_share(uint16_t port) const { return port % cores_ == core_; }
  // May a socket of that user be bound there: no core has it for another user.
  bool may_bind(uint32_t place, uint32_t user) const {
    const Entry& e = entries_[place];
    return (e.bound & ~own_) == 0 || e.user == user;
  }
  bool bound_elsewhere(uint32_t place) const { return (entries_[place].bound & ~own_) != 0; }
  // The other cores that use it, a bit each.
  uint32_t others(uint32_t place) const { return entries_[place].used & ~own_; }

  // This core's use of it, whenever that may have changed.
  void set_own(const PortClaim& claim);
  void hear(uint32_t core, const PortClaim& claim);

  // What the others have not been told yet, the oldest first; told() when all have been.
  bool all_told() const { return untold_head_ == kNone; }
  PortClaim next_untold() const;
  void told();
  // Two users have bound a port on two cores within the time that a word takes to the other.
  uint64_t conflicts() const { return conflicts_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX, kNotListed = UINT32_MAX - 1;
  struct Entry {
    uint32_t used = 0, bound = 0;  // a bit for each core
    uint32_t user = 0;             // while anybody has it bound
    uint32_t next = kNotListed;    // of those to tell
  };

  const uint32_t core_, cores_, own_;
  uint32_t untold_head_ = kNone, untold_tail_ = kNone;
  uint64_t conflicts_ = 0;
  std::unique_ptr<Entry[]> entries_;  // by place
};

}  // namespace pinion
