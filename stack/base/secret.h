// A secret of its own for each use of chance: keys of hashes, seeds of generators. What one of them
// shows (a hash table by its timing, a generator by its numbers, which can be run backwards) tells
// nothing of the root, nor of any other.
#pragma once
#include <span>

#include "base/siphash.h"

namespace pinion {

// What it is for; the numbers are written into no file and onto no wire.
enum class Purpose : uint64_t {
  isn = 1,
  timestamps,
  cookies,
  challenge_acks,
  tcp_ports,
  udp_ports,
  fragment_ids,
  neighbours,
  groups,
  group_pauses,
  group_directory,
  pauses,
};

// `core`: where several cores must not do the same; else the same for all that have the root.
inline SipKey derive(const SipKey& root, Purpose purpose, uint64_t core = 0) {
  const uint64_t first[2] = {static_cast<uint64_t>(purpose), 2 * core};
  const uint64_t second[2] = {first[0], first[1] + 1};
  return {siphash(root, std::as_bytes(std::span{first})),
          siphash(root, std::as_bytes(std::span{second}))};
}

}  // namespace pinion
