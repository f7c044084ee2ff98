// A received frame has the time that its NIC says, on Pinion's clock, where that can be: from a
// counter of the NIC's own (clocked_nic.h), and from net_pcap, which has Linux's.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "clocked_nic.h"
#include "eal_process.h"
#include "own_network.h"
#include "pmd-glue/tsc_clock.h"

namespace pinion::test {
namespace {

constexpr RxStamps kEither = RxStamps::device_or_software;
constexpr Nanos kAgo = 10 * kMilli;  // what is stamped was under way so long

class WithClock : public testing::Test {
 protected:
  void SetUp() override {
    std::string why_not;
    if (shared_eal(why_not) == nullptr) GTEST_SKIP() << why_not;
    clock_ = TscClock::create(TscClock::Require::any_tsc, why_not);
    if (!clock_) GTEST_SKIP() << why_not;
  }

  std::string error_;
  std::unique_ptr<TscClock> clock_;
};

// Two ports of a device whose counter has 156.25 MHz and began long ago.
class Stamps : public WithClock {
 protected:
  uint64_t counter() const { return static_cast<uint64_t>(clock_->now()) / 32 * 5 + begun_; }
  bool open(PortConfig config) {
    std::tie(a_, b_) = EthdevPort::open_ring_pair(config, error_);
    if (!a_) return false;
    for (EthdevPort* port : {a_.get(), b_.get()}) port->use_clock(*clock_);
    nic_.stamps(b_->port_id(), [this] { return stamp_; });
    return true;
  }
  // A frame with that stamp: the time that it has in the end, and of its burst.
  Nanos hw_time(uint64_t stamp, Nanos* burst = nullptr) {
    stamp_ = stamp;
    Frame* frame = make_frame(*a_, 100, 1);
    if (frame == nullptr || a_->tx_burst({&frame, 1}) != 1) std::abort();
    while (b_->rx_burst({&frame, 1}) != 1) {
    }
    const Nanos at = frame->hw_time;
    b_->free({&frame, 1});
    if (burst != nullptr) *burst = b_->burst_time();
    return at;
  }
  // The clock is known: a stamp of now has a place.
  bool learns() {
    return within(20 * kSecond, [this] {
      b_->calibrate();
      return hw_time(counter()) != 0;
    });
  }
  // Wrong by what a processor that stands still may do to a reading, and not by kAgo.
  void expect_right() {
    Nanos burst = 0;
    const Nanos before = clock_->now();
    const uint64_t stamp = counter() - kAgo / 32 * 5;
    const Nanos after = clock_->now();
    const Nanos at = hw_time(stamp, &burst);
    EXPECT_GT(at, before - kAgo - kMilli);
    EXPECT_LT(at, after - kAgo + kMilli);
    EXPECT_LT(at, burst);
  }

