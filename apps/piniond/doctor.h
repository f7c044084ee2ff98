// Whether this machine suits a configuration. Reads, and changes nothing. For piniond at its start
// (host.doctor), and for pinionctl doctor before it.
#pragma once
#include <string>
#include <vector>

#include "config/config.h"

namespace pinion::daemon {

// slow: it starts, and latency suffers; risky: it starts, and may not keep what it promises.
enum class Verdict : uint8_t { good, slow, risky, fails };

struct Finding {
  Verdict verdict;
  std::string what, found, wanted;
  std::string fix;  // a command, or where to look; empty when nothing is wrong
};

// any_tsc: a TSC that does not promise one rate is believed.
std::vector<Finding> examine(const config::Config& config, bool any_tsc);

// Two lines at most, with their ends: what was found and wanted, and what mends it.
std::string text_of(const Finding& finding);

}  // namespace pinion::daemon
