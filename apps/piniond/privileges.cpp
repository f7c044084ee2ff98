// See privileges.h. Linux keeps capabilities for each thread, and DPDK has started some that are
// not ours: each is interrupted by a signal and gives up its own. The filter is put on all of them
// by the kernel at once.
#include "piniond/privileges.h"

#include <dirent.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace pinion::daemon {

std::atomic<uint32_t> refused_system_calls{0};

namespace {

constexpr int kDropSignal = SIGUSR2;
constexpr int kTriesMax = 2000;  // a thread may wait for a slow disk meanwhile
constexpr useconds_t kTryUs = 5000;
constexpr uint32_t kNamedMax = 16;
constexpr scmp_datum_t kVfioType = ';';  // linux/vfio.h

uint32_t kept_capabilities = 0;  // bits; written before any thread is interrupted

// Async-signal-safe: system calls only.
void drop_own_capabilities(int) {
  const int error = errno;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (unsigned long cap = 0; cap <= CAP_LAST_CAP; ++cap) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, sets) == 0) {
    for (__user_cap_data_struct& set : sets) {
      const uint32_t still = &set == &sets[0] ? set.permitted & kept_capabilities : 0;
      set = {.effective = still, .permitted = still, .inheritable = 0};
    }
    syscall(SYS_capset, &header, sets);
  }
  errno = error;
}

std::vector<pid_t> threads() {
  std::vector<pid_t> out;
  DIR* dir = opendir("/proc/self/task");
  if (dir == nullptr) return out;
  while (const dirent* entry = readdir(dir))
    if (entry->d_name[0] != '.') out.push_back(std::atoi(entry->d_name));
  closedir(dir);
  return out;
}

// What the kernel says of it. A thread that is gone has nothing.
bool has_given_up(pid_t thread) {
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/status";
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return errno == ENOENT || errno == ESRCH;
  unsigned long long capabilities = 0, effective = 0;
  int no_new = 1;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, "CapPrm: %llx", &effective) == 1) capabilities |= effective;
    if (std::sscanf(line, "CapEff: %llx", &effective) == 1) capabilities |= effective;
    std::sscanf(line, "NoNewPrivs: %d", &no_new);
  }
  std::fclose(file);
  return (capabilities & ~uint64_t{kept_capabilities}) == 0 && no_new == 1;
}

// With CAP_IPC_LOCK nothing limits what is locked; without, this does. False: it cannot be raised,
// as in a container.
bool raise_lock_limit() {
  const rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  return setrlimit(RLIMIT_MEMLOCK, &limit) == 0;
}

// In the place of the call, with its registers: it fails, and somebody can read which it was.
void on_refused_call(int, siginfo_t* info, void* context) {
  const uint32_t count = refused_system_calls.fetch_add(1);
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  registers.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
  registers.regs[0] = static_cast<unsigned long long>(-EPERM);
#else
#error "piniond: no register known for this processor"
#endif
  if (count >= kNamedMax) return;
  char text[] = "piniond: system call      refused by the filter\n";
  constexpr size_t kNumberEnd = 25;
  size_t at = kNumberEnd;
  for (int n = info->si_syscall; n > 0 && at > kNumberEnd - 4; n /= 10)
    text[--at] = static_cast<char>('0' + n % 10);
  (void)!write(STDERR_FILENO, text, sizeof text - 1);
}

// What the threads do from now on, by who does it.
constexpr int kAllowed[] = {
    // Memory: malloc, registered memory, the backstop for lost pages.
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    SCMP_SYS(memfd_create),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    // Descriptors that there are.
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(flock),
    // The control socket, signals to applications, packet sockets of DPDK's drivers.
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(socketpair),
    SCMP_SYS(shutdown),
    SCMP_SYS(pidfd_open),
    // Waiting.
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_create),  // DPDK's interrupt thread, each time an interrupt comes or goes
    SCMP_SYS(epoll_create1),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(futex),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(sched_yield),
    SCMP_SYS(membarrier),
    SCMP_SYS(getrandom),
    SCMP_SYS(restart_syscall),
    // Threads and their ends, a failed CHECK among them.
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getcpu),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

