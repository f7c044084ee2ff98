// The message store: what it holds survives its process, whichever bytes were the last ones
// written.
#include "gateway/fix/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "gateway/fix/store_file.h"

namespace pinion::fix {
namespace {

constexpr size_t kStoreTestBytes = 4096;

std::string text_of_number(uint64_t number) {
  return "message " + std::to_string(number) + std::string(number % 13, 'x');
}

// A page that is touched for the first time costs microseconds, and the process grows all day.
TEST(FixStore, TakesNoNewPagesAfterItsStart) {
  constexpr uint64_t kMessages = 100'000;
  std::vector<char> memory(kMessages * 64);
  Store store(memory, kMessages);
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  for (uint64_t i = 0; i < kMessages; ++i) ASSERT_TRUE(store.add_sent("message"));
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_minflt - before.ru_minflt, 50);
}

TEST(FixStore, HoldsNumbersAndMessages) {
  std::vector<char> memory(kStoreTestBytes);
  {
    Store store(memory, 100);
    EXPECT_EQ(store.next_out(), 1u);
    EXPECT_EQ(store.next_in(), 1u);
    EXPECT_FALSE(store.day());
    store.reset(77);
    EXPECT_TRUE(store.add_sent(""));       // 1
    EXPECT_TRUE(store.add_sent("first"));  // 2
    EXPECT_TRUE(store.add_sent(""));       // 3
    EXPECT_TRUE(store.add_sent("second"));
    EXPECT_TRUE(store.set_next_in(9));
  }
  Store again(memory, 100);
  EXPECT_EQ(again.day(), 77);
  EXPECT_EQ(again.next_out(), 5u);
  EXPECT_EQ(again.next_in(), 9u);
  EXPECT_EQ(again.first_sent_from(1).number, 2u);
  EXPECT_EQ(again.first_sent_from(1).message, "first");
  EXPECT_EQ(again.first_sent_from(3).message, "second");
  EXPECT_EQ(again.first_sent_from(5).number, 0u);
  EXPECT_EQ(again.last_sent_before(again.next_out()).message, "second");
  EXPECT_EQ(again.last_sent_before(5).number, 4u);
  EXPECT_EQ(again.last_sent_before(4).message, "first");
  EXPECT_EQ(again.last_sent_before(2).number, 0u);
  EXPECT_EQ(again.last_sent_before(0).number, 0u);
  again.reset(78);
  EXPECT_EQ(again.next_out(), 1u);
  EXPECT_EQ(again.first_sent_from(1).number, 0u);
  EXPECT_EQ(again.last_sent_before(UINT64_MAX).number, 0u);
  Store third(memory, 100);  // nothing of the day before
  EXPECT_EQ(third.day(), 78);
  EXPECT_EQ(third.next_out(), 1u);
}

// Cut at every byte of its length: what is found is what was there after some number of calls, and
// never less than for a shorter piece.
TEST(FixStore, SurvivesACutAtAnyByte) {
  std::vector<char> memory(kStoreTestBytes);
  struct State {
    uint64_t out, in;
  };
  std::vector<State> states;
  Store store(memory, 100);
  const auto note = [&] { states.push_back({store.next_out(), store.next_in()}); };
  note();
  store.reset(5);
  note();
  for (uint64_t i = 1; i <= 20; ++i) {
    ASSERT_TRUE(store.add_sent(i % 3 == 0 ? std::string() : text_of_number(i)));
    note();
    ASSERT_TRUE(store.set_next_in(i + 1));
    note();
  }
  size_t reached = 0;
  for (size_t cut = 0; cut <= memory.size(); ++cut) {
    std::vector<char> torn(memory.size());
    std::memcpy(torn.data(), memory.data(), cut);
    if (cut < Store::kHeaderBytes) continue;  // the header is from the file's first moment
    const Store found(torn, 100);
    size_t at = reached;
    while (at < states.size() &&
           (states[at].out != found.next_out() || states[at].in != found.next_in()))
      ++at;
    ASSERT_LT(at, states.size()) << "cut at " << cut;
    reached = at;
    for (uint64_t n = 1; n < found.next_out(); ++n) {
      if (n % 3 != 0) {
        ASSERT_EQ(found.first_sent_from(n).message, text_of_number(n));
      }
    }
  }
  EXPECT_EQ(reached, states.size() - 1);
}

// A record of an earlier day that lies behind the end of this one is not taken for this day's.
TEST(FixStore, OldRecordsStayDead) {
  std::vector<char> memory(kStoreTestBytes);
  Store store(memory, 100);
  store.reset(1);
  for (int i = 0; i < 10; ++i) store.add_sent("same bytes");
  store.reset(1);
  for (int i = 0; i < 3; ++i) store.add_sent("same bytes");
  const Store again(memory, 100);
  EXPECT_EQ(again.next_out(), 4u);
}

TEST(FixStore, FullIsRefusedAndChangesNothing) {
  std::vector<char> memory(256);
  Store store(memory, 100);
  store.reset(1);
  uint64_t sent = 0;
  while (store.add_sent("twenty bytes of text")) ++sent;
  EXPECT_GT(sent, 0u);
  EXPECT_EQ(store.next_out(), sent + 1);
  EXPECT_EQ(Store(memory, 100).next_out(), sent + 1);
  std::vector<char> more(kStoreTestBytes);
  Store few(more, 2);  // messages
  few.reset(1);
  EXPECT_TRUE(few.add_sent("a"));
  EXPECT_TRUE(few.add_sent("b"));
  EXPECT_FALSE(few.add_sent("c"));
}

TEST(FixStore, RubbishIsNotAState) {
  std::vector<char> memory(kStoreTestBytes);
  for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<char>(i * 7919 >> 3);
  const Store store(memory, 100);
  EXPECT_EQ(store.next_out(), 1u);
  EXPECT_EQ(store.next_in(), 1u);
}

class StoreFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pinion-fix-store-XXXXXX";
    const int fd = mkstemp(name);
    ASSERT_GE(fd, 0);
    close(fd);
    path_ = name;
  }
  void TearDown() override { unlink(path_.c_str()); }
  std::string path_;
};

