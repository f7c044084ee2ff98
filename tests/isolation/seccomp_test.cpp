// The data path makes no system call: the application's data thread works under a seccomp filter
// that kills the process on every call but exit. And when the core may sleep, it costs exactly one
// signal a sleep.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <thread>

#include "isolation/application.h"
#include "isolation/daemon.h"

namespace pinion::testing {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// From here on this thread may load, store and exit.
bool allow_only_exit() {
#if defined(__x86_64__)
  constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#else
  constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{sizeof filter / sizeof *filter, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

// `depth` datagrams on their way at any time; each is looked at when it comes back.
struct DataPath {
  static constexpr uint32_t kDepth = 1024, kBytes = 64;
  Application& app;
  uint64_t sent = 0, received = 0, completed = 0;

  uint64_t* at(uint32_t half, uint64_t i) {
    return reinterpret_cast<uint64_t*>(app.memory + (half * kDepth + i % kDepth) * kBytes);
  }
  rio_slice slice(uint32_t half, uint64_t i) {
    return app.slice(static_cast<uint32_t>((half * kDepth + i % kDepth) * kBytes), kBytes);
  }
  int post() {
    const rio_slice in = slice(1, sent), out = slice(0, sent);
    *at(0, sent) = sent;
    if (app.socket.receive(&in, 0, sent) != 0) return 51;
    if (app.socket.send(&out, 0, sent) != 0) return 52;
    ++sent;
    return 0;
  }
  // One receive and one send for each of n.
  int run(uint64_t n) {
    rio_result results[64];
    while (received < n || completed < n) {
      while (sent < n && sent - received < kDepth && sent - completed < kDepth)
        if (const int status = post(); status != 0) return status;
      const int got = app.cq.dequeue(results, 64);
      if (got < 0) return 53;
      for (int i = 0; i < got; ++i) {
        const rio_result& r = results[i];
        if (r.status != 0 || r.bytes != kBytes) return 54;
        uint64_t& next = r.opcode == RIO_OP_RECEIVE ? received : completed;
        if (r.request_context != next) return 55;
        if (r.opcode == RIO_OP_RECEIVE && *at(1, next) != next) return 56;
        ++next;
      }
    }
    return 0;
  }
};

class Seccomp : public DaemonTest {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "a sanitizer's runtime makes system calls of its own";
    start();
  }
  // Attaches, and runs `body` in a data thread of its own under the filter.
  int run_filtered(const std::function<int(Application&)>& body) {
    Process process([&] {
      Application app;
      int status = app.attach(path_, 0, DataPath::kDepth);
      if (status == 0) status = app.connect();
      if (status == 0) status = app.nops(1);  // rings once: the queue is hot from here on
      if (status != 0) return status;
      std::thread data([&] { _exit(allow_only_exit() ? body(app) : 50); });
      pause();
      return 49;
    });
    return process.wait();
  }
};

TEST_F(Seccomp, AMillionRequestsMakeNoSystemCall) {
  if (std::thread::hardware_concurrency() < 2)
    GTEST_SKIP() << "core and application spin: one CPU would take a time slice for each batch";
  EXPECT_EQ(run_filtered([](Application& app) {
              const rio_abi_rq& queue = *app.socket.queue()->header;
              const uint64_t doorbells = queue.doorbells;
              DataPath path{app};
              if (const int status = path.run(500'000); status != 0) return status;
              return queue.doorbells == doorbells && queue.signals == 0 ? 0 : 57;
            }),
            0);
}

// The control: the filter does kill.
TEST_F(Seccomp, OneWriteUnderTheSameFilterDies) {
  EXPECT_EQ(run_filtered([](Application&) {
              (void)!write(STDERR_FILENO, "", 0);
              return 0;
            }),
            -SIGSYS);
}

// Only a request can end the core's sleep here. The first of a burst is worth one signal, the rest
// none, as long as the core does not sleep again in between.
class Sleep : public DaemonTest {
 protected:
  static constexpr int kRounds = 50, kTriesMax = 1000, kBurst = 5;

  // Each byte in `go` says that the core has gone to sleep.
  static int count_signals(Application& app, int go) {
    const rio_abi_session& shown = *app.socket.queue()->session_header;
    bool settled = false;  // the core is in a sleep that no earlier signal can end
    int exact = 0;
    Process::ready();
    char byte;
    for (int i = 0; i < kTriesMax && read(go, &byte, 1) == 1; ++i) {
      const uint64_t signals = rio_word64_load(&shown.signals);
      const uint32_t sleep = rio_word_load(&shown.sleeps);
      if (const int status = app.nops(kBurst); status != 0) return status;
      // Else this process was stopped for so long that the core slept again, or had not slept yet.
      const bool one_sleep = sleep % 2 == 1 && rio_word_load(&shown.sleeps) == sleep + 1;
      if (settled && one_sleep && rio_word64_load(&shown.signals) != signals + 1) return 61;
      if (settled && one_sleep && ++exact == kRounds) return 0;
      settled = one_sleep;
      Process::ready();
    }
    return 62;
  }
};

TEST_F(Sleep, ExactlyOneSignalForEachSleep) {
  start({.sleep_after = 10 * kMilli, .core_silent_ms = 3'600'000});
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  Process process([&] {
    close(go[1]);
    Application app;
    const int status = app.attach(path_);
    return status != 0 ? status : count_signals(app, go[0]);
  });
  close(go[0]);
  uint64_t slept = 0;
  while (process.wait_ready()) {
    // Counted when nothing but a signal can keep it from sleeping on.
    ASSERT_GE(ms_until([&] { return daemon_->core().sleeps() > slept; }), 0);
    slept = daemon_->core().sleeps();
    ASSERT_EQ(write(go[1], "g", 1), 1);
  }
  EXPECT_EQ(process.wait(), 0);
  close(go[1]);
}

}  // namespace
}  // namespace pinion::testing
