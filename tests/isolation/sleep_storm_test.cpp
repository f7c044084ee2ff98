// A core that may sleep, and applications that try to make it pay for that: each attempt to sleep
// costs a barrier in every registered process, so it must not be had for a few bytes.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <rio/rio.hpp>
#include <thread>

#include "isolation/daemon.h"

namespace pinion::testing {
namespace {

constexpr Nanos kSleepAfter = 2 * kMilli;
constexpr int64_t kWatchMs = 200;

struct Application {
  rio::Session session;
  rio::CompletionQueue cq;
  rio::Socket first, second;

  int attach(const std::string& path) {
    if (session.open(path.c_str()) != 0) return 11;
    if (cq.create(session, 16) != 0) return 12;
    for (rio::Socket* socket : {&first, &second}) {
      if (socket->create(session) != 0) return 13;
      if (socket->create_queue(0, 8, cq, cq) != 0) return 14;
    }
    return 0;
  }
  uint32_t sleeps() const { return rio_word_load(&first.queue()->session_header->sleeps); }
};

// Does `disturb` again and again. 0: the core tried to sleep no more often than sleep_after allows.
int attempts_are_few(const Application& a, const std::function<void()>& disturb) {
  const uint32_t before = a.sleeps();
  const Nanos start = monotonic_now();
  Nanos now = start;
  for (; now - start < kWatchMs * kMilli; now = monotonic_now()) disturb();
  const auto attempts = static_cast<int64_t>(a.sleeps() - before) / 2;
  return attempts <= (now - start) / kSleepAfter + 2 ? 0 : 51;
}

TEST(SleepStorm, SignalsWithoutEnd) {
  Daemon daemon({.sleep_after = kSleepAfter});
  Process app([&] {
    Application a;
    if (const int status = a.attach(daemon.socket_path()); status != 0) return status;
    return attempts_are_few(a, [&] { rio_signal_core(a.session.get()); });
  });
  EXPECT_EQ(app.wait(), 0);
}

// It posts beyond its quota and dequeues nothing, so the core holds requests that it cannot take.
TEST(SleepStorm, AQueueWithoutRoom) {
  Daemon daemon({.sleep_after = kSleepAfter});
  Process app([&] {
    Application a;
    if (const int status = a.attach(daemon.socket_path()); status != 0) return status;
    rio_rq* rq = a.first.queue();
    for (uint32_t i = 0; i < 38; ++i) {  // the completion queue takes 32
      rq->sends_done = rq->sends;
      if (rio_nop(rq, 0, i) != 0) return 1;
      usleep(500);
    }
    return attempts_are_few(a, [] { usleep(100); });
  });
  EXPECT_EQ(app.wait(), 0);
}

// A closed queue waits for its last completions to be dequeued: no reason to stay awake.
TEST(SleepStorm, AClosedQueueLetsTheCoreSleep) {
  Daemon daemon({.sleep_after = kSleepAfter});
  Process app([&] {
    Application a;
    if (const int status = a.attach(daemon.socket_path()); status != 0) return status;
    if (rio_nop(a.first.queue(), 0, 1) != 0) return 1;
    usleep(10'000);
    a.first.close();
    Process::ready();
    pause();
    return 0;
  });
  ASSERT_TRUE(app.wait_ready());
  const uint64_t before = daemon.core().sleeps();
  EXPECT_GE(ms_until([&] { return daemon.core().sleeps() > before + 3; }), 0);
}

// For this thread and those that it makes.
bool forbid_membarrier() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// The second queue makes the first one cold. Without the barrier a request that was stored before
// the mark was seen rings no bell, so the core must go on polling.
void keep_polling_without_barrier() {
  if (!forbid_membarrier()) GTEST_SKIP() << "no seccomp filter: " << std::strerror(errno);
  Daemon daemon({.hot_queues_max = 1, .cold_look_every = 3600 * kSecond});
  Process app([&] {
    Application a;
    if (const int status = a.attach(daemon.socket_path()); status != 0) return status;
    rio_rq* rq = a.first.queue();
    rio_result result;
    for (rio::Socket* socket : {&a.first, &a.second}) {
      if (rio_nop(socket->queue(), 0, 0) != 0) return 1;
      while (a.cq.dequeue(&result, 1) == 0) sched_yield();
    }
    while (rio_word_load(&rq->header->state) == RIO_RQ_STATE_HOT) sched_yield();
    usleep(50'000);  // whatever answers a barrier has answered
    rio_abi_request* slot = &rq->slots[rq->position & rq->mask];
    rio_fill_(slot, RIO_OP_NOP, 0, nullptr, nullptr, 7);
    rio_ring_publish(&slot->sequence, rq->position);
    for (int i = 0; i < 2000; ++i, usleep(1000))
      if (a.cq.dequeue(&result, 1) == 1) return result.request_context == 7 ? 0 : 3;
    return 4;
  });
  EXPECT_EQ(app.wait(), 0);
  EXPECT_EQ(daemon.status().barriers_failed.load(), 1u);
}

TEST(SleepStorm, WithoutMembarrierQueuesStayPolled) {
  std::thread(keep_polling_without_barrier).join();
}

}  // namespace
}  // namespace pinion::testing
