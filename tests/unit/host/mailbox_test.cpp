// The mailbox between the control thread and a core: order, bounds, two threads, a wake-up.
#include "host/mailbox.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

namespace pinion {
namespace {

TEST(Mailbox, FullRefusesAndKeepsOrder) {
  Mailbox<int> box(4);
  int out = 0;
  EXPECT_FALSE(box.pop(out));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(box.push(i));
  EXPECT_FALSE(box.push(4));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(box.pop(out));
    EXPECT_EQ(out, i);
  }
  EXPECT_TRUE(box.empty());
}

TEST(Mailbox, TwoThreadsLoseNothing) {
  constexpr int kMessages = 200'000;
  struct Wide {
    int a, b, c;
  };
  Mailbox<Wide> box(8);
  std::thread producer([&box] {
    for (int i = 0; i < kMessages; ++i)
      while (!box.push({i, i * 2, i * 3})) std::this_thread::yield();
  });
  for (int i = 0; i < kMessages; ++i) {
    Wide w{};
    while (!box.pop(w)) std::this_thread::yield();
    ASSERT_EQ(w.a, i);
    ASSERT_EQ(w.b, i * 2);
    ASSERT_EQ(w.c, i * 3);
  }
  producer.join();
}

class CoreLinks : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    ASSERT_EQ(link_.open(why), 0) << why;
  }
  CoreLink link_{4};
};

TEST_F(CoreLinks, MailWakesASleepingCore) {
  KernelMessage message;
  std::thread control([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    link_.send(&message);
  });
  link_.sleep(30 * kSecond);
  EXPECT_EQ(link_.take_mail(), &message);
  control.join();
}

// The core does not read what applications hold, too: nobody can make that take long.
TEST_F(CoreLinks, EachSignalWakesOnceAndIsNeverRead) {
  const int fd = eventfd(0, EFD_NONBLOCK);
  ASSERT_EQ(link_.watch_session(fd), 0);
  const uint64_t one = 1;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(write(fd, &one, sizeof one), ssize_t{sizeof one});
    EXPECT_TRUE(link_.sleep(30 * kSecond));
    EXPECT_FALSE(link_.sleep(kMilli));
  }
  uint64_t count = 0;
  EXPECT_EQ(read(fd, &count, sizeof count), ssize_t{sizeof count});
  EXPECT_EQ(count, 3u);
  link_.unwatch(fd);
  close(fd);
}

TEST_F(CoreLinks, NotesThatDoNotFitAreKeptBackInOrder) {
  for (int i = 0; i < 10; ++i) {
    CoreNote note;
    note.number = i;
    link_.note(note);
  }
  CoreNote out;
  for (int i = 0; i < 10; ++i) {
    if (!link_.take_note(out)) {
      link_.flush_notes();
      ASSERT_TRUE(link_.take_note(out));
    }
    EXPECT_EQ(out.number, i);
  }
  EXPECT_FALSE(link_.take_note(out));
}

}  // namespace
}  // namespace pinion
