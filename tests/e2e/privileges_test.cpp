// What the daemon gives up: read in /proc for each of its threads, while it serves; and what
// becomes of a call that it does not make, in a process of our own. That everything else still
// works behind the filter is what all other tests of this directory show.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "e2e/sockets.h"
#include "e2e/world.h"
#include "piniond/privileges.h"

namespace pinion::e2e {
namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kFiltered = false;
#else
constexpr bool kFiltered = true;
#endif

// The fields of /proc/PID/status.
std::map<std::string, std::string> status_of(const fs::path& file) {
  std::map<std::string, std::string> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (const size_t colon = line.find(":\t"); colon != std::string::npos)
      out[line.substr(0, colon)] = line.substr(colon + 2);
  return out;
}

class Privileges : public ::testing::Test {
 protected:
  void start(const std::string& vdev, const std::string& host_keys = "", int netns = -1) {
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    int cpu = 0;
    while (!CPU_ISSET(static_cast<size_t>(cpu), &set)) ++cpu;
    const std::string file = scratch_.write(
        "piniond.yaml",
        "version: 1\nhost: {hugepages_mb: " + std::to_string(hugepages_mb()) + host_keys +
            ", control_socket: {path: " + socket_path() +
            ", mode: \"0600\"}}\ncores: [{name: core0, cpu: " + std::to_string(cpu) +
            ", idle: {sleep_after_us: 200}}]\n" + "nics: [{name: n, device: {vdev: \"" + vdev +
            "\"}, core: core0, addresses: [10.77.0.2/24]}]\n"
            "neighbours: [{address: 10.77.0.1, mac: \"02:00:00:00:00:01\"}]\n"
            "sessions: [{uid: " +
            std::to_string(geteuid()) + "}]\n");
    daemon_ = std::make_unique<Program>(std::vector<std::string>{PINION_DAEMON, file}, netns);
    ASSERT_TRUE(daemon_->says(" ready, ")) << daemon_->output();
  }
  std::string socket_path() const { return scratch_.path("control.sock"); }
  // Attaches, registers memory, sends short payloads and long ones, ends.
  void use() {
    AppSocket app(socket_path());
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(app.send(pattern(64), "10.77.0.1", 9), 0);
      EXPECT_EQ(app.send(pattern(1400), "10.77.0.1", 9), 0);
    }
  }
  // Each thread of the daemon: DPDK's, the core's, the control thread.
  void expect_given_up(bool expected) {
    int threads = 0;
    std::ifstream limits("/proc/" + std::to_string(daemon_->pid()) + "/limits");
    for (std::string line; std::getline(limits, line);)
      if (line.starts_with("Max locked memory")) unlimited_ = line.find("unlim") != line.npos;
    const std::string tasks = "/proc/" + std::to_string(daemon_->pid()) + "/task";
    for (const auto& task : fs::directory_iterator(tasks)) {
      auto status = status_of(task.path() / "status");
      ++threads;
      SCOPED_TRACE(status["Name"]);
      EXPECT_EQ(status["NoNewPrivs"], expected ? "1" : "0");
      EXPECT_EQ(status["Seccomp"], expected && kFiltered ? "2" : "0");
      for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
        if (!expected) continue;
        const bool may_lock = !unlimited_ && (set == std::string("CapPrm") || set[3] == 'E');
        EXPECT_TRUE(status[set] == "0000000000000000" ||
                    (may_lock && status[set] == "0000000000004000"))  // CAP_IPC_LOCK
            << set << " " << status[set];
      }
      if (!expected && geteuid() == 0) {
        EXPECT_NE(status["CapEff"], "0000000000000000");
      }
    }
    EXPECT_GE(threads, 3);
  }
  void end() {
    EXPECT_EQ(daemon_->end(SIGTERM), 0) << daemon_->output();
    EXPECT_EQ(daemon_->output().find("refused by the filter"), std::string::npos)
        << daemon_->output();
  }

  Scratch scratch_;
  std::unique_ptr<Program> daemon_;
  bool unlimited_ = false;  // may it lock as much memory as it likes?
};

TEST_F(Privileges, AllThreadsHaveNoneAndTheDaemonWorks) {
  for (int run = 0; run < 2; ++run) {  // and can be started again
    start("net_null0");
    expect_given_up(true);
    for (int i = 0; i < 3; ++i) use();
    expect_given_up(true);
    end();
  }
}

