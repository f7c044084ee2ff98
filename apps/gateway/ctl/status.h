// How gatewayctl ends, and what it says when it cannot go on.
#pragma once
#include <cstdio>
#include <string>

namespace pinion::gatewayctl {

enum Status : int {
  kGood = 0,
  kRefused = 1,   // the gateway said no; the journal is damaged
  kUnusable = 2,  // nobody to ask, nothing to read
};

inline Status fail(Status status, const std::string& why) {
  std::fprintf(stderr, "gatewayctl: %s\n", why.c_str());
  return status;
}

}  // namespace pinion::gatewayctl
