// See promised.h.
#include "piniond/promised.h"

#include <algorithm>

#include "net/net_config.h"
#include "rio/server.h"

namespace pinion::daemon {

namespace {
constexpr uint32_t kJoinsMax = 65536;  // of a core
}

Promised promised(const config::Config& config) {
  Promised all;
  for (const config::Session& s : config.sessions) {
    all.sessions += s.sessions_max;
    all.sockets += uint64_t{s.sessions_max} * s.sockets_max;
    all.queues += uint64_t{s.sessions_max} * s.request_queues_max;
    all.memory_mb += uint64_t{s.sessions_max} * s.memory_mb;
    if (!s.groups.empty()) all.joins += uint64_t{s.sessions_max} * s.joins_max;
  }
  return all;
}

std::string unsupported(const config::Config& config) {
  for (const config::Session& s : config.sessions)
    if (s.bind.size() > SessionQuota::kGrantsMax || s.groups.size() > SessionQuota::kGrantsMax)
      return "a session has at most " + std::to_string(SessionQuota::kGrantsMax) +
             " entries in `bind`, and in `groups`";
  const Promised all = promised(config);
  if (all.sessions > ServerConfig{}.sessions_max)
    return "this version serves " + std::to_string(ServerConfig{}.sessions_max) +
           " sessions in all: make `sessions_max` of the policies smaller";
  if (all.sockets > NetConfig{}.udp_sockets_max || all.queues > 4 * NetConfig{}.udp_sockets_max)
    return "the policies promise more sockets (sessions_max x sockets_max) or request queues than "
           "a core can have";
  if (all.joins > kJoinsMax)
    return "the policies promise more joins of multicast groups (sessions_max x joins_max) than a "
           "core can have";
  // A core chooses from its share of the ephemeral ports, and nobody may have them all.
  const NetConfig net;
  const bool shared = std::any_of(config.nics.begin(), config.nics.end(),
                                  [](const config::Nic& nic) { return nic.cores.size() > 1; });
  const uint64_t ports = (net.ephemeral_last - net.ephemeral_first + 1u) / config.cores.size();
  for (const config::Session& s : config.sessions)
    if (shared && uint64_t{s.sessions_max} * s.sockets_max >= ports)
      return "a policy promises " + std::to_string(uint64_t{s.sessions_max} * s.sockets_max) +
             " sockets (sessions_max x sockets_max), and of the ephemeral ports each of " +
             std::to_string(config.cores.size()) + " cores has " + std::to_string(ports) +
             ": make them smaller";
  return "";
}

}  // namespace pinion::daemon