  uint64_t begun_ = uint64_t{1} << 61, stamp_ = 0;
  ClockedNic nic_{[this] { return counter(); }};
  std::unique_ptr<EthdevPort> a_, b_;
};

TEST_F(Stamps, FramesHaveTheDevicesTime) {
  ASSERT_TRUE(open({.device = "clocked", .rx_stamps = kEither})) << error_;
  EXPECT_EQ(nic_.configured, 2u);
  EXPECT_EQ(nic_.asked, 2u);
  EXPECT_NE(b_->describe().find("timestamps device"), std::string::npos) << b_->describe();
  EXPECT_EQ(hw_time(counter()), 0) << "its clock is not known yet";
  EXPECT_EQ(b_->stats().rx_stamps_refused, 1u);
  ASSERT_TRUE(learns());
  for (int i = 0; i < 10; ++i) {
    b_->calibrate();
    expect_right();
  }
  const PortStats before = b_->stats();
  EXPECT_TRUE(before.device_stamps);
  EXPECT_GE(before.rx_stamped, 11u);
  const uint64_t second = uint64_t{kSecond} / 32 * 5;
  for (const uint64_t wrong : {counter() + second, counter() - 2 * second, uint64_t{0}, ~counter()})
    EXPECT_EQ(hw_time(wrong), 0) << wrong;
  EXPECT_EQ(b_->stats().rx_stamps_refused, before.rx_stamps_refused + 4);
  EXPECT_EQ(b_->stats().rx_stamped, before.rx_stamped);
  EXPECT_EQ(a_->stats().rx_stamped, 0u);
}

// What is found when the core asks before its sleep is stamped like the rest.
TEST_F(Stamps, OfFramesThatWereFoundEarly) {
  ASSERT_TRUE(open({.device = "early", .rx_stamps = kEither})) << error_;
  ASSERT_TRUE(learns());
  stamp_ = counter();
  Frame* frame = make_frame(*a_, 100, 1);
  ASSERT_EQ(a_->tx_burst({&frame, 1}), 1u);
  ASSERT_TRUE(b_->waiting());
  ASSERT_EQ(b_->rx_burst({&frame, 1}), 1u);
  EXPECT_NE(frame->hw_time, 0);
  b_->free({&frame, 1});
}

// A NIC that was reset counts from another number.
TEST_F(Stamps, ACounterThatJumpsIsLearnedAnew) {
  ASSERT_TRUE(open({.device = "jumps", .rx_stamps = kEither})) << error_;
  ASSERT_TRUE(learns());
  begun_ -= uint64_t{5} << 32;
  EXPECT_EQ(hw_time(counter()), 0);
  ASSERT_TRUE(learns());
  expect_right();
}

TEST_F(Stamps, NobodyAsksForThemWhereSoftwareIsWanted) {
  ASSERT_TRUE(open({.device = "software", .rx_stamps = RxStamps::software})) << error_;
  EXPECT_EQ(nic_.asked, 0u);
  EXPECT_NE(b_->describe().find("timestamps software"), std::string::npos) << b_->describe();
  b_->calibrate();
  EXPECT_FALSE(b_->stats().device_stamps);
}

// Ticks that nobody can place are none.
TEST_F(Stamps, WithoutAClockThatCanBeReadThereAreNone) {
  nic_.readable = false;
  ASSERT_TRUE(open({.device = "unreadable", .rx_stamps = kEither})) << error_;
  EXPECT_EQ(nic_.asked, 0u);
  EXPECT_NE(b_->describe().find("timestamps software"), std::string::npos) << b_->describe();
  EXPECT_NE(b_->describe().find("rx timestamps (DPDK's net_ring does not read the device's clock)"),
            std::string::npos)
      << b_->describe();
  EXPECT_FALSE(open({.device = "needed", .rx_stamps = RxStamps::device}));
  EXPECT_NE(error_.find("no timestamps of received frames: DPDK's net_ring does not read"),
            std::string::npos)
      << error_;
}

TEST_F(Stamps, NorWithOneThatStandsStill) {
  nic_.counter = [] { return 5; };
  ASSERT_TRUE(open({.device = "still", .rx_stamps = kEither})) << error_;
  EXPECT_NE(b_->describe().find("timestamps software"), std::string::npos) << b_->describe();
  EXPECT_FALSE(open({.device = "still_needed", .rx_stamps = RxStamps::device}));
  EXPECT_NE(error_.find("stands still"), std::string::npos) << error_;
}

// A device that does not start with them starts without, unless they are needed.
TEST_F(Stamps, ADeviceThatRefusesThemStartsWithout) {
  nic_.starts_refused = 1;
  ASSERT_TRUE(open({.device = "refuses", .rx_stamps = kEither})) << error_;
  EXPECT_NE(a_->describe().find("timestamps software"), std::string::npos) << a_->describe();
  EXPECT_NE(a_->describe().find("without: rx timestamps (port "), std::string::npos)
      << a_->describe();
  EXPECT_NE(b_->describe().find("timestamps device"), std::string::npos) << b_->describe();
  nic_.starts_refused = 1;
  EXPECT_FALSE(open({.device = "refuses_needed", .rx_stamps = RxStamps::device}));
}

using PcapStamps = WithClock;

// libpcap's frames come late, in blocks; when the kernel had them is told all the same.
TEST_F(PcapStamps, AreLinuxsOfAnInterface) {
  const OwnNetwork network;
  if (!network.made()) GTEST_SKIP() << "needs the right to make a network namespace (root)";
  if (!run("ip link add va type veth peer name vb && "
           "ip link set va addrgenmode none up && ip link set vb addrgenmode none up")) {
    GTEST_SKIP() << "needs ip(8) of iproute2 and the kernel's veth";
  }
  auto a = EthdevPort::open({.device = "net_af_packet0,iface=va", .rx_stamps = kEither}, error_);
  ASSERT_TRUE(a) << error_;
  auto b = EthdevPort::open(
      {.device = "net_pcap0,rx_iface_in=vb,tx_iface=vb", .rx_stamps = kEither}, error_);
  if (!b) GTEST_SKIP() << "needs DPDK's net_pcap: " << error_;
  EXPECT_NE(a->describe().find("timestamps software"), std::string::npos) << a->describe();
  EXPECT_NE(b->describe().find("timestamps device"), std::string::npos) << b->describe();
  b->use_clock(*clock_);
  Nanos sent = 0, at = 0;
  EXPECT_TRUE(within(20 * kSecond, [&] {
    b->calibrate();
    sent = clock_->now();
    Frame* frame = make_frame(*a, 100, 1);
    if (frame == nullptr || a->tx_burst({&frame, 1}) != 1) return false;
    if (!within(5 * kSecond, [&] { return b->rx_burst({&frame, 1}) == 1; })) return false;
    at = is_test_frame(*frame) ? frame->hw_time : 0;
    b->free({&frame, 1});
    return at != 0;
  })) << b->describe();
  EXPECT_GT(at, sent - kMilli);
  EXPECT_LE(at, b->burst_time());
  EXPECT_GE(b->stats().rx_stamped, 1u);
}

// A capture of the year 2020: its times are refused, one by one.
TEST_F(PcapStamps, OfAnOldFileAreRefused) {
  constexpr uint32_t kRecords = 5;
  const std::string file = "/tmp/pinion-pmd-" + std::to_string(getpid()) + ".pcap";
  {
    std::ofstream out(file, std::ios::binary);
    const auto put = [&out](const std::initializer_list<uint32_t>& words) {
      for (const uint32_t word : words)
        out.write(reinterpret_cast<const char*>(&word), sizeof word);
    };
    put({0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1});
    for (uint32_t i = 0; i < kRecords; ++i) {
      const std::vector<std::byte> bytes = pattern(100, i);
      put({1'577'836'800 + i, 0, 100, 100});
      out.write(reinterpret_cast<const char*>(bytes.data()), 100);
    }
  }
  auto port =
      EthdevPort::open({.device = "net_pcap0,rx_pcap=" + file, .rx_stamps = kEither}, error_);
  unlink(file.c_str());
  if (!port) GTEST_SKIP() << "needs DPDK's net_pcap: " << error_;
  port->use_clock(*clock_);
  const Nanos begin = clock_->now();
  Frame* frames[kRecords + 1];
  ASSERT_EQ(port->rx_burst(frames), kRecords);
  for (const Frame* frame : std::span(frames, kRecords)) EXPECT_EQ(frame->hw_time, 0);
  port->free({frames, kRecords});
  EXPECT_EQ(port->stats().rx_stamps_refused, kRecords);
  EXPECT_EQ(port->stats().rx_stamped, 0u);
  EXPECT_GT(port->burst_time(), begin);
}

}  // namespace
}  // namespace pinion::test
