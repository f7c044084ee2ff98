// What the queues promise (rio.h), on a kernel without ports: order, exactly one completion,
// quotas, deferral, signals, resizing, and the end of a socket. Requests are nops, except where a
// receive must stay outstanding.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "support/bed.h"
#include "support/memory_port.h"

namespace pinion::testing {
namespace {

TEST(Queue, NopCompletesInOrderWithBothContexts) {
  QueueBed bed;
  OneQueue one(bed, 0, {.receives = 4, .sends = 4, .socket_context = 77});
  for (uint64_t i = 0; i < 4; ++i) one.app.nop(one.rq, 100 + i);
  bed.poll();
  const auto done = one.app.dequeue_all(one.cq);
  ASSERT_EQ(done.size(), 4u);
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(done[i].status, 0);
    EXPECT_EQ(done[i].request_context, 100 + i);
    EXPECT_EQ(done[i].socket_context, 77u);
    EXPECT_EQ(done[i].request_queue, one.rq.id);
    EXPECT_EQ(done[i].flags & RIO_CF_OPCODE_MASK, uint32_t{RIO_OP_NOP});
  }
}

// HOSTILE A49: rings of 1, 2 and 4 slots, positions that pass 2^32.
TEST(Queue, SmallRingsWrapAroundTwoToThe32) {
  for (const uint32_t sends : {1u, 2u, 4u}) {
    QueueBed bed;
    OneQueue one(bed, 0, {.receives = 0, .sends = sends, .start = 0xFFFFFFFDu});
    for (uint64_t i = 0; i < 20; ++i) {
      for (uint32_t k = 0; k < sends; ++k) one.app.nop(one.rq, i * 10 + k);
      bed.poll();
      const auto done = one.app.dequeue_all(one.cq);
      ASSERT_EQ(done.size(), sends) << "ring of " << sends << ", round " << i;
      for (uint32_t k = 0; k < sends; ++k) EXPECT_EQ(done[k].request_context, i * 10 + k);
    }
    EXPECT_TRUE(bed.broken.empty());
  }
}

TEST(Queue, NewRingShowsNoPhantomWhateverItsStart) {
  for (const uint32_t start : {0u, 1u, 3u, 0xFFFFFFFDu, 0xFFFFFFFFu, 0x80000000u}) {
    for (uint32_t mask : {0u, 1u, 3u, 63u})
      for (uint32_t p = 0; p <= mask; ++p) {
        const uint32_t position = start + p;
        const uint32_t initial = rio_ring_initial_sequence(position & mask, start, mask);
        EXPECT_FALSE(rio_ring_ready(&initial, position));
        EXPECT_EQ(initial, position);
      }
  }
}

TEST(Queue, NewQueueIsColdAndFirstDoorbellMakesItHot) {
  QueueBed bed;
  OneQueue one(bed);
  EXPECT_EQ(one.rq.header->state, RIO_RQ_STATE_COLD);
  one.app.nop(one.rq, 1);
  bed.poll();
  EXPECT_EQ(one.rq.header->state, RIO_RQ_STATE_HOT);
  // Hot: found without a doorbell.
  rio_abi_request& slot = one.rq.slots[one.rq.position & one.rq.mask];
  slot.opcode = RIO_OP_NOP, slot.request_context = 2;
  rio_ring_publish(&slot.sequence, one.rq.position++);
  bed.poll();
  EXPECT_EQ(one.app.dequeue_all(one.cq).size(), 2u);
}

TEST(Queue, PinnedQueueIsHotFromTheStart) {
  QueueBed bed;
  OneQueue one(bed, 0, {.flags = RIO_RQ_HOT});
  EXPECT_EQ(one.rq.header->state, RIO_RQ_STATE_HOT);
}

// ARCHITECTURE.md 2: only hot_queues_max being exceeded makes a queue cold, the one idle longest;
// it is polled until the barrier is answered, and looked at once more then.
TEST(Queue, LeastRecentlyUsedCoolsDownAndLosesNothing) {
  QueueBed bed({.hot_queues_max = 2});
  OneQueue a(bed, 0), b(bed, 1), c(bed, 2);
  for (OneQueue* q : {&a, &b, &c}) q->app.nop(q->rq, 1), bed.poll();
  EXPECT_EQ(a.rq.header->state, RIO_RQ_STATE_COLD);
  EXPECT_EQ(b.rq.header->state, RIO_RQ_STATE_HOT);
  EXPECT_EQ(c.rq.header->state, RIO_RQ_STATE_HOT);
  ASSERT_EQ(bed.barriers.size(), 1u);
  // A post whose load of the state was early: no doorbell. The look after the barrier finds it.
  rio_abi_request& slot = a.rq.slots[a.rq.position & a.rq.mask];
  slot.opcode = RIO_OP_NOP, slot.request_context = 2;
  rio_ring_publish(&slot.sequence, a.rq.position++);
  bed.answer_barrier();
  bed.poll();
  EXPECT_EQ(a.app.dequeue_all(a.cq).size(), 2u);
}

TEST(Queue, QueueWithoutDoorbellIsFoundInRotation) {
  QueueBed bed({.request_queues_max = 16});
  OneQueue one(bed);
  rio_abi_request& slot = one.rq.slots[0];
  slot.opcode = RIO_OP_NOP, slot.buffer_id = RIO_INVALID_BUFFER;
  rio_ring_publish(&slot.sequence, one.rq.position++);
  for (int i = 0; i < 16; ++i) bed.now += 10 * kMicro, bed.poll();
  EXPECT_EQ(one.app.dequeue_all(one.cq).size(), 1u);
}

// No overflow path: without a reader the core stops at the ring's capacity, and goes on after.
TEST(Queue, UnreadCompletionsStopTheQueueNotTheCore) {  // HOSTILE A25
  QueueBed bed;
  OneQueue one(bed, 0, {.receives = 0, .sends = 4});
  const uint32_t capacity = one.cq.mask + 1;
  uint64_t posted = 0;
  for (int i = 0; i < 10; ++i) {
    for (uint32_t k = 0; k < 4; ++k) one.app.nop(one.rq, posted++);
    bed.poll();
    if (posted >= capacity + 4) break;
  }
  EXPECT_TRUE(bed.broken.empty());
  uint64_t next = 0;
  while (auto c = one.app.dequeue(one.cq)) {
    EXPECT_EQ(c->request_context, next++);
    bed.poll();
  }
  EXPECT_EQ(next, posted);
}

TEST(Queue, CompletionQueueRefusesMoreThanItWasAskedFor) {
  QueueBed bed;
  RawApp app(bed.kernel, 0, bed.now);
  const RawCq cq = app.create_cq(8);
  RawRq rq;
  EXPECT_EQ(app.try_create_rq(app.socket(), cq, cq, {.receives = 4, .sends = 5}, rq).status,
            -ENOSPC);
  EXPECT_EQ(app.try_create_rq(app.socket(), cq, cq, {.receives = 4, .sends = 4}, rq).status, 0);
  EXPECT_EQ(app.try_create_rq(app.socket(), cq, cq, {.receives = 1, .sends = 0}, rq).status,
            -ENOSPC);
  EXPECT_EQ(app.try_create_rq(app.socket(), cq, cq, {.receives = 0, .sends = 0}, rq).status,
            -EINVAL);
}

TEST(Queue, SecondRequestQueueOnASocketIsRefused) {
  QueueBed bed;
  OneQueue one(bed, 0, {.receives = 2, .sends = 2});
  const RawCq cq = one.app.create_cq(8);
  RawRq rq;
  EXPECT_EQ(one.app.try_create_rq(one.socket, cq, cq, {.receives = 1, .sends = 1}, rq).status,
            -EALREADY);
}

TEST(Queue, ReceivesBeyondTheQuotaFailAlone) {
  QueueBed bed;
  OneQueue one(bed, 0, {.receives = 2, .sends = 2});
  for (uint64_t i = 0; i < 3; ++i) one.app.receive(one.rq, 0, 64, i);
  bed.poll();
  const auto done = one.app.dequeue_all(one.cq);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, -ENOBUFS);
  EXPECT_EQ(done[0].request_context, 2u);
}

