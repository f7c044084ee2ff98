// Regions: after sealing nothing can take a page away from under the core, in either page size;
// and when the seals are missing, the SIGBUS backstop keeps the core running.
#include "host/region.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "host/sigbus.h"

namespace pinion {
namespace {

constexpr uint64_t kBytes = 3 * Region::kSmallPage;

// What the application holds: its own descriptor of the memfd and its own mapping.
struct Application {
  int fd = -1;
  void* view = MAP_FAILED;
  size_t size = 0;

  explicit Application(const Region& region) : fd(dup(region.fd())), size(region.size()) {
    view = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  ~Application() {
    if (view != MAP_FAILED) munmap(view, size);
    close(fd);
  }
  char* bytes() const { return static_cast<char*>(view); }
};

// With hugepages where the machine has some; the small ones always.
class Regions : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    RegionConfig config;
    config.hugepages = GetParam();
    std::string why;
    const int status = region_.create(config, kBytes, false, why);
    if (GetParam() && status == -ENOMEM) GTEST_SKIP() << why;
    ASSERT_EQ(status, 0) << why;
  }
  Region region_;
};
INSTANTIATE_TEST_SUITE_P(Pages, Regions, ::testing::Bool(),
                         [](const auto& p) { return p.param ? "Huge" : "Small"; });

TEST_P(Regions, EachSideSeesTheOthersWrites) {
  Application app(region_);
  std::string why;
  ASSERT_EQ(region_.go_live(why), 0) << why;
  ASSERT_NE(app.view, static_cast<void*>(region_.base()));
  app.bytes()[5] = 'a';
  EXPECT_EQ(region_.base()[5], std::byte{'a'});
  region_.base()[6] = std::byte{'k'};
  EXPECT_EQ(app.bytes()[6], 'k');
}

TEST(RegionSlices, PopulatedPartByPartAndLiveAtTheEnd) {
  constexpr size_t kPages = 10, kSlice = 4;
  Region region;
  std::string why;
  ASSERT_EQ(region.create({}, kPages * Region::kSmallPage, true, why), 0) << why;
  const auto populated = [&] {
    unsigned char resident[kPages] = {};
    EXPECT_EQ(mincore(region.base(), region.size(), resident), 0);
    return std::count(std::begin(resident), std::end(resident), 1);
  };
  for (const int expected : {4, 8}) {
    EXPECT_EQ(region.go_live(why, kSlice * Region::kSmallPage), -EINPROGRESS);
    EXPECT_EQ(populated(), expected);
    EXPECT_FALSE(region.live());
  }
  EXPECT_EQ(region.go_live(why, kSlice * Region::kSmallPage), 0) << why;
  EXPECT_EQ(populated(), kPages);
  EXPECT_TRUE(region.live());
  EXPECT_EQ(region.fd(), -1);
}

TEST_P(Regions, SizeIsRoundedUpToPagesOfZeros) {
  EXPECT_EQ(region_.size() % region_.page_bytes(), 0u);
  EXPECT_GE(region_.size(), kBytes);
  std::string why;
  ASSERT_EQ(region_.go_live(why), 0) << why;
  for (uint64_t i = 0; i < region_.size(); ++i) ASSERT_EQ(region_.base()[i], std::byte{0});
}

TEST_P(Regions, AfterSealingNothingTakesAPageAway) {
  Application app(region_);
  std::string why;
  ASSERT_EQ(region_.go_live(why), 0) << why;
  region_.base()[0] = std::byte{0x42};
  const auto page = static_cast<off_t>(region_.page_bytes());
  EXPECT_EQ(ftruncate(app.fd, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(ftruncate(app.fd, static_cast<off_t>(app.size) + page), -1);
  EXPECT_EQ(fallocate(app.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(madvise(app.view, app.size, MADV_REMOVE), -1);
  EXPECT_EQ(fcntl(app.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
  EXPECT_EQ(munmap(app.view, app.size), 0);
  app.view = MAP_FAILED;
  EXPECT_EQ(region_.base()[0], std::byte{0x42});
  EXPECT_FALSE(region_.evicted());
}

TEST_P(Regions, AfterSealingNobodyMapsItWritable) {
  Application app(region_);
  std::string why;
  ASSERT_EQ(region_.go_live(why), 0) << why;
  const std::string path = "/proc/self/fd/" + std::to_string(app.fd);
  const int again = open(path.c_str(), O_RDWR | O_CLOEXEC);
  for (const int fd : {app.fd, again}) {
    if (fd < 0) continue;  // refused even earlier
    EXPECT_EQ(mmap(nullptr, app.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    EXPECT_EQ(errno, EPERM);
  }
  if (again >= 0) close(again);
  void* view = mmap(nullptr, app.size, PROT_READ, MAP_SHARED, app.fd, 0);
  ASSERT_NE(view, MAP_FAILED);  // what a later daemon needs, to copy it
  EXPECT_EQ(mprotect(view, app.size, PROT_READ | PROT_WRITE), -1);
  munmap(view, app.size);
}

TEST_P(Regions, OneThatWasShrunkBeforeSealingIsRefused) {
  Application app(region_);
  ASSERT_EQ(ftruncate(app.fd, 0), 0);
  std::string why;
  EXPECT_EQ(region_.go_live(why), -EPROTO);
  EXPECT_FALSE(region_.live());
  EXPECT_NE(why, "");
}

TEST_P(Regions, OneThatWasSealedBeforeIsRefused) {
  Application app(region_);
  ASSERT_EQ(fcntl(app.fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
  std::string why;
  EXPECT_EQ(region_.go_live(why), -EPROTO);
}

TEST_P(Regions, AHolePunchedBeforeSealingIsFilled) {
  Application app(region_);
  app.bytes()[0] = 'x';
  const auto page = static_cast<off_t>(region_.page_bytes());
  ASSERT_EQ(fallocate(app.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page), 0);
  std::string why;
  ASSERT_EQ(region_.go_live(why), 0) << why;
  EXPECT_EQ(region_.base()[0], std::byte{0});
}

TEST(Region, NoHugepagesLeftSaysWhatToDo) {
  RegionConfig config;
  config.hugepages = true;
  Region region;
  std::string why;
  ASSERT_EQ(region.create(config, uint64_t{1} << 45, false, why), -ENOMEM);
  EXPECT_EQ(why.rfind("no hugepages left: ", 0), 0u) << why;
  EXPECT_NE(why.find("sysctl vm.nr_hugepages="), std::string::npos) << why;
}

TEST(Region, LiesWhereTheArenaSays) {
  struct OnePlace : AddressArena {
    void* at = mmap(nullptr, Region::kHugePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int taken = 0;
    void* take(size_t) override { return taken++ == 0 ? at : nullptr; }
    void give(void* back, size_t bytes) override {
      taken -= back == at;
      munmap(back, bytes);
    }
    uint64_t map(void* where, size_t bytes) override {
      return where == at && bytes == kBytes ? 5 : 0;
    }
  } arena;
  RegionConfig config;
  config.arena = &arena;
  std::string why;
  Region region, second;
  ASSERT_EQ(region.create(config, kBytes, true, why), 0) << why;
  EXPECT_EQ(static_cast<void*>(region.base()), arena.at);
  EXPECT_EQ(second.create(config, kBytes, true, why), -ENOMEM);
  ASSERT_EQ(region.go_live(why), 0) << why;
  EXPECT_EQ(region.reach(), 5u);
  region.reset();
  EXPECT_EQ(region.reach(), 0u);
  EXPECT_EQ(arena.taken, 1);  // the second one's refused attempt
  munmap(arena.at, Region::kHugePage);
}

// A factory that skips the seals: the application takes the pages away, the core touches one.
TEST(SigbusBackstop, ZerosTakeThePlaceOfALostRegion) {
  install_sigbus_backstop();
  RegionConfig config;
  config.skip_seals = true;
  Region region, bystander;
  std::string why;
  ASSERT_EQ(region.create(config, kBytes, true, why), 0) << why;
  ASSERT_EQ(bystander.create({}, kBytes, true, why), 0) << why;
  Application app(region);
  ASSERT_EQ(region.go_live(why), 0) << why;
  ASSERT_EQ(bystander.go_live(why), 0) << why;
  region.base()[0] = bystander.base()[0] = std::byte{7};
  ASSERT_EQ(ftruncate(app.fd, 0), 0);
  auto* touched = reinterpret_cast<volatile char*>(region.base());
  EXPECT_EQ(touched[Region::kSmallPage], 0);  // SIGBUS, handled
  EXPECT_EQ(touched[0], 0);
  touched[0] = 1;
  EXPECT_TRUE(region.evicted());
  EXPECT_FALSE(bystander.evicted());
  EXPECT_EQ(bystander.base()[0], std::byte{7});
}

TEST(SigbusBackstopDeathTest, AnotherSigbusStaysFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        install_sigbus_backstop();
        const int fd = memfd_create("not-watched", 0);
        auto* at = static_cast<volatile char*>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0));
        [[maybe_unused]] const char lost = at[0];
      },
      "");
}

}  // namespace
}  // namespace pinion
