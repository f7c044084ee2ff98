// pinionctl doctor: whether this machine suits a configuration. Reads, and changes nothing.
#pragma once
#include <string>
#include <vector>

#include "config/config.h"

namespace pinion::ctl {

enum class Verdict : uint8_t { good, slow, fails };  // slow: it starts, and latency suffers

struct Finding {
  Verdict verdict;
  std::string what, found, wanted;
  std::string fix;  // a command, or where to look; empty when nothing is wrong
};

std::vector<Finding> examine(const config::Config& config);

// Prints the findings. The exit status: 0 if the configuration can start, else 1.
int doctor(const std::string& file);

}  // namespace pinion::ctl
