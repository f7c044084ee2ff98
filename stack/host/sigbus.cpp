// The SIGBUS handler and its table of ranges; see sigbus.h. Everything the handler touches is a
// lock-free atomic or a system call.
#include "host/sigbus.h"

#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <mutex>

namespace pinion {

namespace {

constexpr int kWatchesMax = 8192;

struct Watch {
  std::atomic<uintptr_t> base{0};  // 0: free; stored last
  std::atomic<size_t> size{0};
  std::atomic<bool> evicted{false};
};

Watch watches[kWatchesMax];
std::mutex watches_mutex;  // of those who add and remove, never of the handler
static_assert(std::atomic<uintptr_t>::is_always_lock_free);

bool replace_by_zeros(Watch& w, uintptr_t address) {
  const uintptr_t base = w.base.load();
  const size_t size = w.size.load();
  if (base == 0 || address < base || address - base >= size) return false;
  void* const at = reinterpret_cast<void*>(base);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  if (mmap(at, size, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) return false;
  w.evicted.store(true);
  return true;
}

void on_sigbus(int number, siginfo_t* info, void*) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Watch& w : watches)
    if (replace_by_zeros(w, address)) return;
  signal(number, SIG_DFL);  // not ours: the access is repeated, and is fatal
}

}  // namespace

void install_sigbus_backstop() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, nullptr);
  });
}

int watch_range(void* base, size_t size) {
  const std::lock_guard lock(watches_mutex);
  for (int i = 0; i < kWatchesMax; ++i) {
    if (watches[i].base.load() != 0) continue;
    watches[i].evicted.store(false);
    watches[i].size.store(size);
    watches[i].base.store(reinterpret_cast<uintptr_t>(base));
    return i;
  }
  return -1;
}

void unwatch_range(int watch) {
  const std::lock_guard lock(watches_mutex);
  if (watch >= 0) watches[watch].base.store(0);
}

bool range_evicted(int watch) { return watch >= 0 && watches[watch].evicted.load(); }

}  // namespace pinion
