// The daemon as a process, and pinionctl beside it: how it ends, what it leaves, what it says about
// a configuration. Needs neither root nor a network: its port is DPDK's net_null.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>

#include "e2e/sockets.h"
#include "e2e/world.h"

namespace pinion::e2e {
namespace {

namespace fs = std::filesystem;

class Daemon : public ::testing::Test {
 protected:
  void start() { start(configuration()); }
  void start(const std::string& file) {
    daemon_ = std::make_unique<Program>(std::vector<std::string>{PINION_DAEMON, file});
    ASSERT_TRUE(daemon_->says(" ready, ")) << daemon_->output();
  }
  std::string configuration(const std::string& idle = "{sleep_after_us: 200}",
                            const std::string& device = "net_null0") const {
    return scratch_.write("piniond.yaml",
                          "version: 1\n"
                          "host: {hugepages_mb: " +
                              std::to_string(hugepages_mb()) +
                              ", lock_memory: false, control_socket: {path: " + socket_path() +
                              ", mode: \"0600\"}}\n"
                              "cores: [{name: core0, cpu: " +
                              std::to_string(first_cpu()) + ", idle: " + idle +
                              "}]\n"
                              "nics: [{name: nothing, device: {vdev: " +
                              device +
                              "}, core: core0, addresses: [10.77.0.2/24]}]\n"
                              "sessions: [{uid: " +
                              std::to_string(geteuid()) + "}]\n");
  }
  static int first_cpu() {
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    int cpu = 0;
    while (!CPU_ISSET(static_cast<size_t>(cpu), &set)) ++cpu;
    return cpu;
  }
  std::string socket_path() const { return scratch_.path("control.sock"); }
  Outcome ctl(const std::string& what) const {
    return run({PINION_CTL, "--socket", socket_path(), what});
  }