// Calls of which a part is allowed.
int add_partly(scmp_filter_ctx f, bool memif) {
  int status = 0;
  const auto add = [&](uint32_t action, int call, const scmp_arg_cmp& when) {
    const int added = seccomp_rule_add(f, action, call, 1, when);
    if (status == 0) status = added;
  };
  // Threads, no processes. Which clone3 makes is not to be seen: the C library then uses clone.
  add(SCMP_ACT_ALLOW, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  const int no_clone3 = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  if (status == 0) status = no_clone3;
  // A memif connects again by itself, and removes the socket that it listens on. Nobody else:
  // whoever trusts the user at the other end of a socket would do anything for it, and without
  // capabilities root may still remove what is root's.
  if (memif) {
    add(SCMP_ACT_ALLOW, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    for (const int call : {SCMP_SYS(connect), SCMP_SYS(unlink)})
      if (const int added = seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 0); status == 0)
        status = added;
  }
  // Signals to our own threads.
  add(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid())));
  // Is the link of a tap up, or of what a packet socket is bound to? (To set it down, at the end,
  // is up to the kernel.)
  for (const scmp_datum_t request : {scmp_datum_t{SIOCGIFFLAGS}, scmp_datum_t{SIOCSIFFLAGS}})
    add(SCMP_ACT_ALLOW, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, request));
  // vfio: mapping memory, and a device that is restarted. All its requests are of one type.
  add(SCMP_ACT_ALLOW, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, kVfioType << 8));
  for (const scmp_datum_t what : {scmp_datum_t{PR_SET_NAME}, scmp_datum_t{PR_SET_VMA}})
    add(SCMP_ACT_ALLOW, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, what));
  return status;
}

}  // namespace

bool drop_capabilities(bool locks_memory, std::string& why) {
  if (locks_memory && !raise_lock_limit()) kept_capabilities = 1u << CAP_IPC_LOCK;
  struct sigaction action {};
  action.sa_handler = drop_own_capabilities;
  action.sa_flags = SA_RESTART;
  if (sigaction(kDropSignal, &action, nullptr) != 0) {
    why = std::string("giving up capabilities: sigaction: ") + std::strerror(errno);
    return false;
  }
  drop_own_capabilities(0);
  const auto self = static_cast<pid_t>(syscall(SYS_gettid));
  pid_t left = 0;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    left = 0;
    for (const pid_t thread : threads()) {
      if (has_given_up(thread)) continue;
      left = thread;
      if (thread != self) syscall(SYS_tgkill, getpid(), thread, kDropSignal);
    }
    if (left == 0) break;
    usleep(kTryUs);
  }
  // Not what it was, which would end us: a thread that has given up may have been sent another one
  // while it did.
  action.sa_handler = SIG_IGN;
  sigaction(kDropSignal, &action, nullptr);
  if (left != 0) why = "thread " + std::to_string(left) + " does not give up its capabilities";
  return left == 0;
}

bool filter_system_calls(std::string& why, bool memif) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // A sanitizer makes calls of its own, other ones with each of its versions.
  static_cast<void>(why), static_cast<void>(memif), static_cast<void>(on_refused_call),
      static_cast<void>(add_partly);
  std::fprintf(stderr, "piniond: built with a sanitizer: no filter for system calls\n");
  return true;
#else
  struct sigaction action {};
  action.sa_sigaction = on_refused_call;
  action.sa_flags = SA_SIGINFO;
  int status = sigaction(SIGSYS, &action, nullptr) == 0 ? 0 : -errno;
  const Filter filter(seccomp_init(SCMP_ACT_TRAP), seccomp_release);
  if (filter == nullptr) status = -ENOMEM;
  // All threads; and libseccomp must not take the right to have new privileges for granted.
  if (status == 0) status = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  if (status == 0) status = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_NNP, 1);
  for (const int call : kAllowed)
    if (status == 0) status = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
  if (status == 0) status = add_partly(filter.get(), memif);
  if (status == 0) status = seccomp_load(filter.get());
  if (status != 0) why = std::string("the filter for system calls: ") + std::strerror(-status);
  return status == 0;
#endif
}

}  // namespace pinion::daemon
