// Starting EAL: refusals say what to do, there is one start in a process, hugepages work where the
// machine has them, and a killed process leaves nothing behind.
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "eal_process.h"

namespace pinion::test {
namespace {

constexpr int kHugepagesMb = 64;

bool enough_hugepages() {
  long pages = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> pages;
  return pages * 2 >= kHugepagesMb;
}

TEST(EalStart, RefusalsSayWhatToDo) {
  if (Eal::started()) GTEST_SKIP() << "EAL runs in this process already";
  std::string error;
  EXPECT_EQ(Eal::start({.log_level = "loud"}, error), nullptr);
  EXPECT_NE(error.find("'loud'"), std::string::npos) << error;
  EXPECT_EQ(Eal::start({.main_cpu = 100000}, error), nullptr);
  EXPECT_NE(error.find("main_cpu 100000"), std::string::npos) << error;
  EXPECT_EQ(Eal::start({.hugepages_mb = -1}, error), nullptr);
  EXPECT_EQ(Eal::start({.hugepages_mb = 1 << 30}, error), nullptr);
  EXPECT_NE(error.find("found "), std::string::npos) << error;
  EXPECT_NE(error.find("sysctl -w vm.nr_hugepages="), std::string::npos) << error;
  EXPECT_FALSE(Eal::started());  // none of these was EAL's one start
}

TEST(EalStart, OnceInAProcess) {
  std::string error;
  ASSERT_NE(shared_eal(error), nullptr) << error;
  EXPECT_EQ(Eal::start({}, error), nullptr);
  EXPECT_NE(error.find("only once"), std::string::npos) << error;
}

TEST(EalStart, SaysWhichVdevIsWrong) {
  if (Eal::started()) GTEST_SKIP() << "EAL runs in this process already";
  std::string error;
  EXPECT_EQ(Eal::start({.vdevs = {"net_null0", "net_nonsense0,a=b"}}, error), nullptr);
  EXPECT_NE(error.find("net_nonsense0,a=b"), std::string::npos) << error;
}

TEST(EalStart, OnHugepagesWithVdevs) {
  if (Eal::started()) GTEST_SKIP() << "EAL runs in this process already";
  if (!enough_hugepages()) GTEST_SKIP() << "needs " << kHugepagesMb << " MB of free hugepages";
  std::string error;
  const EalConfig config{.hugepages_mb = kHugepagesMb, .vdevs = {"net_null0"}};
  const auto eal = Eal::start(config, error);
  ASSERT_TRUE(eal) << error;
  const auto probed = EthdevPort::open({.device = "net_null0"}, error);
  EXPECT_TRUE(probed) << error;
  auto [a, b] = EthdevPort::open_ring_pair({.device = "huge"}, error);
  ASSERT_TRUE(a && b) << error;
  EXPECT_EQ(carry(*a, *b, 200, 10 * kSecond), 200u);
  EXPECT_EQ(a->pool_frames_free(), a->pool_frames());
}

// Every name below the places where DPDK leaves things; directories that were mounted do not count.
std::string leftovers() {
  std::string found;
  for (const char* place : {"/run/dpdk", "/dev/hugepages", "/tmp", "/dev/shm"}) {
    std::error_code none;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(place, none)) {
      found += entry.path().string() + " ";
    }
  }
  return found;
}

// Empty places of this process's own, so that what is found there is the child's.
std::string make_empty_places() {
  if (unshare(CLONE_NEWNS) != 0) return "needs the right to make a mount namespace (root)";
  bool ok = mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  ok = ok && mount("tmpfs", "/dev", "tmpfs", 0, nullptr) == 0;
  ok = ok && mkdir("/dev/hugepages", 0755) == 0 && mkdir("/dev/shm", 01777) == 0;
  ok = ok && mount("tmpfs", "/run", "tmpfs", 0, nullptr) == 0;
  ok = ok && mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) == 0;
  ok = ok && mount("none", "/dev/hugepages", "hugetlbfs", 0, nullptr) == 0;
  return ok ? "" : "cannot mount tmpfs and hugetlbfs";
}

// In a process of its own, since the mount namespace stays with it. "" is good; "skip: ..." too.
std::string kill_and_look(int hugepages_mb) {
  if (const std::string why_not = make_empty_places(); !why_not.empty()) return "skip: " + why_not;
  int fd = -1;
  const int pid = spawn_child("wait_for_kill", std::to_string(hugepages_mb), fd);
  std::string said;
  char c = 0;
  while (read(fd, &c, 1) == 1 && c != '\n') said += c;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  if (said != "ready") return "the child did not start EAL";
  return leftovers();
}

std::string killed_leaves(int hugepages_mb) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const int pid = fork();
  if (pid == 0) {
    const std::string result = kill_and_look(hugepages_mb);
    const bool written = write(ends[1], result.data(), result.size()) >= 0;
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  std::string result;
  char c = 0;
  while (read(ends[0], &c, 1) == 1) result += c;
  close(ends[0]);
  waitpid(pid, nullptr, 0);
  return result;
}

TEST(EalKilled, LeavesNothingOnOrdinaryPages) {
  const std::string left = killed_leaves(0);
  if (left.starts_with("skip: ")) GTEST_SKIP() << left;
  EXPECT_EQ(left, "");
}

TEST(EalKilled, LeavesNothingOnHugepages) {
  if (!enough_hugepages()) GTEST_SKIP() << "needs " << kHugepagesMb << " MB of free hugepages";
  const std::string left = killed_leaves(kHugepagesMb);
  if (left.starts_with("skip: ")) GTEST_SKIP() << left;
  EXPECT_EQ(left, "");
  EXPECT_TRUE(within(5 * kSecond, enough_hugepages)) << "the pages did not come back";
}

}  // namespace
}  // namespace pinion::test
