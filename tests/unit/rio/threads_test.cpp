// HOSTILE A49: both sides of the rings and of the doorbell in threads of their own, for
// ThreadSanitizer: rings of 1, 2 and 4 whose positions start just below 2^32, queues that cool down
// and become hot again all the time, and a core that sleeps.
#include <gtest/gtest.h>
#include <rio/ring.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/bed.h"

namespace pinion::testing {
namespace {

constexpr uint32_t kBeforeTheWrap = UINT32_MAX - 2;  // 2^32 - 3

class BothSides : public ::testing::TestWithParam<uint32_t> {};

// The core's side: passes, barriers answered a little later, now and then a sleep. The poster pays
// the fence itself, as an application without membarrier does.
void run_core(QueueBed& bed, const std::atomic<bool>& stop) {
  for (uint64_t turn = 0; !stop.load(std::memory_order_relaxed); ++turn) {
    bed.poll();
    if (turn % 3 == 0 && !bed.barriers.empty()) bed.answer_barrier();
    if (turn % 7 != 0) continue;
    bed.kernel.prepare_sleep(bed.now);
    rio_ring_post_barrier(0);
    for (int naps = 0; naps < 20 && !bed.kernel.look_again(); ++naps) std::this_thread::yield();
    bed.kernel.wake(bed.now);
  }
}

TEST_P(BothSides, A49SmallRingsAcrossTheWrap) {
  const uint32_t size = GetParam();
  QueueBed bed({.hot_queues_max = 1});
  RawApp app(bed.kernel, 0, bed.now);
  struct Queue {
    RawCq cq;
    RawRq rq;
    uint64_t posted = 0, done = 0;
  };
  std::vector<Queue> queues(2);  // only one of them is hot
  for (Queue& q : queues) {
    q.cq = app.create_cq(size, kBeforeTheWrap);
    q.rq = app.create_rq(app.socket(), q.cq, q.cq,
                         {.receives = 0, .sends = size, .start = kBeforeTheWrap});
    ASSERT_EQ(q.rq.mask + 1, size);
  }
  std::atomic<bool> stop{false};
  std::thread core([&] { run_core(bed, stop); });
  constexpr uint64_t kRequests = 3000;
  bool in_order = true;
  for (bool finished = false; !finished;) {
    finished = true;
    for (Queue& q : queues) {
      if (q.posted < kRequests && q.posted - q.done < size) app.nop(q.rq, q.posted++);
      for (const rio_abi_completion& c : app.dequeue_all(q.cq))
        in_order = in_order && c.request_context == q.done++ && c.status == 0;
      finished = finished && q.done == kRequests;
    }
    std::this_thread::yield();
  }
  stop.store(true);
  core.join();
  EXPECT_TRUE(in_order);
  for (const Queue& q : queues)
    EXPECT_EQ(q.rq.position, kBeforeTheWrap + static_cast<uint32_t>(kRequests));
}

INSTANTIATE_TEST_SUITE_P(Sizes, BothSides, ::testing::Values(1u, 2u, 4u));

}  // namespace
}  // namespace pinion::testing
