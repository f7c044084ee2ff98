// PortOwners: whose each local port is on the cores of a Mesh, which share this one table. A port
// is one user's, on any number of cores, or that of several users who agree on one core. Asked
// where a socket is bound, never for a packet. A word has all that there is to know of a port, so
// it is claimed by an exchange of that word and no order with other memory is needed.
#pragma once
#include <memory>

#include "socket/endpoint.h"

namespace pinion {

class PortOwners {
 public:
  static constexpr size_t kPlaces = 2 * kPortPlaces;  // of UDP, then of TCP

  PortOwners() : words_(std::make_unique<uint64_t[]>(kPlaces)) {}

  // The port is this user's on this core from now on, or was already. false: another core has it
  // for another user.
  bool claim(uint32_t place, uint32_t user, uint32_t core) {
    const uint64_t own = uint64_t{1} << core;
    uint64_t before = __atomic_load_n(&words_[place], __ATOMIC_RELAXED), after;
    do {
      const uint64_t cores = before & kCores, who = before >> kCoreBits;
      if (cores == 0 || who == user) after = uint64_t{user} << kCoreBits | cores | own;
      else if (cores == own) after = kSeveral << kCoreBits | own;
      else return false;
    } while (!exchange(place, before, after));
    return true;
  }
  // This core has no socket there any more.
  void give_up(uint32_t place, uint32_t core) {
    uint64_t before = __atomic_load_n(&words_[place], __ATOMIC_RELAXED), after;
    do {
      after = before & ~(uint64_t{1} << core);
      if ((after & kCores) == 0) after = 0;
    } while (!exchange(place, before, after));
  }
  bool is_elsewhere(uint32_t place, uint32_t core) const {
    const uint64_t word = __atomic_load_n(&words_[place], __ATOMIC_RELAXED);
    return (word & kCores & ~(uint64_t{1} << core)) != 0;
  }

 private:
  // The low half has a bit for each core; the high half is the user's id.
  static constexpr int kCoreBits = 32;
  static constexpr uint64_t kCores = UINT32_MAX, kSeveral = UINT32_MAX;  // nobody has that uid

  bool exchange(uint32_t place, uint64_t& before, uint64_t after) {
    return __atomic_compare_exchange_n(&words_[place], &before, after, true, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
  }

  std::unique_ptr<uint64_t[]> words_;
};

}  // namespace pinion
