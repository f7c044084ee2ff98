// ARCHITECTURE.md 5.6, in the deterministic host, where it is exact: beside any hostile session no
// pass does more than work_units_max, and a bystander's request completes within two passes.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "support/bed.h"
#include "support/memory_port.h"

namespace pinion::testing {
namespace {

constexpr uint32_t kBudget = 16;
constexpr Ipv4 kUs = ipv4(10, 0, 0, 1), kThem = ipv4(10, 0, 0, 2), kNobody = ipv4(10, 0, 0, 3);

SessionQuota small_budget() {
  SessionQuota quota;
  quota.requests_per_pass = kBudget;
  return quota;
}

NetConfig on_port(MemoryPort& port) {
  NetConfig net;
  net.interfaces = {{.name = "eth0", .port = &port, .addresses = {{kUs, 24}}}};
  net.neighbours = {{kThem, Mac{{2, 0, 0, 0, 0, 2}}, 0}};
  net.tx_queue_max = 8;
  return net;
}

class Bounded : public ::testing::Test {
 protected:
  static constexpr uint32_t kUnitsMax = 64;

  // A pass, and what every pass must keep to.
  void pass() {
    bed.poll();
    EXPECT_LE(bed.kernel.work_units(), kUnitsMax);
  }
  // Posted now, a nop of the bystander is complete after two passes.
  void bystander_is_well() {
    bystander.app.nop(bystander.rq, ++beat);
    pass(), pass();
    const auto done = bystander.app.dequeue_all(bystander.cq);
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].request_context, beat);
  }
  int close(RawApp& app, uint32_t socket) {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET_CLOSE, m.handle = socket;
    return app.call(m).status;
  }
  void post_silently(RawRq& rq, uint64_t context) {
    rio_abi_request& slot = rq.slots[rq.position & rq.mask];
    slot.opcode = RIO_OP_NOP, slot.request_context = context;
    slot.buffer_id = RIO_INVALID_BUFFER;
    rio_ring_publish(&slot.sequence, rq.position++);
  }

  MemoryPort port{Mac{{2, 0, 0, 0, 0, 1}}};
  QueueBed bed{{.work_units_max = kUnitsMax}, on_port(port)};
  OneQueue bystander{bed, 0};
  uint64_t beat = 0;
};

// A budget can run out where the next to start is a nop that waits its turn. It completes behind
// the send in front of it, and its place is another queue's before output goes on.
TEST_F(Bounded, WhatHasCompletedIsNotStarted) {
  SessionQuota one;
  one.requests_per_pass = 1;
  OneQueue slow(bed, 1, {}, one);
  const Endpoint to{kThem, 9};
  for (uint64_t i = 1; i <= 6; ++i) {
    if (i % 3 == 2) slow.app.nop(slow.rq, i, RIO_DEFER);
    else slow.app.send(slow.rq, 0, 10, to, i, RIO_DEFER);
  }
  for (int i = 0; i < 8; ++i) pass();
  slow.app.commit(slow.rq);
  std::vector<rio_abi_completion> done;
  for (uint64_t i = 0; i < 16; ++i) {
    pass();
    bystander.app.receive(bystander.rq, 0, 4, i);
    for (const rio_abi_completion& c : slow.app.dequeue_all(slow.cq)) done.push_back(c);
  }
  ASSERT_EQ(done.size(), 6u);
  for (uint64_t i = 0; i < 6; ++i) EXPECT_EQ(done[i].request_context, i + 1);
}

TEST_F(Bounded, EveryBellRungInEveryPass) {
  OneQueue attacker(bed, 1, {}, small_budget());
  for (int i = 0; i < 100; ++i) {
    auto* bells = attacker.app.bells();
    for (uint32_t w = 0; w < RIO_DOORBELL_WORDS; ++w) bells[w] = ~uint64_t{0};
    for (auto& word : attacker.app.header().doorbell_summary) word = ~uint64_t{0};
    bystander_is_well();
  }
}

// Low numbers, always rung, do not keep a high one of the same session from its answer.
TEST_F(Bounded, BellsAreAnsweredInRotation) {
  RawApp app(bed.kernel, 1, bed.now, small_budget());
  RawCq cq = app.create_cq(8, 0, 5);
  RawRq rq = app.create_rq(app.socket(), cq, cq, {.receives = 0, .sends = 4});
  app.nop(rq, 1), pass();
  app.ring(cq.doorbell);
  for (int passes = 0; bed.signals.empty(); ++passes) {
    ASSERT_LT(passes, 2 * 256 / static_cast<int>(kBudget));
    for (uint32_t bell = 0; bell < 256; ++bell) app.ring(bell);
    pass();
  }
}