TEST(Queue, CloseCancelsReceivesInOrderAndFreesTheQueueAfterTheLastDequeue) {
  QueueBed bed;
  OneQueue one(bed, 0, {.receives = 4, .sends = 4});
  for (uint64_t i = 0; i < 3; ++i) one.app.receive(one.rq, 0, 64, i);
  bed.poll();
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET_CLOSE, m.handle = one.socket;
  EXPECT_EQ(one.app.call(m).status, 0);
  EXPECT_EQ(one.app.call(m).status, -EBADF);
  bed.poll(4);
  EXPECT_EQ(bed.kernel.server().usage().request_queues, 1u);
  const auto done = one.app.dequeue_all(one.cq);
  ASSERT_EQ(done.size(), 3u);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(done[i].status, -ECANCELED);
    EXPECT_EQ(done[i].request_context, i);
  }
  bed.poll(4);
  EXPECT_EQ(bed.kernel.server().usage().request_queues, 0u);
  EXPECT_EQ(bed.kernel.server().usage().sockets, 0u);
  EXPECT_EQ(bed.kernel.server().usage().requests, 0u);
}

TEST(Queue, NotifySignalsOnceAndAtOnceIfSomethingIsQueued) {
  QueueBed bed;
  RawApp app(bed.kernel, 0, bed.now);
  RawCq cq = app.create_cq(16, 0, 5);
  RawRq rq = app.create_rq(app.socket(), cq, cq, {.receives = 8, .sends = 8});
  app.nop(rq, 1);
  bed.poll();
  EXPECT_TRUE(bed.signals.empty());  // nobody asked
  app.ring(cq.doorbell);
  bed.poll();
  EXPECT_EQ(bed.signals.size(), 1u);  // queued already
  app.nop(rq, 2), app.nop(rq, 3);
  bed.poll();
  EXPECT_EQ(bed.signals.size(), 1u);  // one signal an arm
  app.dequeue_all(cq);
  app.ring(cq.doorbell);
  bed.poll();
  EXPECT_EQ(bed.signals.size(), 1u);  // empty: waits
  app.nop(rq, 4), app.nop(rq, 5);
  bed.poll();
  EXPECT_EQ(bed.signals.size(), 2u);
  EXPECT_EQ(cq.header->signals, 2u);
}

