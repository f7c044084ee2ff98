// The daemon without DPDK, inside the test's process: control thread, one core thread, a Kernel
// with one NIC, behind which a reflector answers. Applications are processes of their own, with an
// ordinary user's rights.
#pragma once
#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "host/attach_server.h"
#include "host/clock.h"
#include "host/core_thread.h"
#include "isolation/reflector.h"
#include "isolation/run_delay.h"
#include "kernel/kernel.h"

namespace pinion::testing {

constexpr uint32_t kNobody = 65534;
// Without root the applications run as this user; nobody else can be tried then.
inline uint32_t application_user() { return geteuid() == 0 ? kNobody : getuid(); }

struct DaemonOptions {
  Nanos sleep_after = kNever;
  // A busy machine must not make these come true by itself.
  Nanos handshake_timeout = 20 * kSecond;
  Nanos reply_max = 5 * kMilli;
  uint32_t core_silent_ms = 20'000;
  uint32_t sessions_max = 8;
  uint32_t half_open_per_user_max = 16;
  uint32_t attaches_per_s_max = 0;  // a test may attach as fast as it can
  uint32_t epoch = 1;
  Nanos dma_delay = 0;   // not 0: the NIC reads payloads by DMA, so long after they were sent
  std::string dir = {};  // of the control socket; empty: a new one
  uint32_t hot_queues_max = 64;
  Nanos cold_look_every = 10 * kMicro;
  SessionQuota quota = {};
  RegionConfig region = {};
};

class Daemon {
 public:
  explicit Daemon(const DaemonOptions& options = {})
      : dir_(options.dir.empty() ? make_dir() : options.dir),
        reflector_(options.dma_delay),
        core_(core_config(options, clock_), link_),
        kernel_(kernel_config(options, core_.hooks(), reflector_)),
        server_(server_config(options), {&link_}) {
    std::string why;
    EXPECT_EQ(link_.open(why), 0) << why;
    EXPECT_EQ(core_.start(kernel_, why), 0) << why;
    EXPECT_EQ(server_.open(why), 0) << why;
    server_.start();
  }
  ~Daemon() {
    server_.stop();
    core_.stop();
    unlink(socket_path().c_str());
    rmdir(dir_.c_str());
  }

  std::string socket_path() const { return dir_ + "/control.sock"; }
  const AttachServer::Status& status() const { return server_.status(); }
  CoreThread& core() { return core_; }
  const Reflector& nic() const { return reflector_; }
  // When the core has stopped only.
  const Kernel& kernel() const { return kernel_; }
  AttachServer& server() { return server_; }

 private:
  friend std::string make_daemon_dir();
  static std::string make_dir() {
    char name[] = "/tmp/pinion-isolation-XXXXXX";
    EXPECT_NE(mkdtemp(name), nullptr);
    chmod(name, 0755);
    return name;
  }
  static CoreThreadConfig core_config(const DaemonOptions& options, SystemClock& clock) {
    CoreThreadConfig config;
    config.sleep_after = options.sleep_after;
    config.beat_at_least = options.core_silent_ms * kMilli / 4;
    config.clock = clock.clock();
    return config;
  }
  static KernelConfig kernel_config(const DaemonOptions& options, const Hooks& hooks,
                                    Reflector& reflector) {
    KernelConfig config;
    config.net.interfaces = {{.name = "eth0", .port = &reflector, .addresses = {{kOurs, 24}}}};
    config.net.neighbours = {{kReflected, Reflector::kMac, 0}};
    config.net.owners_max = options.sessions_max;
    config.server.sessions_max = options.sessions_max;
    config.server.core_silent_ms = options.core_silent_ms;
    config.server.hot_queues_max = options.hot_queues_max;
    config.server.cold_look_every = options.cold_look_every;
    config.server.epoch = options.epoch;
    config.hooks = hooks;
    return config;
  }
  AttachServerConfig server_config(const DaemonOptions& options) const {
    AttachServerConfig config;
    config.path = socket_path();
    config.mode = 0666;
    config.handshake_timeout = options.handshake_timeout;
    config.reply_max = options.reply_max;
    config.half_open_per_user_max = options.half_open_per_user_max;
    config.sessions.sessions_max = options.sessions_max;
    config.sessions.region = options.region;
    SessionPolicy policy;
    policy.id = application_user();
    policy.sessions_max = options.sessions_max;
    policy.attaches_per_s_max = options.attaches_per_s_max;
    policy.quota = options.quota;
    config.policies = {policy};
    return config;
  }