  Scratch scratch_;
  std::unique_ptr<Program> daemon_;
};

// Where DPDK and shared memory leave files.
std::set<std::string> leavings() {
  std::set<std::string> found;
  for (const char* folder : {"/dev/shm", "/var/run/dpdk", "/dev/hugepages", "/tmp/dpdk"}) {
    std::error_code gone;
    for (fs::recursive_directory_iterator it(folder, gone), end; !gone && it != end;
         it.increment(gone))
      found.insert(it->path());
  }
  return found;
}

// In silence, behind the filter of system calls; and it still answers and ends.
TEST_F(Daemon, ABusyCoreRehearses) {
  start(configuration("busy", "net_ring0"));  // net_null always has frames
  const auto rehearsals = [&] {
    const std::string shown = ctl("counters").output;
    const size_t at = shown.find("rehearsals ");
    return at == std::string::npos ? 0 : std::stoull(shown.substr(at + 11));
  };
  EXPECT_TRUE(within(20'000, [&] { return rehearsals() > 100; }));
  const uint64_t before = rehearsals();
  EXPECT_TRUE(within(20'000, [&] { return rehearsals() > before + 100; }));
  EXPECT_EQ(daemon_->end(SIGTERM), 0) << daemon_->output();
  EXPECT_EQ(daemon_->output().find("refused"), std::string::npos) << daemon_->output();
}

// Its test ends there, and not the process with all the others: nobody answers, as on a machine
// that is too busy.
TEST(AppSocket, ThatCannotAttachEndsItsTest) {
  EXPECT_THROW(AppSocket("/nowhere/control.sock"), std::runtime_error);
}

// The daemon is gone: said once, and not for as long as the test waits.
TEST_F(Daemon, ItsDeathEndsATestThatWaits) {
  start();
  AppSocket app(socket_path());
  EXPECT_EQ(daemon_->end(SIGKILL), 128 + SIGKILL);
  const int64_t begun = now_ms();
  EXPECT_THROW(app.receive(10 * kPatienceMs), std::runtime_error);
  EXPECT_LT(now_ms() - begun, 5 * kPatienceMs);
}

TEST(Program, InheritsNoDescriptor) {
  constexpr int kHigh = 77;
  ASSERT_EQ(dup2(STDERR_FILENO, kHigh), kHigh);
  const std::string open = run({"ls", "/proc/self/fd"}).output;
  close(kHigh);
  EXPECT_EQ(open, "0\n1\n2\n3\n") << "the last is the directory";
}

// Beside its socket a daemon finds what an earlier one left, and what is somebody else's.
TEST_F(Daemon, ReplacesNoFileThatIsNotItsOwn) {
  const std::string page = socket_path() + ".status", capture = socket_path() + ".capture";
  const auto content = [](const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  scratch_.write("control.sock.status", "mine");
  const Outcome refused = run({PINION_DAEMON, configuration()});
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.output.find(page + ": a file that is no status page is there"),
            std::string::npos)
      << refused.output;
  EXPECT_EQ(content(page), "mine");
  // One that was killed before it had filled its page.
  scratch_.write("control.sock.status", "");
  scratch_.write("control.sock.capture", "mine");
  start();
  EXPECT_NE(daemon_->output().find("no captures: " + capture), std::string::npos);
  EXPECT_EQ(content(capture), "mine");
  EXPECT_EQ(daemon_->end(SIGKILL), 128 + SIGKILL);
  start();
  EXPECT_EQ(daemon_->end(SIGTERM), 0) << daemon_->output();
}

TEST_F(Daemon, EndsOnSigterm) {
  start();
  EXPECT_TRUE(fs::exists(socket_path()));
  EXPECT_EQ(daemon_->end(SIGTERM), 0) << daemon_->output();
  // It may not remove what it made; but nobody takes that for a daemon, and the next one starts.
  const Outcome ctl = run({PINION_CTL, "--socket", socket_path(), "status"});
  EXPECT_EQ(ctl.status, 1);
  EXPECT_NE(ctl.output.find("the daemon has ended"), std::string::npos) << ctl.output;
  start();
  AppSocket app(socket_path());
  EXPECT_EQ(daemon_->end(SIGTERM), 0) << daemon_->output();
}

TEST_F(Daemon, EndsOnSigtermWithAnApplicationAttached) {
  start();
  AppSocket app(socket_path());
  EXPECT_EQ(daemon_->end(SIGTERM), 0) << daemon_->output();
}

TEST_F(Daemon, SigkillLeavesNothingBehind) {
  const std::set<std::string> before = leavings();
  start();
  const pid_t pid = daemon_->pid();
  EXPECT_EQ(daemon_->end(SIGKILL), 128 + SIGKILL);
  for (const std::string& file : leavings())
    EXPECT_TRUE(before.contains(file)) << file << " was left by process " << pid;
  // Only the names of its sockets are there, and are no hindrance.
  const Outcome gone = ctl("status");
  EXPECT_EQ(gone.status, 2) << gone.output;
  EXPECT_NE(gone.output.find("GONE"), std::string::npos) << gone.output;
  start();
  AppSocket app(socket_path());
  EXPECT_EQ(ctl("status").status, 0);
  EXPECT_EQ(daemon_->end(SIGTERM), 0);
}

TEST_F(Daemon, ASecondOneIsRefused) {
  start();
  const Outcome second = run({PINION_DAEMON, configuration()});
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.output.find(socket_path()), std::string::npos) << second.output;
  EXPECT_EQ(ctl("status").status, 0) << "the first one goes on";
  EXPECT_EQ(daemon_->end(SIGTERM), 0);
}

TEST_F(Daemon, ChecksTheExamples) {
  // Their users and groups exist on the machines that they are for.
  for (const auto& example : fs::directory_iterator(PINION_EXAMPLES)) {
    std::ifstream in(example.path());
    std::string text{std::istreambuf_iterator<char>(in), {}};
    for (const auto& [name, here] : {std::pair("user: trader", "user: root"),
                                     {"group: trading", "group: root"},
                                     {"group: tools", "group: daemon"}})
      if (const size_t at = text.find(name); at != std::string::npos)
        text.replace(at, std::string(name).size(), here);
    const Outcome checked =
        run({PINION_DAEMON, "--check", scratch_.write(example.path().filename(), text)});
    EXPECT_EQ(checked.status, 0) << example.path() << ": " << checked.output;
    EXPECT_NE(checked.output.find(": good"), std::string::npos) << checked.output;
  }
}

TEST_F(Daemon, SaysWhereAConfigurationIsWrong) {
  const std::string file =
      scratch_.write("broken.yaml",
                     "version: 1\n"
                     "cores: [{name: core0, cpu: 010}]\n"
                     "nics: [{name: a, device: {vdev: net_null0}, core: core7,\n"
                     "        addresses: [10.0.0.1/24], colour: red}]\n");
  const Outcome checked = run({PINION_DAEMON, "--check", file});
  EXPECT_EQ(checked.status, 1);
  for (const char* place : {":2:28: ", ":3:51: ", ":4:35: "})  // all of them, at once
    EXPECT_NE(checked.output.find(file + place), std::string::npos) << place << checked.output;
}

TEST_F(Daemon, WarnsOfAGrantThatThePolicysCoreCannotKeep) {
  const std::string file = scratch_.write(
      "grant.yaml",
      "version: 1\n"
      "cores: [{name: a, cpu: 0}, {name: b, cpu: 1}]\n"
      "nics: [{name: x, device: {vdev: net_null0}, core: a, addresses: [10.0.0.1/24]},\n"
      "       {name: y, device: {vdev: net_null1}, core: b, addresses: [10.1.0.1/24]}]\n"
      "sessions: [{user: root, core: b, bind: [\"10.0.0.1:7000\"]}]\n");
  const Outcome checked = run({PINION_DAEMON, "--check", file});
  EXPECT_EQ(checked.status, 0);
  EXPECT_NE(checked.output.find(file + ":5:41: warning: 'bind' 10.0.0.1 "), std::string::npos)
      << checked.output;
}

// The pools of joins hold what the policies promise, so there is an end to promising.
TEST_F(Daemon, RefusesMoreJoinsThanACoreHas) {
  for (const auto& [joins, status] : {std::pair("16384", 0), {"16385", 1}}) {
    const std::string file =
        scratch_.write("joins.yaml",
                       "version: 1\n"
                       "cores: [{name: core0, cpu: 0}]\n"
                       "nics: [{name: a, device: {vdev: net_null0}, core: core0,\n"
                       "        addresses: [10.0.0.1/24]}]\n"
                       "sessions: [{user: root, groups: [239.0.0.0/8], sessions_max: 4, "
                       "joins_max: " +
                           std::string(joins) + "}]\n");
    const Outcome checked = run({PINION_DAEMON, "--check", file});
    EXPECT_EQ(checked.status, status) << checked.output;
  }
}

TEST_F(Daemon, CtlShowsWhatIsGoingOn) {
  start();
  AppSocket app(socket_path());
  ASSERT_TRUE(within(kPatienceMs, [&] {
    return ctl("status").output.find("sessions                                1") !=
           std::string::npos;
  })) << ctl("status").output;
  const Outcome status = ctl("status");
  EXPECT_EQ(status.status, 0);
  for (const char* part : {"running", "core0 on CPU", "net_null0", "nothing.link"})
    EXPECT_NE(status.output.find(part), std::string::npos) << part << "\n" << status.output;
  EXPECT_EQ(run({PINION_CTL, "--socket", socket_path(), "status", "--all"}).status, 0);
  const Outcome counters = ctl("counters"), drops = ctl("drops");
  EXPECT_NE(counters.output.find("nothing.rx_frames"), std::string::npos) << counters.output;
  EXPECT_EQ(counters.status, 0);
  EXPECT_EQ(drops.status, 0);
  EXPECT_EQ(daemon_->end(SIGTERM), 0);
}

// A file system that is full later must not end a daemon that works: its page is there to the end.
TEST_F(Daemon, ItsStatusPageIsReservedAtTheStart) {
  start();
  struct stat page {};
  ASSERT_EQ(stat((socket_path() + ".status").c_str(), &page), 0);
  EXPECT_GE(static_cast<uint64_t>(page.st_blocks) * 512, static_cast<uint64_t>(page.st_size));
  EXPECT_EQ(daemon_->end(SIGTERM), 0);
}

// On whatever machine this is: the configuration of these tests starts, so the doctor must say so.
TEST_F(Daemon, DoctorSaysWhatAConfigurationLacks) {
  const Outcome good = run({PINION_CTL, "doctor", configuration()});
  EXPECT_EQ(good.status, 0) << good.output;
  EXPECT_NE(good.output.find("can start on this machine"), std::string::npos) << good.output;
  for (const auto& [from, to, says] :
       {std::tuple("cpu: ", "cpu: 1023", "FAILS CPU 1023"),
        std::tuple("hugepages_mb: ", "hugepages_mb: 1048576", "fix: sysctl -w vm.nr_hugepages="),
        std::tuple("vdev: ", "pci: 0000:ff:1f.7, binding: vfio-pci",
                   "fix: no PCI device 0000:ff:1f.7: see pinionctl nic list")}) {
    std::ifstream in(configuration());
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const size_t at = text.find(from);
    text.replace(at, text.find_first_of(",}", at) - at, to);
    const Outcome bad = run({PINION_CTL, "doctor", scratch_.write("bad.yaml", text)});
    EXPECT_EQ(bad.status, 1) << to << bad.output;
    EXPECT_NE(bad.output.find(says), std::string::npos) << says << "\n" << bad.output;
  }
  const Outcome none = run({PINION_CTL, "doctor", scratch_.path("none.yaml")});
  EXPECT_EQ(none.status, 1) << none.output;
}

// Who uses what was promised to all would have Linux end the daemon: told, and no reason not to
// start.
TEST_F(Daemon, SaysThatItPromisesMoreMemoryThanThereIs) {
  for (const auto& [each, says] : {std::pair("1", "ok    memory of the sessions"),
                                   std::pair("1048576", "RISKY memory of the sessions")}) {
    std::ifstream in(configuration());
    std::string text{std::istreambuf_iterator<char>(in), {}};
    text.insert(text.find("uid: "), std::string("memory_mb: ") + each + ", ");
    const Outcome told = run({PINION_CTL, "doctor", scratch_.write("promises.yaml", text)});
    EXPECT_EQ(told.status, 0) << told.output;
    EXPECT_NE(told.output.find(says), std::string::npos) << says << "\n" << told.output;
  }
}

// host.doctor: the same findings at the start, before anything is opened.
TEST_F(Daemon, LooksAtTheMachineFirst) {
  for (const auto& [how, finds, stops] :
       {std::tuple("require", true, true), std::tuple("warn", true, false),
        std::tuple("off", false, false)}) {
    std::ifstream in(configuration());
    std::string text{std::istreambuf_iterator<char>(in), {}};
    constexpr std::string_view kHost = "host: {hugepages_mb: ";
    const size_t at = text.find(kHost);
    text.replace(at, text.find(',', at) - at,
                 std::string("host: {doctor: ") + how + ", hugepages_mb: 1048576");
    const Outcome tried = run({PINION_DAEMON, scratch_.write("much.yaml", text)});
    EXPECT_EQ(tried.status, 1) << how << tried.output;
    EXPECT_EQ(tried.output.find("FAILS hugepages") != std::string::npos, finds) << tried.output;
    EXPECT_EQ(tried.output.find("host.doctor: require") != std::string::npos, stops)
        << tried.output;
  }
}

// Many IOMMUs translate 39 bits: no memory that a NIC shall reach may lie above.
// (Beside AddressSanitizer it is not: that has the low addresses.)
#ifndef __SANITIZE_ADDRESS__
TEST_F(Daemon, ItsMemoryIsWhereAnIommuReaches) {
  if (hugepages_mb() == 0) GTEST_SKIP() << "no hugepages";
  start();
  std::ifstream maps("/proc/" + std::to_string(daemon_->pid()) + "/maps");
  int found = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:seg") == std::string::npos) continue;  // DPDK's
    ++found;
    const uint64_t end = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
    EXPECT_LE(end, uint64_t{1} << 39) << line;
  }
  EXPECT_GT(found, 0);
}
#endif

TEST_F(Daemon, CtlSaysThatNoDaemonRuns) {
  const Outcome status = ctl("status");
  EXPECT_EQ(status.status, 1);
  EXPECT_NE(status.output.find("Is piniond running"), std::string::npos) << status.output;
  EXPECT_NE(status.output.find(socket_path()), std::string::npos) << status.output;
}

}  // namespace
}  // namespace pinion::e2e
