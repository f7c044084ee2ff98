// A NIC with a backup against Linux: two veths into one bridge, whose ports go down and up again.
// What it costs is printed; that no byte is lost, nothing comes twice and the bridge learns at once
// where Pinion is, is judged.
#include <arpa/inet.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

constexpr uint16_t kBondPort = 7400;
constexpr size_t kPiece = 32u << 10;
constexpr uint32_t kSomePieces = 20;
constexpr int64_t kGapMaxMs = 5000;  // generous: Linux's own timer doubles from 200 ms

class Bond : public World {
 protected:
  static void SetUpTestSuite() { begin({.cables = Cables::two}); }
  // All cables in, and the first NIC works.
  void SetUp() override {
    World::SetUp();
    if (IsSkipped()) return;
    plug(true, 0), plug(true, 1);
    ASSERT_TRUE(becomes("nic.device_link", 1) && becomes("nic.backup_link", 1));
    if (gauge("nic.active") == 1) return;
    plug(false, 1);
    ASSERT_TRUE(becomes("nic.active", 1));
    plug(true, 1);
    ASSERT_TRUE(becomes("nic.backup_link", 1));
  }
  static bool becomes(const std::string& name, uint64_t value) {
    return within(kPatienceMs, [&] { return gauge(name) == value; });
  }
  // The bridge has learned that Pinion's address is behind that port.
  static bool bridge_knows(const std::string& port) {
    char mac[18];
    const MacAddress m = pinion_mac();
    std::snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
                  m[5]);
    return within(kPatienceMs, [&] {
      const std::string known = run({"bridge", "fdb", "show", "brport", port}).output;
      return known.find(mac) != std::string::npos;
    });
  }
};

std::string piece(uint32_t number) {
  std::string out(kPiece, static_cast<char>(number));
  std::memcpy(out.data(), &number, sizeof number);
  return out;
}

// One direction of a bulk: numbered pieces, until told to stop.
class Bulk {
 public:
  ~Bulk() { stop_ = true; }  // of a test that has failed: both end, by their deadlines
  template <class Sender, class Receiver>
  void start(Sender& sender, Receiver& receiver) {
    sender_ = std::jthread([this, &sender] {
      uint32_t n = 0;
      while (status_ == 0 && !stop_) status_ = sender.send(piece(n++));
      to_come_ = n + 1;
      if (status_ == 0) status_ = sender.send(piece(n));
    });
    receiver_ = std::jthread([this, &receiver] {
      for (int64_t before = now_ms(); received_ < to_come_; before = now_ms()) {
        if (receiver.receive(kPiece) != piece(received_)) return;
        longest_ms_ = std::max(longest_ms_, now_ms() - before);
        ++received_;
      }
    });
  }
  bool moves() const {
    const uint32_t before = received_;
    return within(kPatienceMs, [&] { return received_ >= before + kSomePieces; });
  }
  void expect_all(const char* direction) {
    stop_ = true;
    sender_.join();
    receiver_.join();
    EXPECT_EQ(status_, 0) << direction;
    EXPECT_EQ(received_, to_come_) << direction << ": this piece did not come whole";
    EXPECT_LT(longest_ms_, kGapMaxMs) << direction;
    std::printf("%s: %u pieces of %zu KiB, the longest wait for one %lld ms\n", direction,
                received_.load(), kPiece >> 10, static_cast<long long>(longest_ms_));
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> received_{0}, to_come_{UINT32_MAX};
  int status_ = 0;
  int64_t longest_ms_ = 0;
  std::jthread sender_, receiver_;
};

TEST_F(Bond, BulkGoesOnWhenTheCarrierIsLost) {
  App sends(socket_path()), receives(socket_path());
  AppStream down(sends), listener(receives), up(receives);
  KernelStream kernel_listener, kernel_up;
  ASSERT_EQ(down.connect(kernel_listener.listen()), 0) << rio_last_error();
  KernelStream kernel_down = kernel_listener.accept();
  ASSERT_EQ(listener.listen(kBondPort), 0) << rio_last_error();
  ASSERT_EQ(kernel_up.connect(kBondPort), 0);
  ASSERT_EQ(listener.accept(up), 0);
  ASSERT_EQ(down.make_queue(), 0);
  ASSERT_EQ(up.make_queue(), 0);
  const uint64_t failovers = gauge("nic.failovers");
  Bulk from_pinion, to_pinion;
  from_pinion.start(down, kernel_down);
  to_pinion.start(kernel_up, up);
  EXPECT_TRUE(from_pinion.moves() && to_pinion.moves());
  for (const int cable : {0, 1}) {
    plug(false, cable);
    EXPECT_TRUE(becomes("nic.active", cable == 0 ? 2 : 1)) << cable;
    EXPECT_TRUE(from_pinion.moves() && to_pinion.moves()) << cable;
    plug(true, cable);
    EXPECT_TRUE(becomes(cable == 0 ? "nic.device_link" : "nic.backup_link", 1)) << cable;
    EXPECT_TRUE(from_pinion.moves() && to_pinion.moves()) << cable;
    EXPECT_EQ(gauge("nic.active"), cable == 0 ? 2u : 1u) << "it stays where it is";
  }
  from_pinion.expect_all("from Pinion");
  to_pinion.expect_all("to Pinion");
  EXPECT_EQ(gauge("nic.failovers"), failovers + 2);
}

// Without a word of any application.
TEST_F(Bond, TheBridgeIsTold) {
  plug(false, 0);
  EXPECT_TRUE(bridge_knows("kernel1"));
  plug(true, 0);
}

TEST_F(Bond, WhatIsFloodedComesOnce) {
  constexpr int kTicks = 50;
  constexpr const char* kGroup = "239.1.2.3";
  AppSocket app(socket_path(), {.port = kBondPort});
  ASSERT_EQ(app.join(kGroup), 0);
  KernelSocket feed;
  in_addr from{};
  inet_pton(AF_INET, kKernelIp, &from);
  ASSERT_EQ(setsockopt(feed.fd(), IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from), 0);
  const uint64_t standby = gauge("nic.rx_standby");
  for (int i = 0; i < kTicks; ++i) {
    ASSERT_EQ(feed.send_to(std::to_string(i), kGroup, kBondPort), 0);
    const auto got = app.receive();
    ASSERT_TRUE(got) << i;
    EXPECT_EQ(got->bytes, std::to_string(i)) << "the next one, not the last one again";
  }
  EXPECT_TRUE(within(kPatienceMs, [&] { return gauge("nic.rx_standby") >= standby + kTicks; }));
}

TEST_F(Bond, WithoutBothThereIsNoLink) {
  AppSocket app(socket_path(), {.port = kBondPort});
  KernelSocket kernel;
  plug(false, 0), plug(false, 1);
  ASSERT_TRUE(becomes("nic.link", 0));
  EXPECT_EQ(app.send("lost", kKernelIp, kernel.port()), -ENETDOWN);
  plug(true, 1);
  ASSERT_TRUE(becomes("nic.link", 1));
  EXPECT_EQ(gauge("nic.active"), 2u);
  EXPECT_EQ(app.send("found", kKernelIp, kernel.port()), 0);
  const auto got = kernel.receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "found");
}

}  // namespace
}  // namespace pinion::e2e