TEST(Queue, DontNotifyNeverSignalsAndIsStillDequeued) {
  QueueBed bed;
  RawApp app(bed.kernel, 0, bed.now);
  RawCq cq = app.create_cq(16, 0, 5);
  RawRq rq = app.create_rq(app.socket(), cq, cq, {.receives = 8, .sends = 8});
  app.ring(cq.doorbell);
  app.nop(rq, 1, RIO_DONT_NOTIFY);
  bed.poll(2);
  EXPECT_TRUE(bed.signals.empty());
  app.nop(rq, 2);
  bed.poll();
  EXPECT_EQ(bed.signals.size(), 1u);
  EXPECT_EQ(app.dequeue_all(cq).size(), 2u);
}

TEST(Queue, RequestQueueResizeCarriesOutstandingOver) {
  QueueBed bed;
  RawApp app(bed.kernel, 0, bed.now);
  RawCq cq = app.create_cq(64);
  RawRq rq = app.create_rq(app.socket(), cq, cq, {.receives = 4, .sends = 4});
  app.receive(rq, 0, 64, 1);
  bed.poll();
  app.nop(rq, 2), app.nop(rq, 3);  // posted before P, not taken yet
  RawRq bigger;
  const rio_control reply = app.resize_rq(rq, {.receives = 8, .sends = 16}, bigger);
  ASSERT_EQ(reply.status, 0);
  for (uint64_t i = 0; i < 14; ++i) app.nop(bigger, 10 + i);
  bed.poll();
  const auto done = app.dequeue_all(cq);
  ASSERT_EQ(done.size(), 16u);
  EXPECT_EQ(done[0].request_context, 2u);
  EXPECT_EQ(done[2].request_context, 10u);
  RawRq smaller;
  EXPECT_EQ(app.resize_rq(bigger, {.receives = 0, .sends = 4}, smaller).status, -EINVAL);
  app.nop(bigger, 99);
  bed.poll();
  EXPECT_EQ(app.dequeue_all(cq).size(), 1u);  // unchanged
}

