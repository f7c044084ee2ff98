// Once the engine trades, its turns take no memory and make no system call: orders, replacements,
// cancels, fills, refusals and market data, over a network in memory, which makes none either.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bed.h"
#include "gateway/support/count_allocations.h"

namespace pinion::gateway::test {
namespace {

// One round of everything; `engine_turn` is called with what others said before it.
template <class Turn>
void trade(Bed& bed, int round, Turn&& engine_turn) {
  const std::string n = std::to_string(round);
  TestClient& c = bed.client();
  const auto others = [&] {
    bed.venue.turn(bed.now.monotonic_ns);
    for (const auto& client : bed.clients) client->turn(bed.now);
  };
  const auto there_and_back = [&] {
    for (int i = 0; i < 3; ++i) engine_turn(), others();
  };
  c.order("A" + n);
  c.order("B" + n, {.symbol = "NOSUCH"});
  c.order("I" + n, {.price = 1'010'000, .time_in_force = '3'});
  there_and_back();
  c.replace("R" + n, "A" + n, {.shares = 150});
  there_and_back();
  bed.venue.quote(0, 'S', 1'000'000, 60);
  there_and_back();
  c.status("R" + n);
  c.cancel("X" + n, "R" + n);
  there_and_back();
  c.cancel("Y" + n, "R" + n);
  there_and_back();
  bed.venue.quote(0, 'S', 1'010'000, 100);  // what the IOC took
  bed.now.monotonic_ns += kSecond, bed.now.utc_ns += kSecond;
  bed_time = bed.now.monotonic_ns;
}

void with_drop_copy(Config& c) { c.clients.push_back(drop_copy(c)); }

TEST(EngineNoAllocation, OnTheOrderPath) {
  Bed bed(&with_drop_copy);
  bed.trades();
  size_t during = 0;
  const auto counted = [&] {
    const size_t before = testing::allocations;
    const int events = bed.engine->turn(bed.now);
    during += testing::allocations - before;
    ASSERT_GE(events, 0);
  };
  for (int i = 0; i < 100; ++i) trade(bed, i, counted);
  EXPECT_EQ(during, 0u);
  EXPECT_EQ(bed.client().count(150, "5"), 100u);
  EXPECT_EQ(bed.client().count(150, "4"), 100u);
  EXPECT_EQ(bed.client().count(150, "8"), 100u);
  EXPECT_EQ(bed.client().count(35, "9"), 100u);
  EXPECT_GT(bed.engine->desk().counters().fills, 150u);
}

// From here on a system call ends the process with SIGSYS, but for those that the test itself needs
// to say how it went.
bool forbid_system_calls() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof filter / sizeof filter[0], filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// All that others say is prepared before, so that the engine alone runs under the filter.
[[noreturn]] void trade_without_system_calls(Bed& bed) {
  for (int i = 0; i < 50; ++i) trade(bed, i, [&] { (void)bed.engine->turn(bed.now); });
  for (int i = 0; i < 20; ++i) {
    bed.client().order("S" + std::to_string(i));
    bed.client().order("T" + std::to_string(i), {.symbol = "NOSUCH"});
    bed.client().cancel("U" + std::to_string(i), "S" + std::to_string(i));
  }
  bed.venue.quote(0, 'S', 1'020'000, 10);
  bed.venue.turn(bed.now.monotonic_ns);
  const uint64_t sends = bed.network.sends;
  if (!forbid_system_calls()) _exit(77);
  for (int i = 0; i < 10; ++i) (void)bed.engine->turn(bed.now);
  _exit(bed.network.sends - sends >= 60 ? 0 : 1);
}

TEST(EngineNoSystemCall, OnTheOrderPath) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's runtime makes system calls of its own";
#endif
  Bed bed(&with_drop_copy);
  bed.trades();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) trade_without_system_calls(bed);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no seccomp here";
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status)
                                 << ": 31 (SIGSYS) is a system call on the order path";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace pinion::gateway::test