  std::string dir_;
  SystemClock clock_;
  Reflector reflector_;
  CoreLink link_;
  CoreThread core_;
  Kernel kernel_;
  AttachServer server_;
};

inline std::string make_daemon_dir() { return Daemon::make_dir(); }

// A process that runs `body` as an application's user; its result is the exit status, or minus the
// signal that ended it.
class Process {
 public:
  explicit Process(const std::function<int()>& body, uint32_t uid = application_user()) {
    EXPECT_EQ(pipe(pipe_), 0);
    std::fflush(nullptr);
    pid_ = fork();
    if (pid_ != 0) {
      close(pipe_[1]);
      return;
    }
    close(pipe_[0]);
    if (geteuid() == 0 && (setgid(uid) != 0 || setuid(uid) != 0)) _exit(101);
    ready_fd() = pipe_[1];
    _exit(body());
  }
  ~Process() {
    if (pid_ > 0) kill(), wait();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // In the child: tells the parent that it is where the test wants it.
  static void ready() { (void)!write(ready_fd(), "r", 1); }
  // In the parent: false when the child ended instead.
  bool wait_ready() {
    char byte;
    return read(pipe_[0], &byte, 1) == 1;
  }
  void kill() { ::kill(pid_, SIGKILL); }
  int wait() {
    int status = -1;
    waitpid(pid_, &status, 0);
    close(pipe_[0]);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  pid_t pid() const { return pid_; }

 private:
  static int& ready_fd() {
    static int fd = -1;
    return fd;
  }
  int pipe_[2] = {-1, -1};
  pid_t pid_ = -1;
};

// What the daemon's process holds: descriptors, and mappings of regions.
struct Holdings {
  size_t descriptors = 0, regions = 0;
  friend bool operator==(const Holdings&, const Holdings&) = default;

  static Holdings now() {
    Holdings h;
    DIR* dir = opendir("/proc/self/fd");
    while (readdir(dir) != nullptr) ++h.descriptors;
    closedir(dir);
    std::FILE* maps = std::fopen("/proc/self/maps", "r");
    char line[512];
    while (std::fgets(line, sizeof line, maps) != nullptr)
      h.regions += std::strstr(line, "memfd:pinion-region") != nullptr;
    std::fclose(maps);
    return h;
  }
};

// Milliseconds until the condition holds, or -1 after the limit.
inline int64_t ms_until(const std::function<bool()>& condition, Nanos limit = 2 * kSecond) {
  const Nanos start = monotonic_now();
  while (!condition()) {
    if (monotonic_now() - start > limit) return -1;
    usleep(200);
  }
  return (monotonic_now() - start) / kMilli;
}

// A test with a daemon: when it ends, no session is left and the daemon holds what it held before.
class DaemonTest : public ::testing::Test {
 protected:
  static constexpr int64_t kGoneWithinMs = 100;

  void start(const DaemonOptions& options = {}) {
    daemon_ = std::make_unique<Daemon>(options);
    path_ = daemon_->socket_path();
    baseline_ = Holdings::now();
  }
  void TearDown() override {
    if (daemon_) expect_baseline();
  }
  void expect_baseline() {
    EXPECT_GE(ms_until([&] { return daemon_->status().sessions.load() == 0; }), 0);
    EXPECT_GE(ms_until([&] { return Holdings::now() == baseline_; }), 0)
        << Holdings::now().descriptors << " descriptors, " << baseline_.descriptors << " before; "
        << Holdings::now().regions << " regions, " << baseline_.regions << " before";
  }
  // Ends within the promised time, seen from the moment of the call.
  void expect_gone() { expect_sessions(0); }
  void expect_sessions(uint64_t wanted) {
    RunDelay delay(getpid());
    const int64_t ms = ms_until([&] { return daemon_->status().sessions.load() == wanted; });
    EXPECT_GE(ms, 0);
    EXPECT_LE(ms - delay.since() / kMilli, kGoneWithinMs) << ms << " ms in all";
  }

  std::unique_ptr<Daemon> daemon_;
  std::string path_;
  Holdings baseline_;
};

}  // namespace pinion::testing
