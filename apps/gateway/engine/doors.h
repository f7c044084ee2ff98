// The doors at which clients come in: an address and port each, which sessions may share. How many
// of those who have connected and not logged on yet have a place there, and what streams that
// takes.
#pragma once
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "gateway/config/config.h"

namespace pinion::gateway {

inline uint32_t doors_of(const Config& config) {
  std::set<std::pair<std::string, uint16_t>> doors;
  for (const ClientConfig& client : config.clients) doors.emplace(client.address, client.port);
  return static_cast<uint32_t>(doors.size());
}

inline uint32_t spare_at_a_door(const Config& config) {
  return std::max(8u / std::max(doors_of(config), 1u), 1u);
}

// As many as all of its sessions, which may come back together and from one address, and some more.
inline uint32_t strangers_at(const Config& config, const ClientConfig& door) {
  const auto sessions = std::ranges::count_if(config.clients, [&](const ClientConfig& client) {
    return client.address == door.address && client.port == door.port;
  });
  return static_cast<uint32_t>(sessions) + spare_at_a_door(config);
}

// Each client may reconnect while its old connection ends, and so may strangers.
inline uint32_t accepted_max(const Config& config) {
  const auto clients = static_cast<uint32_t>(config.clients.size());
  return 2 * (2 * clients + doors_of(config) * spare_at_a_door(config));
}

// Beside them: listeners; lines, re-requests, snapshot, venue.
inline uint32_t streams_of(const Config& config) {
  return accepted_max(config) + doors_of(config) + 16;
}

// The lines, and the re-requests.
inline uint32_t datagram_sockets_of(const Config& config) {
  return static_cast<uint32_t>(config.venue.market_data.lines.size()) + 1;
}

}  // namespace pinion::gateway
