// The kill switch outlives its process, and the order table finds what is in it.
#include "gateway/risk/kill_switch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "gateway/risk/order_table.h"

namespace pinion::risk {
namespace {

class KillSwitchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pinion-kill-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

std::string first_line(const std::string& path) {
  std::string line;
  std::ifstream in(path);
  std::getline(in, line);
  return line;
}

TEST_F(KillSwitchTest, SurvivesARestart) {
  const std::string path = dir_ + "/kill";
  KillSwitch first;
  ASSERT_EQ(first.open(path), 0);
  EXPECT_FALSE(first.thrown());
  EXPECT_EQ(first.persist(), 0);  // nothing to write
  EXPECT_FALSE(std::filesystem::exists(path));
  first.trip("by hand");
  EXPECT_TRUE(first.thrown());
  EXPECT_FALSE(std::filesystem::exists(path));  // memory alone
  first.trip("a second reason");
  EXPECT_EQ(first.persist(), 0);
  EXPECT_EQ(first_line(path), "by hand");
  KillSwitch second;
  ASSERT_EQ(second.open(path), 0);
  EXPECT_TRUE(second.thrown());
  EXPECT_EQ(second.persist(), 0);
  EXPECT_EQ(first_line(path), "by hand");  // not written over
  EXPECT_EQ(second.unkill(), 0);
  EXPECT_FALSE(second.thrown());
  KillSwitch third;
  ASSERT_EQ(third.open(path), 0);
  EXPECT_FALSE(third.thrown());
}

TEST_F(KillSwitchTest, ThrownAndSetBackAndThrown) {
  const std::string path = dir_ + "/kill";
  KillSwitch kill;
  ASSERT_EQ(kill.open(path), 0);
  for (const char* reason : {"one", "two"}) {
    kill.trip(reason);
    EXPECT_EQ(kill.persist(), 0);
    EXPECT_EQ(first_line(path), reason);
    EXPECT_EQ(kill.unkill(), 0);
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  kill.trip("three");
  EXPECT_EQ(kill.unkill(), 0);  // before it was written
  EXPECT_EQ(kill.persist(), 0);
  EXPECT_FALSE(std::filesystem::exists(path));
  kill.trip(std::string(KillSwitch::kReasonMax + 1, 'x'));
  EXPECT_EQ(kill.persist(), 0);
  EXPECT_EQ(first_line(path), std::string(KillSwitch::kReasonMax, 'x'));
}

// It is tried in each round of a thread that writes the log, and told of once.
TEST_F(KillSwitchTest, AFileThatCannotBeWrittenIsToldOfOnce) {
  KillSwitch kill;
  ASSERT_EQ(kill.open(dir_ + "/kill"), 0);
  kill.trip("no room");
  const auto before = signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit nothing{0, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &nothing), 0);
  EXPECT_EQ(kill.persist(), -EFBIG) << "the reason itself";
  EXPECT_EQ(kill.persist(), -EALREADY);
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  signal(SIGXFSZ, before);
  EXPECT_EQ(kill.persist(), 0);
  EXPECT_EQ(first_line(dir_ + "/kill"), "no room");
  EXPECT_EQ(kill.persist(), 0);
}

// In doubt it is thrown.
TEST_F(KillSwitchTest, DirectoryThatIsNotThere) {
  const std::string path = dir_ + "/none/kill";
  const std::string tail = " it counts as thrown until that is mended and the switch is set back";
  KillSwitch kill;
  EXPECT_EQ(kill.open(path), -ENOENT);
  EXPECT_TRUE(kill.thrown());
  EXPECT_EQ(kill.error(), "kill switch '" + path +
                              "': its directory cannot be read (No such file or directory);" +
                              tail);
  EXPECT_EQ(kill.persist(), -ENOENT);
  EXPECT_EQ(kill.unkill(), -ENOENT);
  EXPECT_TRUE(kill.thrown());
  std::filesystem::create_directory(dir_ + "/none");
  EXPECT_EQ(kill.persist(), 0);
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(kill.unkill(), 0);
  EXPECT_FALSE(kill.thrown());
}

TEST_F(KillSwitchTest, PathsThatAreNoFile) {
  std::ofstream(dir_ + "/file") << "x";
  KillSwitch kill;
  EXPECT_EQ(kill.open(dir_ + "/file/kill"), -ENOTDIR);
  EXPECT_TRUE(kill.thrown());
  EXPECT_EQ(kill.open(dir_ + "/"), -EISDIR);
  EXPECT_TRUE(kill.thrown());
  EXPECT_EQ(kill.open(dir_ + "/" + std::string(KillSwitch::kPathMax, 'x')), -ENAMETOOLONG);
  EXPECT_TRUE(kill.thrown());
  EXPECT_EQ(kill.open(dir_), 0);  // something of that name is there
  EXPECT_TRUE(kill.thrown());
  EXPECT_EQ(kill.unkill(), -EISDIR);
  EXPECT_TRUE(kill.thrown());
}

TEST_F(KillSwitchTest, DirectoryThatMayNotBeRead) {
  const uid_t user = geteuid();
  ASSERT_EQ(chmod(dir_.c_str(), 0300), 0);
  if (user == 0) {
    ASSERT_EQ(seteuid(65'534), 0);  // root reads everything
  }
  KillSwitch kill;
  EXPECT_EQ(kill.open(dir_ + "/kill"), -EACCES);
  EXPECT_TRUE(kill.thrown());
  ASSERT_EQ(seteuid(user), 0);
  ASSERT_EQ(chmod(dir_.c_str(), 0700), 0);
}

TEST(KillSwitchMemory, WithoutAFile) {
  KillSwitch kill;
  ASSERT_EQ(kill.open(""), 0);
  EXPECT_FALSE(kill.thrown());
  kill.trip("x");
  EXPECT_TRUE(kill.thrown());
  EXPECT_EQ(kill.persist(), 0);
  EXPECT_EQ(kill.unkill(), 0);
  EXPECT_FALSE(kill.thrown());
}

// One thread throws it while the other writes it and sets it back: whoever threw it last finds it
// thrown or was set back after that, and never half of a reason is written. For ThreadSanitizer,
// too.
TEST_F(KillSwitchTest, TwoThreads) {
  const std::string path = dir_ + "/kill";
  KillSwitch kill;
  ASSERT_EQ(kill.open(path), 0);
  std::atomic<bool> done{false};
  std::thread trading([&] {
    for (int i = 0; i < 2000; ++i) kill.trip(i % 2 == 0 ? "aaaaaaaaaa" : "bbbbbbbbbb");
    done = true;
  });
  while (!done) {
    ASSERT_EQ(kill.persist(), 0);
    if (std::filesystem::exists(path)) {
      const std::string reason = first_line(path);
      EXPECT_TRUE(reason == "aaaaaaaaaa" || reason == "bbbbbbbbbb") << reason;
    }
    const int status = kill.unkill();
    EXPECT_TRUE(status == 0 || status == -EAGAIN) << status;
    if (status == -EAGAIN) {
      EXPECT_TRUE(kill.thrown());
    }
  }
  trading.join();
  kill.trip("last");
  EXPECT_EQ(kill.persist(), 0);
  EXPECT_TRUE(kill.thrown());
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(RiskOrderTable, AgainstAMap) {
  std::mt19937 rng(5);
  OrderTable table(50);
  std::map<OrderId, Price> model;
  for (int i = 0; i < 100'000; ++i) {
    const OrderId id = rng() % 120;
    if (rng() % 2 == 0) {
      Order* order = table.add(id);
      const bool expected = id != 0 && !model.contains(id) && model.size() < 50;
      ASSERT_EQ(order != nullptr, expected) << i;
      if (order != nullptr) model[id] = order->price = i;
    } else {
      table.remove(id);
      model.erase(id);
    }
    ASSERT_EQ(table.size(), model.size());
    for (OrderId each = 0; each < 120; ++each) {
      const Order* order = table.find(each);
      ASSERT_EQ(order != nullptr, model.contains(each)) << i;
      if (order != nullptr) {
        ASSERT_EQ(order->price, model[each]);
      }
    }
  }
}

}  // namespace
}  // namespace pinion::risk
