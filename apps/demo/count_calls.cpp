// See count_calls.h.
#include "demo/count_calls.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "demo/samples.h"

namespace pinion::demo {

namespace {

class Tracee {
 public:
  explicit Tracee(pid_t pid) : pid_(pid) {
    must(ptrace(PTRACE_SEIZE, pid_, nullptr, PTRACE_O_TRACESYSGOOD) == 0, "ptrace");
    ask_to_stop();
    int status;
    must(waitpid(pid_, &status, __WALL) == pid_, "waitpid");
    go_on(status);
  }

  void ask_to_stop() const { ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr); }

  // Looks at stops until there is none left. False: the process has ended.
  bool take_stops() {
    int status;
    while (waitpid(pid_, &status, __WALL | WNOHANG) == pid_) {
      if (!WIFSTOPPED(status)) return false;
      count(status);
      go_on(status);
    }
    return true;
  }

  void detach() {
    ask_to_stop();
    int status;
    while (waitpid(pid_, &status, __WALL) == pid_ && WIFSTOPPED(status)) {
      count(status);
      if (status >> 16 == PTRACE_EVENT_STOP) {
        ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
        return;
      }
      go_on(status);
    }
  }

  uint64_t calls() const { return calls_; }

 private:
  static bool is_call(int status) { return WSTOPSIG(status) == (SIGTRAP | 0x80); }

  void count(int status) {
    __ptrace_syscall_info info{};
    if (!is_call(status)) return;
    ptrace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof info, &info);
    calls_ += info.op == PTRACE_SYSCALL_INFO_ENTRY;
  }

  // To the next system call; a signal of its own is handed to it.
  void go_on(int status) const {
    const bool signal = !is_call(status) && status >> 16 == 0;
    ptrace(PTRACE_SYSCALL, pid_, nullptr, signal ? WSTOPSIG(status) : 0);
  }

  pid_t pid_;
  uint64_t calls_ = 0;
};

}  // namespace

int run_count_calls(pid_t pid) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGCHLD);  // a stop of the other process
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  Tracee tracee(pid);
  std::printf("counting\n");
  std::fflush(stdout);
  for (;;) {
    if (sigwaitinfo(&wanted, nullptr) == SIGTERM) break;
    if (!tracee.take_stops()) {
      std::fprintf(stderr, "pinion_demo: process %d has ended\n", pid);
      return 1;
    }
  }
  tracee.detach();
  std::printf("calls=%llu\n", static_cast<unsigned long long>(tracee.calls()));
  return 0;
}

}  // namespace pinion::demo
