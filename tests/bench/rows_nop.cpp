// What the queues cost by themselves: a request that does nothing, from the application's store to
// its completion's return from rio_dequeue, through a core on the other processor.
#include <array>
#include <cstdlib>
#include <memory>

#include "bench/bed.h"
#include "bench/floors.h"
#include "bench/rows.h"

namespace pinion::bench {

namespace {

constexpr uint32_t kDepth = 64;
constexpr uint32_t kIdleQueues = 10'000;

struct NopBed {
  Bed bed;
  NopQueue queue;

  explicit NopBed(uint32_t idle_queues = 0) : bed({.queues_max = idle_queues + 1}) {
    bed.cold([&] {
      register_idle(idle_queues);
      queue = create_nop_queue(bed, kDepth);
    });
  }
  // With a completion queue of their own: the measured one stays as small as without them.
  void register_idle(uint32_t count) {
    if (count == 0) return;
    rio_cq* cq = bed.create_cq(count);
    for (uint32_t i = 0; i < count; ++i) bed.create_rq(bed.create_socket(), 0, 1, cq);
  }
};

Load round_trips(const std::shared_ptr<NopBed>& nop) {
  auto client = [nop](Samples& samples) {
    samples.reserve(kRingRoundTrips);
    for (size_t i = 0; i < kRingRoundTrips; ++i) samples.add(nop->queue.round_trip(i));
  };
  return {client, [nop](const std::atomic<bool>& stop) { nop->bed.serve(stop); }};
}

Load pipelined(const std::shared_ptr<NopBed>& nop) {
  auto client = [nop](Samples& samples) {
    std::array<rio_result, kDepth> results;
    size_t sent = 0, received = 0;
    const uint64_t start = tsc();
    while (received < kPipelined) {
      while (sent < kPipelined && sent - received < kDepth)
        must(rio_nop(nop->queue.rq, 0, sent++), "nop");
      const int n = rio_dequeue(nop->queue.cq, results.data(), kDepth);
      must(n, "dequeue");
      received += static_cast<size_t>(n);
    }
    samples.add_each(tsc() - start, kPipelined);
  };
  return {client, [nop](const std::atomic<bool>& stop) { nop->bed.serve(stop); }};
}

}  // namespace

Load nop_round_trips() { return round_trips(std::make_shared<NopBed>()); }

void add_nop_rows(Registry& rows) {
  rows.push_back({"nop_rtt", "cache-line ping-pong", 1.3, [] {
                    return Contest{nop_round_trips(), line_ping_pong()};
                  }});
  rows.push_back(
      {"nop_idle_10000", "one registered queue", 1.1, [] {
         return Contest{round_trips(std::make_shared<NopBed>(kIdleQueues)), nop_round_trips()};
       }});
  rows.push_back({"nop_pipelined_64", "slot rings", 2.0, [] {
                    return Contest{pipelined(std::make_shared<NopBed>()), slot_rings_pipelined()};
                  }});
}

}  // namespace pinion::bench
