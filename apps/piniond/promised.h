// What the policies of a configuration promise to all sessions together, and whether this version
// can keep that.
#pragma once
#include <string>

#include "config/config.h"

namespace pinion::daemon {

// The pools hold all of it: no session can use up another one's share.
struct Promised {
  uint64_t sessions = 0, sockets = 0, queues = 0, joins = 0;
  uint64_t memory_mb = 0;  // which the machine must have; the pools know nothing of it
};
Promised promised(const config::Config& config);

// What the configuration asks for and this version cannot do. Empty: nothing.
std::string unsupported(const config::Config& config);

}  // namespace pinion::daemon
