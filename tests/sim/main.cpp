// sim [--streams] --seed=N [--seeds=N]: runs that many seeds from N on; prints the ones that fail,
// and ends with 1 if any did. With --show it prints the segments of streams.
// sim --goodput: one stream at 1 % loss and a round trip of 1 ms.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sim/goodput.h"
#include "sim/simulation.h"
#include "sim/stream_simulation.h"

namespace {

using namespace pinion::sim;

bool read_option(const std::string& argument, const std::string& name, uint64_t& value) {
  if (argument.compare(0, name.size(), name) != 0) return false;
  char* end = nullptr;
  value = std::strtoull(argument.c_str() + name.size(), &end, 0);
  return *end == '\0' && argument.size() > name.size();
}

bool run_datagrams(uint64_t seed, bool alone) {
  Simulation sim(options_of(seed));
  const bool good = sim.run();
  if (!good) std::printf("--seed=%" PRIu64 ": %s\n", seed, sim.failure().c_str());
  if (alone)
    std::printf("--seed=%" PRIu64 ": %s, %" PRIu64 " sent, %" PRIu64 " delivered, %" PRIu64
                " passes, trace %016" PRIx64 "\n",
                seed, good ? "good" : "bad", sim.sent(), sim.delivered(), sim.passes(),
                sim.trace_hash());
  return good;
}

// Of all seeds: shows that what should happen does.
struct Totals {
  uint64_t ends = 0, whole = 0, failed = 0, bytes = 0;
  uint64_t cookies = 0, again = 0, timeouts = 0, blocked = 0, evicted = 0, cut = 0;

  void add(const StreamSimulation& sim) {
    const StreamLedger& l = sim.ledger();
    ends += l.connections(), whole += l.streams_whole(), failed += l.failures();
    bytes += l.bytes_delivered();
    for (uint32_t host = 0; host < 2; ++host) {
      const pinion::Counters& c = sim.counters(host);
      cookies += c.tcp_cookies_accepted, again += c.tcp_retransmitted;
      timeouts += c.tcp_timeouts, blocked += c.tcp_output_blocked;
      evicted += c.tcp_time_wait_evicted, cut += c.tcp_tso_frames;
    }
  }
  void print() const {
    std::printf("%" PRIu64 " ends, %" PRIu64 " streams whole, %" PRIu64 " failed, %" PRIu64
                " bytes; %" PRIu64 " cookies accepted, %" PRIu64 " segments sent again, %" PRIu64
                " timeouts, %" PRIu64 " times blocked, %" PRIu64 " TIME-WAITs evicted, %" PRIu64
                " frames cut by ports\n",
                ends, whole, failed, bytes, cookies, again, timeouts, blocked, evicted, cut);
  }
};

bool run_streams(uint64_t seed, bool alone, bool show, Totals& totals) {
  StreamSimOptions options = stream_options_of(seed);
  options.show = show;
  StreamSimulation sim(options);
  const bool good = sim.run();
  totals.add(sim);
  if (!good) std::printf("--streams --seed=%" PRIu64 ": %s\n", seed, sim.failure().c_str());
  if (!alone) return good;
  const StreamLedger& l = sim.ledger();
  std::printf("--streams --seed=%" PRIu64 ": %s, %zu ends, %" PRIu64 " bytes sent, %" PRIu64
              " received, %" PRIu64 " streams whole, %" PRIu64
              " failed, finished in %.3f s, %" PRIu64 " passes, trace %016" PRIx64 "\n",
              seed, good ? "good" : "bad", l.connections(), l.bytes_sent(), l.bytes_delivered(),
              l.streams_whole(), l.failures(), static_cast<double>(sim.finished_in()) / 1e9,
              sim.passes(), sim.trace_hash());
  for (uint32_t host = 0; host < 2; ++host) {
    const pinion::Counters& c = sim.counters(host);
    std::printf("  host %u: %" PRIu64 " opened, %" PRIu64 " accepted, %" PRIu64 " of %" PRIu64
                " cookies, %" PRIu64 " sent, %" PRIu64 " again, %" PRIu64 " resets sent, %" PRIu64
                " timeouts, %" PRIu64 " blocked\n",
                host, c.tcp_opened, c.tcp_accepted, c.tcp_cookies_accepted, c.tcp_cookies_sent,
                c.tcp_sent, c.tcp_retransmitted, c.tcp_resets_sent, c.tcp_timeouts,
                c.tcp_output_blocked);
  }
  return good;
}

int goodput(uint64_t seed, uint64_t seeds) {
  bool good = true;
  for (uint64_t n = seed; n - seed < seeds; ++n) {
    const Goodput g = measure_goodput({.seed = n});
    std::printf("--goodput --seed=%" PRIu64 ": %" PRIu64 " bytes in %.3f s, %.1f MB/s, %" PRIu64
                " segments lost, %" PRIu64 " retransmitted %s\n",
                n, g.bytes, static_cast<double>(g.time) / 1e9, g.megabytes_per_s(), g.lost,
                g.retransmitted, g.failure.c_str());
    good &= g.failure.empty();
  }
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seed = 1, seeds = 1;
  bool streams = false, measures = false, show = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--streams") streams = true;
    else if (argument == "--goodput") measures = true;
    else if (argument == "--show") show = true;
    else if (!read_option(argument, "--seed=", seed) && !read_option(argument, "--seeds=", seeds)) {
      std::fprintf(stderr, "usage: sim [--streams [--show] | --goodput] [--seed=N] [--seeds=N]\n");
      return 2;
    }
  }
  if (measures) return goodput(seed, seeds);
  uint64_t failed = 0;
  Totals totals;
  for (uint64_t n = seed; n - seed < seeds; ++n) {
    const bool alone = seeds == 1;
    if (!(streams ? run_streams(n, alone, show, totals) : run_datagrams(n, alone))) ++failed;
  }
  if (streams) totals.print();
  std::printf("%" PRIu64 " of %" PRIu64 " seeds failed\n", failed, seeds);
  return failed == 0 ? 0 : 1;
}
