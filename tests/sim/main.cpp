// sim --seed=N [--seeds=N]: runs that many seeds from N on; prints the ones that fail, and ends
// with 1 if any did.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sim/simulation.h"

namespace {

bool read_option(const std::string& argument, const std::string& name, uint64_t& value) {
  if (argument.compare(0, name.size(), name) != 0) return false;
  char* end = nullptr;
  value = std::strtoull(argument.c_str() + name.size(), &end, 0);
  return *end == '\0' && argument.size() > name.size();
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seed = 1, seeds = 1;
  for (int i = 1; i < argc; ++i) {
    if (read_option(argv[i], "--seed=", seed) || read_option(argv[i], "--seeds=", seeds)) continue;
    std::fprintf(stderr, "usage: sim [--seed=N] [--seeds=N]\n");
    return 2;
  }
  uint64_t failed = 0;
  for (uint64_t n = seed; n - seed < seeds; ++n) {
    pinion::sim::Simulation sim(pinion::sim::options_of(n));
    const bool good = sim.run();
    if (!good) ++failed;
    if (!good) std::printf("--seed=%" PRIu64 ": %s\n", n, sim.failure().c_str());
    if (seeds == 1)
      std::printf("--seed=%" PRIu64 ": %s, %" PRIu64 " sent, %" PRIu64 " delivered, %" PRIu64
                  " passes, trace %016" PRIx64 "\n",
                  n, good ? "good" : "bad", sim.sent(), sim.delivered(), sim.passes(),
                  sim.trace_hash());
  }
  std::printf("%" PRIu64 " of %" PRIu64 " seeds failed\n", failed, seeds);
  return failed == 0 ? 0 : 1;
}
