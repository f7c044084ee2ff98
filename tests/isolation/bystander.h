// A test with a bystander: another application in a process of its own, whose datagrams and
// connection go on beside whatever the test does. It looks at every byte and at its watch: lost or
// wrong bytes and a wait of more than a second fail the test; what it usually waits is printed.
#pragma once
#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "isolation/application.h"
#include "isolation/daemon.h"

namespace pinion::testing {

inline constexpr size_t kPage = 4096;

// Regions between pages that nobody may touch: a core that leaves one dies.
struct GuardedArena : AddressArena {
  uint64_t reach = 0;

  void* take(size_t bytes) override {
    void* p = mmap(nullptr, bytes + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? nullptr : static_cast<char*>(p) + kPage;
  }
  void give(void* at, size_t bytes) override {
    munmap(static_cast<char*>(at) - kPage, bytes + 2 * kPage);
  }
  uint64_t map(void*, size_t) override { return reach; }
};

class BystanderTest : public DaemonTest {
 protected:
  void start(DaemonOptions options = {}) {
    options.region.arena = &arena_;
    arena_.reach = options.dma_delay != 0;
    DaemonTest::start(options);
    void* p =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = static_cast<Shared*>(p);
    bystander_ = std::make_unique<Process>([this] { return stand_by(); });
    ASSERT_TRUE(bystander_->wait_ready()) << bystander_->wait();
  }
  void TearDown() override { finish(); }
  // The bystander has lost nothing, and the daemon has everything back.
  void finish() {
    if (!daemon_) return;
    bystander_goes_on();
    rio_word_store(&shared_->stop, 1);
    const int ended = bystander_->wait();
    EXPECT_EQ(ended, 0);
    report(ended);
    munmap(shared_, sizeof(Shared));
    expect_baseline();
    daemon_.reset();
  }
  // Some more of its bytes come back.
  void bystander_goes_on(uint64_t rounds = 10) {
    const uint64_t before = rio_word64_load(&shared_->rounds);
    const auto some_more = [&] { return rio_word64_load(&shared_->rounds) > before + rounds; };
    EXPECT_GE(ms_until(some_more, 20 * kSecond), 0);
  }
  // All others are gone within the promised time, seen from the moment of the call.
  void expect_alone() { expect_sessions(1); }

  std::unique_ptr<Process> bystander_;

 private:
  static constexpr uint32_t kSamples = 1u << 16;
  static constexpr Nanos kStall = kSecond;
  struct Shared {
    uint32_t stop;
    uint64_t rounds, longest_ns;
    uint64_t stall_ns;  // the longest, without what its and the daemon's threads waited to run
    uint32_t waited_ns[kSamples];  // of the last so many exchanges
  };

  template <class Exchange>
  int timed(const Exchange& exchange) {
    run_delay();
    const Nanos begin = monotonic_now();
    const int status = exchange();
    const auto took = static_cast<uint64_t>(monotonic_now() - begin);
    const auto others = static_cast<uint64_t>(run_delay());
    if (took > shared_->longest_ns) rio_word64_store(&shared_->longest_ns, took);
    if (took > shared_->stall_ns + others) rio_word64_store(&shared_->stall_ns, took - others);
    shared_->waited_ns[exchanges_++ % kSamples] =
        static_cast<uint32_t>(std::min<uint64_t>(took, UINT32_MAX));
    return status;
  }
  Nanos run_delay() { return own_delay_->since() + daemons_delay_->since(); }
  int stand_by() {
    own_delay_ = std::make_unique<RunDelay>(getpid());
    daemons_delay_ = std::make_unique<RunDelay>(getppid());
    Application app;
    SelfStream stream{app, {}, {}};
    int status = app.attach(path_);
    if (status == 0) status = app.connect();
    if (status == 0) status = stream.connect();
    if (status != 0) return status;
    Process::ready();
    for (uint64_t round = 1; rio_word_load(&shared_->stop) == 0; ++round) {
      if (status = timed([&] { return app.echo(round); }); status != 0) return status;
      if (status = timed([&] { return stream.echo(round); }); status != 0) return status;
      if (status = app.nops(5); status != 0) return status;
      rio_word64_store(&shared_->rounds, round);
      usleep(200);
    }
    return 0;
  }
  // Read by tests/isolation/run.
  void report(int ended) {
    const uint64_t exchanges = 2 * rio_word64_load(&shared_->rounds);
    std::vector<uint32_t> waited(shared_->waited_ns,
                                 shared_->waited_ns + std::min<uint64_t>(exchanges, kSamples));
    if (waited.empty()) return;
    const auto at = waited.begin() + static_cast<ptrdiff_t>(waited.size() * 999 / 1000);
    std::nth_element(waited.begin(), at, waited.end());
    std::printf("bystander: %lu exchanges, %d lost, longest %.1f ms, p99.9 %.1f us\n", exchanges,
                ended == 0 ? 0 : 1, static_cast<double>(shared_->longest_ns) / 1e6, *at / 1e3);
    EXPECT_LE(shared_->stall_ns, static_cast<uint64_t>(kStall));
  }

  GuardedArena arena_;
  Shared* shared_ = nullptr;
  uint64_t exchanges_ = 0;
  std::unique_ptr<RunDelay> own_delay_, daemons_delay_;  // of the bystander's process alone
};

}  // namespace pinion::testing