// A slot of a session serves many, one after the other, each with quotas of its own.
TEST(Queue, ASessionsQueuesStartAtTheFirstIndexWhateverTheLastOneUsed) {
  QueueBed bed;
  const auto fill = [&bed](uint32_t queues_max, uint32_t queues) {
    SessionQuota quota;
    quota.queues_max = queues_max;
    RawApp app(bed.kernel, 0, bed.now, quota);
    RawCq cq = app.create_cq(2 * queues);
    for (uint32_t i = 0; i < queues; ++i) {
      RawRq rq = app.create_rq(app.socket(), cq, cq, {.receives = 1, .sends = 1});
      EXPECT_EQ(rq.id, i);
      app.nop(rq, i);
      bed.poll();
      EXPECT_EQ(app.dequeue_all(cq).size(), 1u) << "queue " << i << " of " << queues;
    }
  };
  fill(5, 4), fill(2, 2), fill(3, 3);
}

// A barrier that was asked for before a queue was marked says nothing about a post that was early.
TEST(Queue, ABarrierFromBeforeTheMarkDoesNotEndThePolling) {
  QueueBed bed({.hot_queues_max = 1});
  OneQueue a(bed, 0), b(bed, 1);
  a.app.nop(a.rq, 1), bed.poll();
  b.app.nop(b.rq, 1), bed.poll();  // a cools down: the first barrier
  ASSERT_EQ(bed.barriers.size(), 1u);
  b.app.end(), bed.poll();
  a.app.nop(a.rq, 2), bed.poll();  // hot again
  ASSERT_EQ(a.rq.header->state, RIO_RQ_STATE_HOT);
  OneQueue c(bed, 2);
  c.app.nop(c.rq, 1), bed.poll();  // a is marked once more, behind the first barrier
  ASSERT_EQ(a.rq.header->state, RIO_RQ_STATE_COLD);
  bed.answer_barrier();
  // Posted by one who saw the queue hot: no doorbell.
  rio_abi_request& slot = a.rq.slots[a.rq.position & a.rq.mask];
  slot.opcode = RIO_OP_NOP, slot.request_context = 3;
  rio_ring_publish(&slot.sequence, a.rq.position++);
  bed.poll();
  EXPECT_EQ(a.app.dequeue_all(a.cq).size(), 3u);
}

TEST(Queue, ACompletionQueueThatComesAgainCutsNobodyElsesSignal) {
  QueueBed bed;
  const auto arm = [&bed](RawApp& app, int fd) {
    RawCq cq = app.create_cq(16, 0, fd);
    app.ring(cq.doorbell);
    bed.poll();
    return app.create_rq(app.socket(), cq, cq, {.receives = 4, .sends = 4});
  };
  const auto make_due = [](RawApp& app, RawRq rq) {
    app.nop(rq, 1);
    RawRq other;  // resizing takes what is posted, between two passes
    EXPECT_EQ(app.resize_rq(rq, {.receives = 4, .sends = 4}, other).status, 0);
  };
  auto a = std::make_unique<RawApp>(bed.kernel, 0, bed.now);
  RawApp b(bed.kernel, 1, bed.now);
  const RawRq of_a = arm(*a, 5), of_b = arm(b, 6);
  make_due(*a, of_a), make_due(b, of_b);
  bed.signals.clear();
  a = nullptr;
  RawApp next(bed.kernel, 0, bed.now);
  next.create_cq(16, 0, 7);
  bed.poll();
  EXPECT_EQ(bed.signals, std::vector<int>{6});
}

// What never signals counts as empty for rio_notify, after however many entries.
TEST(Queue, NothingNotifiableStaysSoAfterTwoToThe31Entries) {
  rio_abi_cq header{};
  CompletionQueue cq;
  cq.header = &header;
  for (int i = 0; i < 5; ++i) {
    header.consumed = cq.posted += 1u << 30;  // all with DONT_NOTIFY
    ASSERT_TRUE(cq.read_consumed({}));
    EXPECT_FALSE(cq.has_notifiable()) << i;
  }
}

// The commit is counted in the header of the old ring. Started without a route, a send fails.
TEST(Queue, ACommitJustBeforeAResizeIsNotLost) {
  QueueBed bed;
  OneQueue one(bed);
  one.app.send(one.rq, 0, 16, Endpoint{ipv4(10, 0, 0, 2), 7}, 1, RIO_DEFER);
  bed.poll(2);
  EXPECT_TRUE(one.app.dequeue_all(one.cq).empty());
  one.app.commit(one.rq);
  RawRq next;
  ASSERT_EQ(one.app.resize_rq(one.rq, {}, next).status, 0);
  bed.poll(2);
  EXPECT_EQ(one.app.dequeue_all(one.cq).size(), 1u);
}