TEST_F(Bounded, ManyQueuesThatAreNeverDrained) {
  RawApp app(bed.kernel, 1, bed.now, small_budget());
  RawCq cq = app.create_cq(2048);
  std::vector<RawRq> queues;
  for (int i = 0; i < 1000; ++i)
    queues.push_back(app.create_rq(app.socket(), cq, cq, {.receives = 1, .sends = 1}));
  for (int round = 0; round < 6; ++round) {  // four fill the ring
    for (RawRq& rq : queues) app.nop(rq, 1);
    for (int i = 0; i < 40; ++i) bystander_is_well();
  }
  // It dequeues after all: everything that it posted is taken, soon.
  size_t completed = 0;
  for (int passes = 0; completed < 6000; ++passes) {
    ASSERT_LT(passes, 3000) << completed;
    completed += app.dequeue_all(cq).size();
    bed.poll();
  }
}

// One queue without room, that nobody rings for again, goes on when its owner dequeues.
TEST_F(Bounded, ABlockedQueueGoesOnWithinTwoPasses) {
  OneQueue one(bed, 1, {.receives = 0, .sends = 1});
  const uint32_t capacity = one.cq.mask + 1;
  for (uint32_t i = 0; i < capacity; ++i) one.app.nop(one.rq, i), pass();
  one.app.nop(one.rq, capacity);
  for (int i = 0; i < 100; ++i) pass();
  EXPECT_EQ(one.app.dequeue_all(one.cq).size(), capacity);
  pass(), pass();
  EXPECT_EQ(one.app.dequeue_all(one.cq).size(), 1u);
}

TEST_F(Bounded, NotifyOfManyCompletionQueuesInEveryPass) {
  RawApp app(bed.kernel, 1, bed.now, small_budget());
  std::vector<RawCq> queues;
  for (int i = 0; i < 64; ++i) {
    queues.push_back(app.create_cq(2, 0, i));
    const size_t k = queues.size() - 1;
    RawRq rq = app.create_rq(app.socket(), queues[k], queues[k], {.receives = 0, .sends = 1});
    app.nop(rq, 1), pass();
  }
  bed.signals.clear();
  for (int i = 0; i < 100; ++i) {
    const size_t before = bed.signals.size();
    for (const RawCq& cq : queues) app.ring(cq.doorbell);
    bystander_is_well();
    EXPECT_LE(bed.signals.size() - before, 2 * 4u);
  }
  std::vector<int> times(64);  // and none of its queues starves
  for (const int fd : bed.signals) ++times[static_cast<size_t>(fd)];
  for (const int n : times) EXPECT_GT(n, 0);
}

// A send that nobody answers for holds a queue of nops back; then all of it may go at once.
TEST_F(Bounded, AFullQueueBehindANeighbourThatFails) {
  OneQueue one(bed, 1, {.receives = 0, .sends = 1024}, small_budget());
  one.app.send(one.rq, 0, 16, Endpoint{kNobody, 7}, 0);
  for (uint64_t i = 1; i < 1024; ++i) one.app.nop(one.rq, i);
  for (int i = 0; i < 100; ++i) bystander_is_well();
  EXPECT_TRUE(one.app.dequeue_all(one.cq).empty());
  uint64_t next = 0;
  for (int passes = 0; next < 1024; ++passes) {
    ASSERT_LT(passes, 5000);
    bed.now += kMilli;
    bystander_is_well();
    const auto done = one.app.dequeue_all(one.cq);
    EXPECT_LE(done.size(), 2 * kBudget + 2);
    for (const auto& c : done) EXPECT_EQ(c.request_context, next++);
  }
}

TEST_F(Bounded, CloseOfAHugeQueue) {
  OneQueue one(bed, 1, {.receives = 4096, .sends = 0}, small_budget());
  for (uint64_t i = 0; i < 4096; ++i) one.app.receive(one.rq, 0, 64, i);
  while (bed.kernel.server().usage().requests < 4096) pass();
  ASSERT_EQ(close(one.app, one.socket), 0);
  uint64_t next = 0;
  for (int passes = 0; next < 4096; ++passes) {
    ASSERT_LT(passes, 4096);
    bystander_is_well();
    const auto done = one.app.dequeue_all(one.cq);
    EXPECT_LE(done.size(), 2 * kBudget);
    for (const auto& c : done) {
      EXPECT_EQ(c.request_context, next++);
      EXPECT_EQ(c.status, -ECANCELED);
    }
  }
  pass(), pass();
  EXPECT_EQ(bed.kernel.server().usage().sockets, 1u);
}

