// Whether a port's events are believed: by what comes of sleeps, on descriptors of the test's own.
#include "host/port_wake.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/mailbox.h"

namespace pinion {
namespace {

constexpr Nanos kNap = 50 * kMicro;

// A port as its driver might be: with frames, and events that come or do not.
struct FakePort {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  bool arms = true;
  int frames = 0;
  uint64_t taken = 0;
  int armed = 0;  // how often
  bool is_armed = false;

  FakePort() = default;
  FakePort(const FakePort&) = delete;
  FakePort& operator=(const FakePort&) = delete;
  ~FakePort() { close(fd); }
  void fire() const { EXPECT_EQ(eventfd_write(fd, 1), 0); }
  void take() { taken += static_cast<uint64_t>(frames), frames = 0; }
  PortWake hooks() {
    PortWake wake;
    wake.self = this;
    wake.arm = [](void* self) {
      auto& port = *static_cast<FakePort*>(self);
      ++port.armed;
      port.is_armed = true;
      return port.arms ? port.fd : -1;
    };
    wake.waiting = [](void* self) { return static_cast<FakePort*>(self)->frames != 0; };
    wake.taken = [](void* self) { return static_cast<FakePort*>(self)->taken; };
    wake.disarm = [](void* self) { static_cast<FakePort*>(self)->is_armed = false; };
    return wake;
  }
};

class PortWakesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    ASSERT_EQ(link_.open(why), 0) << why;
  }
  // One sleep of the core, in which this happens to the port; then the frames are taken.
  template <class Happening>
  bool sleep(PortWakes& wakes, FakePort& port, const Happening& happens) {
    EXPECT_TRUE(wakes.arm());
    happens();
    const bool woken = link_.sleep(kNap);
    wakes.judge(!woken);
    wakes.disarm();
    EXPECT_FALSE(port.is_armed && port.arms);
    port.take();
    return woken;
  }
  static void frame_with_event(FakePort& port) { ++port.frames, port.fire(); }
  void prove(PortWakes& wakes, FakePort& port) {
    for (uint32_t i = 0; i < WakeEvidence::kHits; ++i) {
      EXPECT_NE(wakes.state(0), WakeState::works);
      EXPECT_TRUE(sleep(wakes, port, [&] { frame_with_event(port); }));
    }
    EXPECT_EQ(wakes.state(0), WakeState::works);
  }

  CoreLink link_{4};
  FakePort port_;
};

TEST_F(PortWakesTest, EventsThatComeAreBelieved) {
  PortWakes wakes({port_.hooks()}, link_);
  EXPECT_EQ(wakes.state(0), WakeState::on_trial);
  prove(wakes, port_);
  EXPECT_EQ(wakes.woken(0), WakeEvidence::kHits);
  ASSERT_TRUE(wakes.arm());
  EXPECT_TRUE(wakes.all_work());
  wakes.disarm();
}

TEST_F(PortWakesTest, SilenceProvesNothing) {
  PortWakes wakes({port_.hooks()}, link_);
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(sleep(wakes, port_, [] {}));
  EXPECT_EQ(wakes.state(0), WakeState::on_trial);
}

// e1000e's MSI-X: it can be enabled, and never fires.
TEST_F(PortWakesTest, EventsThatNeverComeEndInNaps) {
  PortWakes wakes({port_.hooks()}, link_);
  for (uint32_t i = 0; i < WakeEvidence::kMisses; ++i) {
    EXPECT_EQ(wakes.state(0), WakeState::on_trial) << i;
    EXPECT_FALSE(sleep(wakes, port_, [&] { ++port_.frames; }));
  }
  EXPECT_EQ(wakes.state(0), WakeState::failed);
  const int armed = port_.armed;
  EXPECT_TRUE(wakes.arm());
  EXPECT_FALSE(wakes.all_work());
  EXPECT_EQ(port_.armed, armed) << "it is asked no more";
  for (uint32_t i = 1; i < WakeEvidence::kNaps; ++i) EXPECT_TRUE(wakes.arm());
  EXPECT_GT(port_.armed, armed) << "but for after a long time";
}

// Its INTx: it fires each time, for nothing.
TEST_F(PortWakesTest, EventsWithoutFramesEndInNaps) {
  PortWakes wakes({port_.hooks()}, link_);
  prove(wakes, port_);
  sleep(wakes, port_, [] {});  // after it, nothing was taken since the last sleep
  for (uint32_t i = 0; i < WakeEvidence::kFalseAlarms; ++i) {
    EXPECT_EQ(wakes.state(0), WakeState::works) << i;
    EXPECT_TRUE(sleep(wakes, port_, [&] { port_.fire(); }));
  }
  EXPECT_EQ(wakes.state(0), WakeState::failed);
}

TEST_F(PortWakesTest, AnEventOfFramesAlreadyTakenIsNoFalseAlarm) {
  PortWakes wakes({port_.hooks()}, link_);
  for (uint32_t i = 0; i < 2 * WakeEvidence::kFalseAlarms; ++i)
    EXPECT_TRUE(sleep(wakes, port_, [&] { ++port_.taken, port_.fire(); }));
  EXPECT_EQ(wakes.state(0), WakeState::on_trial);
}

TEST_F(PortWakesTest, OneMissIsATrialAgain) {
  PortWakes wakes({port_.hooks()}, link_);
  prove(wakes, port_);
  EXPECT_FALSE(sleep(wakes, port_, [&] { ++port_.frames; }));
  EXPECT_EQ(wakes.state(0), WakeState::on_trial);
  prove(wakes, port_);
}

// A sleep that something else ended says nothing of a frame that came at the same time.
TEST_F(PortWakesTest, WokenByOthersIsNoMiss) {
  PortWakes wakes({port_.hooks()}, link_);
  for (uint32_t i = 0; i < 2 * WakeEvidence::kMisses; ++i)
    EXPECT_TRUE(sleep(wakes, port_, [&] { ++port_.frames, link_.wake(); }));
  EXPECT_EQ(wakes.state(0), WakeState::on_trial);
  EXPECT_EQ(wakes.woken(0), 0u);
}

TEST_F(PortWakesTest, AFrameThatIsThereForbidsSleep) {
  PortWakes wakes({port_.hooks()}, link_);
  ++port_.frames;
  EXPECT_FALSE(wakes.arm());
  wakes.disarm();
  port_.take();
  EXPECT_TRUE(wakes.arm());
}

TEST_F(PortWakesTest, OnePortWithoutEventsKeepsTheNaps) {
  PortWakes wakes({port_.hooks(), PortWake{}}, link_);
  prove(wakes, port_);
  EXPECT_TRUE(wakes.arm());
  EXPECT_EQ(wakes.state(1), WakeState::none);
  EXPECT_FALSE(wakes.all_work());
  PortWakes nobody({}, link_);
  EXPECT_FALSE(nobody.all_work());
}

TEST_F(PortWakesTest, APortThatCannotBeArmedNowKeepsTheNaps) {
  PortWakes wakes({port_.hooks()}, link_);
  prove(wakes, port_);
  port_.arms = false;
  EXPECT_TRUE(wakes.arm());
  EXPECT_FALSE(wakes.all_work());
}

// After a restart of its device a port may have another descriptor, under the same number.
TEST_F(PortWakesTest, ANewDescriptorIsWatched) {
  PortWakes wakes({port_.hooks()}, link_);
  prove(wakes, port_);
  const int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ASSERT_EQ(dup2(other, port_.fd), port_.fd);  // closes the old one
  close(other);
  EXPECT_TRUE(sleep(wakes, port_, [&] { frame_with_event(port_); }));
}

}  // namespace
}  // namespace pinion