// The port is free for another socket as soon as nothing of the closed one is left to start, though
// its completions wait for their dequeue; and what is posted from then on is nobody's business.
TEST(Queue, AClosedQueueLetsGoOfItsPortAndTakesNothingNew) {
  MemoryPort port(Mac{{2, 0, 0, 0, 0, 1}});
  NetConfig net;
  net.interfaces = {{.name = "eth0", .port = &port, .addresses = {{ipv4(10, 0, 0, 1), 24}}}};
  QueueBed bed({}, net);
  OneQueue one(bed, 0);
  const Endpoint local{ipv4(10, 0, 0, 1), 4000};
  ASSERT_EQ(one.app.bind(one.socket, local).status, 0);
  one.app.receive(one.rq, 0, 64, 1);
  one.app.nop(one.rq, 2);
  bed.poll();
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET_CLOSE, m.handle = one.socket;
  EXPECT_EQ(one.app.call(m).status, 0);
  bed.poll(3);
  EXPECT_EQ(one.app.bind(one.app.socket(), local).status, 0);
  one.app.nop(one.rq, 3), one.app.ring(one.rq.doorbell);
  bed.poll(3);
  EXPECT_EQ(one.app.dequeue_all(one.cq).size(), 2u);
  bed.poll(3);
  EXPECT_EQ(bed.kernel.server().usage().request_queues, 0u);
  EXPECT_TRUE(one.app.dequeue_all(one.cq).empty());
}

// Also where there is one place, and where all others are still cooling down.
TEST(Queue, PinnedQueueFindsAPlace) {
  QueueBed bed({.hot_queues_max = 1});
  OneQueue a(bed, 0), b(bed, 1), c(bed, 2);
  for (OneQueue* q : {&a, &b, &c}) q->app.nop(q->rq, 1), bed.poll();  // no barrier is answered
  OneQueue pinned(bed, 3, {.flags = RIO_RQ_HOT});
  EXPECT_EQ(pinned.rq.header->state, RIO_RQ_STATE_HOT);
  RawCq cq = pinned.app.create_cq(8);
  RawRq rq;
  const RqOptions options{.receives = 1, .sends = 1, .flags = RIO_RQ_HOT};
  EXPECT_EQ(pinned.app.try_create_rq(pinned.app.socket(), cq, cq, options, rq).status, -ENOSPC);
}

TEST(Queue, SleepMarksAndWakeUnmarks) {
  QueueBed bed;
  OneQueue one(bed);
  one.app.nop(one.rq, 1);
  bed.poll();
  bed.kernel.prepare_sleep(bed.now);
  EXPECT_EQ(one.app.header().sleeps & 1u, 1u);
  EXPECT_EQ(one.rq.header->state, RIO_RQ_STATE_COLD);
  EXPECT_FALSE(bed.kernel.look_again());
  one.app.nop(one.rq, 2);
  EXPECT_TRUE(bed.kernel.look_again());
  bed.kernel.wake(bed.now);
  EXPECT_EQ(one.app.header().sleeps & 1u, 0u);
  EXPECT_EQ(one.rq.header->state, RIO_RQ_STATE_HOT);
  bed.poll();
  EXPECT_EQ(one.app.dequeue_all(one.cq).size(), 2u);
}

TEST(Queue, SessionsAreServedWithinTheirBudget) {
  QueueBed bed;
  SessionQuota quota;
  quota.requests_per_pass = 8;
  OneQueue greedy(bed, 0, {.receives = 0, .sends = 64}, quota), other(bed, 1);
  for (uint64_t i = 0; i < 64; ++i) greedy.app.nop(greedy.rq, i);
  other.app.nop(other.rq, 1);
  bed.poll();
  EXPECT_EQ(greedy.app.dequeue_all(greedy.cq).size(), 8u);
  EXPECT_EQ(other.app.dequeue_all(other.cq).size(), 1u);
  bed.poll(7);
  EXPECT_EQ(greedy.app.dequeue_all(greedy.cq).size(), 56u);
}

}  // namespace
}  // namespace pinion::testing