TEST_F(Bounded, EndOfASessionWithAHugeQueue) {
  OneQueue one(bed, 1, {.receives = 4096, .sends = 0}, small_budget());
  for (uint64_t i = 0; i < 4096; ++i) one.app.receive(one.rq, 0, 64, i);
  while (bed.kernel.server().usage().requests < 4096) pass();
  KernelMessage end;
  end.op = KernelMessage::Op::session_end, end.session = 1;
  uint32_t left = 4096;
  for (int calls = 0; calls == 0 || end.status == -EINPROGRESS; ++calls) {
    ASSERT_LT(calls, 6);
    bed.kernel.control(end, bed.now);
    const uint32_t now = bed.kernel.server().usage().requests;
    EXPECT_LE(left - now, 1024u);
    left = now;
  }
  EXPECT_EQ(end.status, 0);
  EXPECT_EQ(left, 0u);
}

TEST_F(Bounded, ResizeTakesNoMoreThanABudget) {
  OneQueue one(bed, 1, {.receives = 0, .sends = 256}, small_budget());
  for (uint64_t i = 0; i < 64; ++i) post_silently(one.rq, i);
  RawRq next;
  for (uint32_t taken = kBudget; taken < 64; taken += kBudget) {
    EXPECT_EQ(one.app.resize_rq(one.rq, {.receives = 0, .sends = 128}, next).status, -EAGAIN);
    EXPECT_EQ(one.app.dequeue_all(one.cq).size(), kBudget);
  }
  EXPECT_EQ(one.app.resize_rq(one.rq, {.receives = 0, .sends = 128}, next).status, 0);
}

// Deferred sends of 500 queues, whose time is over in the same moment.
TEST_F(Bounded, DeferredSendsOfManyQueues) {
  RawApp app(bed.kernel, 1, bed.now, small_budget());
  RawCq cq = app.create_cq(4096);
  std::vector<RawRq> queues;
  for (int i = 0; i < 500; ++i) {
    queues.push_back(app.create_rq(app.socket(), cq, cq, {.receives = 0, .sends = 4}));
    for (int k = 0; k < 4; ++k)
      app.send(queues.back(), 0, 16, Endpoint{ipv4(192, 0, 2, 1), 7}, 1, RIO_DEFER);
  }
  size_t completed = 0;
  for (int passes = 0; completed < 2000; ++passes) {
    ASSERT_LT(passes, 2000) << completed;
    bystander_is_well();
    completed += app.dequeue_all(cq).size();
  }
}

// The port takes one frame a pass and a neighbour has more than that, always: each gets its turn.
TEST_F(Bounded, ASaturatingSenderLeavesRoomOnTheWire) {
  port.tx_accepts = 1;
  OneQueue greedy(bed, 1, {.receives = 0, .sends = 256});
  uint64_t posted = 0;
  const auto saturate = [&] {
    greedy.app.dequeue_all(greedy.cq);
    while (posted < 200 + greedy.cq.position)
      greedy.app.send(greedy.rq, 0, 16, Endpoint{kThem, 7}, posted++);
  };
  for (int i = 0; i < 50; ++i) saturate(), pass();
  for (int round = 0; round < 20; ++round) {
    bystander.app.send(bystander.rq, 0, 16, Endpoint{kThem, 8}, 1);
    int passes = 0;
    std::vector<rio_abi_completion> done;
    for (; done.empty(); ++passes) {
      saturate(), pass();
      done = bystander.app.dequeue_all(bystander.cq);
      ASSERT_LT(passes, 8 + 4);  // the frames that wait already, and its turn
    }
    EXPECT_EQ(done[0].status, 0);
    bystander_is_well();
  }
  EXPECT_GT(greedy.cq.position, 150u);  // nor is the other one starved
}

// Two queues of one session, the first never empty.
TEST_F(Bounded, AQueueDoesNotStarveItsSister) {
  RawApp app(bed.kernel, 1, bed.now, small_budget());
  RawCq cq = app.create_cq(512), other = app.create_cq(8);
  RawRq greedy = app.create_rq(app.socket(), cq, cq, {.receives = 0, .sends = 256});
  RawRq sister = app.create_rq(app.socket(), other, other, {.receives = 0, .sends = 4});
  for (int round = 0; round < 50; ++round) {
    app.nop(sister, 1);
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 64; ++k) app.nop(greedy, 2);
      while (app.dequeue(cq)) {
      }
      pass();
    }
    EXPECT_EQ(app.dequeue_all(other).size(), 1u) << round;
    for (int i = 0; i < 16; ++i) app.dequeue_all(cq), pass();
  }
}

