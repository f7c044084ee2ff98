// gateway_path: so many orders through the gateway, in memory: FIX bytes in, OUCH bytes out, one
// turn of the engine each, and as many turns without anything. For tools that count instructions:
//
//   valgrind --tool=callgrind --toggle-collect='*deliver_order*' gateway_path 2000
//   valgrind --tool=callgrind --toggle-collect='*idle_turn*' gateway_path 2000
#include <x86intrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include "bench/gateway_bed.h"
#include "bench/memory_network.h"

namespace {

using namespace pinion::bench;

[[gnu::noinline]] void deliver_order(GatewayBed& gateway) { gateway.turn(); }
[[gnu::noinline, gnu::no_icf]] void idle_turn(GatewayBed& gateway) { gateway.turn(); }

int run(size_t orders) {
  MemoryNetwork inside, outside;
  MemoryNetwork::join(inside, outside);
  const GatewayPlaces places;
  GatewayBed gateway(inside, places);
  Counterparties peers(outside, places);
  peers.listen();
  peers.connect();
  open_for_trading(gateway, peers, [&] { gateway.turn(); });
  std::vector<uint64_t> ticks;
  for (size_t i = 0; i < orders; ++i) {
    peers.prepare_order();
    peers.send_order();
    const uint64_t start = __rdtsc();
    deliver_order(gateway);
    ticks.push_back(__rdtsc() - start);
    peers.poll();
    idle_turn(gateway);
  }
  std::ranges::sort(ticks);
  std::printf("%zu orders sent, %llu arrived, ticks of a turn: median %llu, p99 %llu\n", orders,
              static_cast<unsigned long long>(peers.orders_arrived()),
              static_cast<unsigned long long>(ticks[orders / 2]),
              static_cast<unsigned long long>(ticks[orders * 99 / 100]));
  return peers.orders_arrived() == orders ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t orders = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
  if (orders == 0) return 2;
  try {
    return run(orders);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gateway_path: %s\n", error.what());
    return 1;
  }
}