TEST_F(Privileges, BothKeysTurnItOff) {
  start("net_null0", ", lock_memory: false, drop_capabilities: false, filter_system_calls: false");
  expect_given_up(false);
  use();
  end();
}

// The ring of a capture is made after mlockall(), and the core writes into it.
TEST_F(Privileges, ACaptureIsInLockedMemory) {
  if (!kFiltered) GTEST_SKIP() << "a sanitizer ignores mlock()";
  start("net_ring0");
  const auto locked_kb = [&] {
    auto status = status_of("/proc/" + std::to_string(daemon_->pid()) + "/status");
    return std::stoul(status["VmLck"]);
  };
  const unsigned long before = locked_kb();
  Program capture(
      {PINION_CTL, "--socket", socket_path(), "capture", scratch_.path("capture.pcapng")});
  ASSERT_TRUE(capture.says("capturing")) << capture.output();
  EXPECT_TRUE(within(kPatienceMs, [&] { return locked_kb() >= before + 4096; }))
      << before << " " << locked_kb() << daemon_->output();
  EXPECT_EQ(capture.end(SIGINT), 0) << capture.output();
  end();
}

// A device that the daemon makes itself, and to which long payloads are attached.
TEST_F(Privileges, ATapWorksWithoutThem) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to make a tap device";
  int ns = -1;
  std::thread([&] {  // a namespace that ends with its last descriptor
    if (unshare(CLONE_NEWNET) == 0) ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  })
      .join();
  if (ns < 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
    GTEST_SKIP() << "needs a network namespace and /dev/net/tun";
  start("net_tap0,iface=pintap0", "", ns);
  close(ns);
  expect_given_up(true);
  use();
  end();
}

// A child that gives everything up does `act`, whose result is its exit status.
int behind_the_filter(const std::function<int()>& act, std::string& said) {
  int out[2];
  EXPECT_EQ(pipe(out), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(out[1], STDERR_FILENO);
    close(out[0]);
    std::thread other([] { pause(); });
    std::string why;
    if (!daemon::drop_capabilities(false, why) || !daemon::filter_system_calls(why)) {
      std::fprintf(stderr, "%s\n", why.c_str());
      _exit(99);
    }
    const int status = act();
    _exit(status);
  }
  close(out[1]);
  char bytes[512];
  for (ssize_t n; (n = read(out[0], bytes, sizeof bytes)) > 0;)
    said.append(bytes, static_cast<size_t>(n));
  close(out[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(PrivilegesOfAProcess, ACallThatIsNotOnTheListFailsAndIsNamed) {
  if (!kFiltered) GTEST_SKIP() << "a build with a sanitizer has no filter";
  std::string said;
  const int status = behind_the_filter(
      [] {
        const auto refused = [](long result) { return result == -1 && errno == EPERM; };
        if (!refused(socket(AF_INET, SOCK_DGRAM, 0))) return 1;
        if (!refused(open("/etc/passwd", O_RDONLY))) return 2;
        if (!refused(unlink("/nowhere/at-all"))) return 10;
        if (!refused(rmdir("/nowhere"))) return 11;
        char program[] = "/bin/true";
        char* const arguments[] = {program, nullptr};
        if (!refused(execv(program, arguments))) return 3;
        if (!refused(kill(1, 0))) return 4;
        if (!refused(fork())) return 5;
        if (!refused(prctl(PR_SET_DUMPABLE, 1))) return 6;
        if (daemon::refused_system_calls.load() != 8) return 7;
        std::thread([] {}).join();                                // threads it may have
        if (!refused(socket(AF_UNIX, SOCK_STREAM, 0))) return 8;  // whoever listens may trust root
        int pair[2];
        return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? 0 : 9;
      },
      said);
  EXPECT_EQ(status, 0) << said;
  EXPECT_NE(said.find("piniond: system call   59 refused by the filter"), std::string::npos)
      << said;
  EXPECT_NE(said.find("piniond: system call   41 refused"), std::string::npos) << said;
}

TEST(PrivilegesOfAProcess, CapabilitiesDoNotComeBack) {
  std::string said;
  const int status = behind_the_filter(
      [] {
        if (setuid(0) == 0 && geteuid() == 0 && chroot("/") == 0) return 1;
        return sethostname("pinion", 6) == 0 ? 2 : 0;
      },
      said);
  EXPECT_EQ(status, 0) << said;
}

}  // namespace
}  // namespace pinion::e2e