TEST_F(StoreFileTest, IsLockedAndKeepsItsSize) {
  StoreFile file, second, third;
  ASSERT_EQ(file.open(path_, 8192), 0);
  EXPECT_EQ(file.memory().size(), 8192u);
  EXPECT_EQ(second.open(path_, 8192), -EWOULDBLOCK);
  EXPECT_EQ(third.open("/nonexistent/store", 8192), -ENOENT);
}

// Each page that was never stored to, or that the kernel has written to disk, costs a fault on most
// file systems (not on a tmpfs): where somebody has seen to it, none.
TEST_F(StoreFileTest, StoresDoNotFaultWhereItWasKeptWritable) {
  constexpr size_t kMessages = 5'000;
  StoreFile file;
  ASSERT_EQ(file.open(path_, 4 * StoreFile::kAhead), 0);
  Store store(file.memory(), kMessages);
  long least = LONG_MAX;  // the kernel may write pages to disk in between
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(msync(file.memory().data(), file.memory().size(), MS_SYNC), 0);
    file.keep_writable(store.end());
    rusage before{}, after{};
    getrusage(RUSAGE_THREAD, &before);
    for (size_t i = 0; i < kMessages / 4; ++i) ASSERT_TRUE(store.add_sent("35=8 and so on"));
    getrusage(RUSAGE_THREAD, &after);
    least = std::min(least, after.ru_minflt - before.ru_minflt);
  }
  EXPECT_LT(least, 5);
  file.keep_writable(file.memory().size() - 1);
  file.keep_writable(file.memory().size() + 1);
}

// A process that writes as fast as it can is killed, twenty times. The numbers that it told before
// are there afterwards.
TEST_F(StoreFileTest, SurvivesKill) {
  // Room for all that the child can do before it is killed: it waits when its pipe is full.
  constexpr size_t kBytes = 64 << 20, kMessages = 500'000;
  uint64_t known = 0;
  for (int round = 0; round < 20; ++round) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    const pid_t child = fork();
    if (child == 0) {
      StoreFile file;
      if (file.open(path_, kBytes) != 0) _exit(1);
      Store store(file.memory(), kMessages);
      while (true) {
        if (!store.add_sent(text_of_number(store.next_out()))) _exit(2);
        const uint64_t told = store.next_out() - 1;
        if (write(fds[1], &told, sizeof told) != sizeof told) _exit(3);
      }
    }
    close(fds[1]);
    uint64_t told = 0;
    const uint64_t enough = known + 50 + static_cast<uint64_t>(round) * 7;
    while (known < enough && read(fds[0], &told, sizeof told) == sizeof told) known = told;
    kill(child, SIGKILL);
    while (read(fds[0], &told, sizeof told) == sizeof told) known = told;
    int status = 0;
    waitpid(child, &status, 0);
    close(fds[0]);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    StoreFile file;
    ASSERT_EQ(file.open(path_, kBytes), 0);
    const Store store(file.memory(), kMessages);
    ASSERT_GE(store.next_out(), known + 1);
    for (uint64_t n = 1; n < store.next_out(); ++n)
      ASSERT_EQ(store.first_sent_from(n).message, text_of_number(n));
    known = store.next_out() - 1;
  }
}

}  // namespace
}  // namespace pinion::fix
