// No wake-up is lost: two processes hand over through the post and the sleep of ring.h, racing on
// two CPUs. With the barrier none of 400,000 is lost; without it, some are, so the test can fail.
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>

#include <optional>

#include "base/rng.h"
#include "host/membarrier.h"
#include "isolation/application.h"
#include "isolation/daemon.h"

namespace pinion::testing {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kAtomicsAreFences = true;  // ThreadSanitizer's runtime locks around each of them
#else
constexpr bool kAtomicsAreFences = false;
#endif

// Which side pays for the order of its store and its load.
struct Barriers {
  bool poster_fences = false;      // an application that could not register for membarrier
  bool watcher_membarrier = true;  // the core
};

// Several queues, since one barrier of a core serves many: a slot, a state and a doorbell each, on
// lines of their own. `go` and `decided` only pace the test.
constexpr uint32_t kQueues = 16;
struct Desk {
  struct alignas(64) Line {
    uint32_t word;
  };
  Line sequence[kQueues];
  Line state[kQueues];  // RIO_RQ_STATE_*
  Line bell[kQueues];
  Line slow[2];  // of the poster, of the watcher: see stall_stores
  Line go;       // the round that may be posted
  Line decided;  // the round whose poster has looked at every state
};

class Race {
 public:
  explicit Race(const Barriers& barriers) : barriers_(barriers) {
    void* p =
        mmap(nullptr, sizeof(Desk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    desk_ = static_cast<Desk*>(p);
    sched_getaffinity(0, sizeof cpus_, &cpus_);
  }
  ~Race() {
    sched_setaffinity(0, sizeof cpus_, &cpus_);
    munmap(desk_, sizeof *desk_);
  }

  // Until `hand_overs` were made, or `enough` were lost. Returns how many were lost.
  uint64_t run(uint32_t hand_overs, uint64_t enough, const std::vector<int>& cpus) {
    const uint32_t rounds = hand_overs / kQueues;
    Process poster([&] {
      pin(cpus[0]);
      if (!barriers_.poster_fences)
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
      Process::ready();
      Rng rng(1);
      for (uint32_t round = 0; round < rounds; ++round) post(round, rng);
      return 0;
    });
    EXPECT_TRUE(poster.wait_ready());
    pin(cpus[1]);
    Rng rng(2);
    uint64_t lost = 0;
    uint32_t round = 0;
    while (round < rounds && lost < enough) lost += watch(round++, rng);
    if (lost >= enough) poster.kill();
    poster.wait();
    std::printf("%llu of %u hand-overs lost\n", static_cast<unsigned long long>(lost),
                round * kQueues);
    return lost;
  }

 private:
  static constexpr uint32_t kDelayMax = 512, kSpins = 1u << 17;

  // Gives the CPU away after longer than the other side needs, if it runs at all.
  static void wait_for(const Desk::Line& line, uint32_t value) {
    for (uint32_t spins = 1; rio_word_load(&line.word) != value; ++spins)
      if (spins % kSpins == 0) sched_yield();
  }
  // Stores become visible in their order, so those that follow wait in the store buffer until the
  // memory behind the caches has answered for this one. What is read after them does not wait:
  // without a barrier the race is lost on every machine, however near its processors are.
  static void stall_stores(Desk::Line& line, uint32_t value) {
#if defined(__x86_64__)
    __builtin_ia32_clflush(&line);
#endif
    rio_word_store(&line.word, value);
  }
  static void delay(Rng& rng) {
    for (uint64_t n = rng.next() % kDelayMax; n > 0; --n) __asm__ volatile("");
  }
  static void pin(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(cpu), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  bool hot(uint32_t queue) const {
    return rio_word_load(&desk_->state[queue].word) == RIO_RQ_STATE_HOT;
  }

  // As rio_post_ does, on each queue. The states were looked at before, by earlier posts.
  void post(uint32_t round, Rng& rng) {
    wait_for(desk_->go, round + 1);
    for (uint32_t i = 0; i < kQueues; ++i) hot(i);
    delay(rng);
    stall_stores(desk_->slow[0], round);
    for (uint32_t i = 0; i < kQueues; ++i) {
      rio_ring_publish(&desk_->sequence[i].word, round);
      rio_ring_post_barrier(!barriers_.poster_fences);
      if (!hot(i)) rio_word_store(&desk_->bell[i].word, round + 1);
    }
    rio_word_store(&desk_->decided.word, round + 1);
  }

  // As a core does: polls, marks, barrier, looks again, stops watching. Returns on how many queues
  // a slot is there that it did not see, and nobody rang.
  uint32_t watch(uint32_t round, Rng& rng) {
    for (Desk::Line& state : desk_->state) rio_word_store(&state.word, RIO_RQ_STATE_HOT);
    rio_word_store(&desk_->go.word, round + 1);
    delay(rng);
    for (Desk::Line& slot : desk_->sequence) rio_ring_ready(&slot.word, round);
    stall_stores(desk_->slow[1], round);
    for (Desk::Line& state : desk_->state) rio_word_store(&state.word, RIO_RQ_STATE_COLD);
    if (barriers_.watcher_membarrier) global_membarrier();
    bool seen[kQueues];
    for (uint32_t i = 0; i < kQueues; ++i)
      seen[i] = rio_ring_ready(&desk_->sequence[i].word, round);
    wait_for(desk_->decided, round + 1);
    uint32_t lost = 0;
    for (uint32_t i = 0; i < kQueues; ++i)
      lost += !seen[i] && rio_word_load(&desk_->bell[i].word) != round + 1;
    return lost;
  }

  Barriers barriers_;
  Desk* desk_ = nullptr;
  cpu_set_t cpus_{};
};

class LostWakeup : public ::testing::Test {
 protected:
  static constexpr uint32_t kHandOvers = 400'000;

  void SetUp() override {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof cpus, &cpus);
    for (size_t i = 0; i < CPU_SETSIZE && cpus_.size() < 2; ++i)
      if (CPU_ISSET(i, &cpus)) cpus_.push_back(static_cast<int>(i));
    if (cpus_.size() < 2) GTEST_SKIP() << "the two processes can only race on two CPUs";
    if (global_membarrier() != 0) GTEST_SKIP() << "this Linux has no membarrier";
  }
  std::vector<int> cpus_;
};

TEST_F(LostWakeup, NoneWithTheMembarrierOfTheCore) {
  EXPECT_EQ(Race({}).run(kHandOvers, 1, cpus_), 0u);
}

TEST_F(LostWakeup, NoneWithTheFenceOfAPosterThatCouldNotRegister) {
  EXPECT_EQ(Race({.poster_fences = true}).run(kHandOvers, 1, cpus_), 0u);
}

TEST_F(LostWakeup, SomeWithoutTheBarrier) {
  if (kAtomicsAreFences) GTEST_SKIP() << "ThreadSanitizer makes a fence of every atomic access";
  constexpr uint32_t kBound = 4'000'000;
  const uint64_t lost = Race({.watcher_membarrier = false}).run(kBound, 100, cpus_);
  EXPECT_GT(lost, 0u) << "of " << kBound;
}

// The whole stack: a core that goes to sleep whenever it has nothing to do, and whose sleep only a
// signal can end. One lost would hang this.
class RealCore : public DaemonTest {};

TEST_F(RealCore, WakesForEveryHandOver) {
  start({.sleep_after = 1, .core_silent_ms = 3'600'000});
  Process process([&] {
    Application app;
    if (const int status = app.attach(path_); status != 0) return status;
    alarm(100);
    for (int i = 0; i < 100'000; ++i)
      if (const int status = app.nops(1); status != 0) return status;
    return 0;
  });
  EXPECT_EQ(process.wait(), 0);
  EXPECT_GT(daemon_->core().sleeps(), 0u);
}

}  // namespace
}  // namespace pinion::testing