// More sessions than a pass has units for, by polled queues and by bells: each still gets its turn.
TEST_F(Bounded, ManySaturatedSessionsTakeTurns) {
  std::vector<std::unique_ptr<OneQueue>> attackers;
  for (uint32_t i = 1; i <= 16; ++i)
    attackers.push_back(
        std::make_unique<OneQueue>(bed, i, RqOptions{.receives = 0, .sends = 64}, small_budget()));
  const auto saturate = [&] {
    for (size_t i = 0; i < attackers.size(); ++i) {
      OneQueue& a = *attackers[i];
      a.app.dequeue_all(a.cq);
      while (i % 2 == 0 && a.rq.position - a.cq.position < 64) post_silently(a.rq, 1);
      for (uint32_t bell = 0; bell < 128; ++bell) a.app.ring(bell);
    }
  };
  for (int i = 0; i < 20; ++i) saturate(), pass();
  RawCq cq = bystander.app.create_cq(8);
  for (int round = 0; round < 50; ++round) {
    bystander.app.nop(bystander.rq, 1);
    RawRq cold = bystander.app.create_rq(bystander.app.socket(), cq, cq, {2, 2});
    bystander.app.nop(cold, 2);
    size_t done = 0;
    for (int passes = 0; done < 2; ++passes) {
      ASSERT_LT(passes, 12) << round;
      saturate(), pass();
      done += bystander.app.dequeue_all(bystander.cq).size();
      done += bystander.app.dequeue_all(cq).size();
    }
    cq = bystander.app.create_cq(8);
  }
}

TEST_F(Bounded, ASessionReservesNoMoreThanItsShareOfRequests) {
  SessionQuota quota;
  quota.requests_max = 32;
  OneQueue one(bed, 1, {.receives = 16, .sends = 8}, quota);
  RawCq cq = one.app.create_cq(64);
  RawRq rq;
  const auto create = [&](uint32_t sends) {
    return one.app.try_create_rq(one.app.socket(), cq, cq, {.receives = 0, .sends = sends}, rq);
  };
  EXPECT_EQ(create(9).status, -ENOSPC);
  EXPECT_EQ(one.app.resize_rq(one.rq, {.receives = 16, .sends = 17}, rq).status, -ENOSPC);
  EXPECT_EQ(create(8).status, 0);
}

// The table of polled queues.

TEST(Places, EmptyQueuesThatAreRungForPushNobodyOut) {
  QueueBed bed({.hot_queues_max = 4});
  OneQueue one(bed, 0);
  one.app.nop(one.rq, 1), bed.poll();
  RawApp app(bed.kernel, 1, bed.now);
  RawCq cq = app.create_cq(64);
  std::vector<RawRq> queues;
  for (int i = 0; i < 16; ++i)
    queues.push_back(app.create_rq(app.socket(), cq, cq, {.receives = 1, .sends = 1}));
  for (int i = 0; i < 10; ++i) {
    for (const RawRq& rq : queues) app.ring(rq.doorbell);
    bed.poll();
  }
  EXPECT_EQ(one.rq.header->state, RIO_RQ_STATE_HOT);
  EXPECT_EQ(bed.kernel.server().usage().hot_queues, 1u);
  EXPECT_TRUE(bed.barriers.empty());
}

// With two sessions and four places, a session with many queues has three at most beside one.
TEST(Places, ASessionMakesRoomAmongItsOwn) {
  QueueBed bed({.hot_queues_max = 4});
  OneQueue one(bed, 0);
  one.app.nop(one.rq, 1), bed.poll();
  RawApp app(bed.kernel, 1, bed.now);
  RawCq cq = app.create_cq(64);
  std::vector<RawRq> queues;
  for (int i = 0; i < 16; ++i)
    queues.push_back(app.create_rq(app.socket(), cq, cq, {.receives = 1, .sends = 1}));
  size_t asked = 0;
  for (int i = 0; i < 1000; ++i) {
    for (RawRq& rq : queues) app.nop(rq, 1);
    app.dequeue_all(cq);
    bed.poll();
    asked += bed.barriers.size();
    while (!bed.barriers.empty()) bed.answer_barrier();
    ASSERT_EQ(one.rq.header->state, RIO_RQ_STATE_HOT) << i;
  }
  EXPECT_LE(asked, 21u);  // one in 50 us
}

}  // namespace
}  // namespace pinion::testing
