// Chaos: hostile applications one after another, three at a time, from a seed, beside a bystander
// whose bytes are checked. PINION_CHAOS_SECONDS says how long (tests/isolation/run: ten minutes),
// PINION_CHAOS_SEED which.
#include <cstdlib>
#include <memory>
#include <numeric>
#include <vector>

#include "isolation/bystander.h"
#include "isolation/chaos/chaotic.h"

namespace pinion::testing {
namespace {

class Chaos : public BystanderTest {
 protected:
  static uint64_t number(const char* name, uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
  }
  // Returns how many lives were lived.
  uint64_t rage(Nanos duration, uint64_t seed) {
    std::vector<Slot> slots(kAtATime);
    Rng rng(seed);
    uint64_t lives = 0;
    for (const Nanos end = monotonic_now() + duration; monotonic_now() < end;) {
      for (Slot& slot : slots) {
        if (slot.process != nullptr && alive(*slot.process) && !is_over(slot)) continue;
        if (slot.process != nullptr) slot.process->kill(), slot.process->wait();
        begin(slot, &acts_[&slot - slots.data()], rng);
        ++lives;
      }
      usleep(500);
    }
    return lives;
  }
  uint64_t acts() const { return std::accumulate(acts_, acts_ + kAtATime, uint64_t{0}); }
  static constexpr size_t kAtATime = 3;
  uint64_t* acts_ = nullptr;  // of those of each slot

 private:
  struct Slot {
    std::unique_ptr<Process> process;
    const uint64_t* acts = nullptr;
    uint64_t acts_before = 0;
    Nanos span = 0;
    Nanos until = 0;  // kNever: not before its first act
  };
  // Two of three lives count from their first act on, however long a busy machine takes to let them
  // in; the others end at any moment of their way there too.
  void begin(Slot& slot, uint64_t* acts, Rng& rng) {
    const uint64_t life = rng.next();
    slot.acts = acts;
    slot.acts_before = rio_word64_load(acts);
    slot.span = static_cast<Nanos>(rng.next() % 300) * kMilli;
    slot.until = rng.next() % 3 == 0 ? monotonic_now() + slot.span : kNever;
    slot.process = std::make_unique<Process>([this, life, acts] {
      ChaoticLife(path_, life, acts).live();
      return 0;
    });
  }
  static bool is_over(Slot& slot) {
    const Nanos now = monotonic_now();
    if (slot.until == kNever && rio_word64_load(slot.acts) != slot.acts_before)
      slot.until = now + slot.span;
    return now >= slot.until;
  }
  static bool alive(const Process& process) {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(process.pid()), &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           info.si_pid == 0;
  }
};

TEST_F(Chaos, TheBystanderLosesNothing) {
  const uint64_t seed = number("PINION_CHAOS_SEED", 1);
  const auto seconds = static_cast<Nanos>(number("PINION_CHAOS_SECONDS", 10));
  // A core that may sleep, and one that does not; with DMA, and without.
  const DaemonOptions variants[] = {{}, {.sleep_after = kMilli, .dma_delay = 200 * kMicro}};
  for (const DaemonOptions& options : variants) {
    SCOPED_TRACE("PINION_CHAOS_SEED=" + std::to_string(seed));
    start(options);
    void* counter = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    acts_ = static_cast<uint64_t*>(counter);
    const uint64_t lives = rage(seconds * kSecond / 2, seed);
    expect_alone();
    const AttachServer::Status& status = daemon_->status();
    std::printf("chaos: seed %lu, %lu lives, %lu attached, %lu acts, %lu sessions ended for it\n",
                seed, lives, status.attached.load(), acts(), status.broken.load());
    EXPECT_GT(status.attached.load(), lives / 4);
    EXPECT_GT(acts(), lives);
    munmap(acts_, kPage);
    finish();
  }
}

}  // namespace
}  // namespace pinion::testing
