// Two core threads with a queue each of one NIC, and the control thread between them and this one,
// which is the application: sessions go where they ask to be, and a core that sleeps is woken by
// what the other one hands over to it.
#include <gtest/gtest.h>
#include <rio/rio.hpp>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/attach_server.h"
#include "host/clock.h"
#include "host/core_thread.h"
#include "kernel/kernel.h"
#include "port/hand_over.h"
#include "support/memory_port.h"

namespace pinion {
namespace {

constexpr Nanos kPatience = 20 * kSecond;
constexpr uint16_t kPort = 7000;

template <class Condition>
bool becomes_true(const Condition& condition) {
  for (const Nanos end = monotonic_now() + kPatience; !condition(); std::this_thread::yield())
    if (monotonic_now() > end) return false;
  return true;
}

class TwoCores : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(directory_), nullptr);
    std::string why;
    for (CoreLink& link : links_) ASSERT_EQ(link.open(why), 0) << why;
    for (uint32_t core = 0; core < 2; ++core) {
      CoreThreadConfig thread;
      thread.sleep_after = kMilli;
      thread.beat_at_least = 10 * kPatience;  // nothing but an event ends a sleep in time
      thread.clock = clock_.clock();
      thread.peers = {&links_[0], &links_[1]};
      threads_[core] = std::make_unique<CoreThread>(thread, links_[core]);
      KernelConfig kernel;
      kernel.net.interfaces = {{.name = "eth0",
                                .port = &ports_[core],
                                .addresses = {{ipv4(10, 0, 0, 1), 24}},
                                .queue_cores = {0, 1}}};
      kernel.net.mesh.core = core, kernel.net.mesh.cores = 2;
      kernel.net.mesh.owners = &owners_;
      kernel.net.mesh.to = {nullptr, &there_}, kernel.net.mesh.from = {nullptr, &back_};
      if (core == 1)
        kernel.net.mesh.to = {&back_, nullptr}, kernel.net.mesh.from = {&there_, nullptr};
      kernel.server.core = core;
      kernel.server.sessions_max = 4;
      kernel.server.core_silent_ms = 0;
      kernel.hooks = threads_[core]->hooks();
      kernels_[core] = std::make_unique<Kernel>(kernel);
      ASSERT_EQ(threads_[core]->start(*kernels_[core], why), 0) << why;
    }
    AttachServerConfig attach;
    attach.path = path();
    attach.sessions.sessions_max = 4;
    attach.sessions.cores = 2;
    attach.policies.resize(1);
    attach.policies[0].id = geteuid();
    attach.policies[0].core = 1;
    std::vector<CoreLink*> links{&links_[0], &links_[1]};
    server_ = std::make_unique<AttachServer>(attach, std::move(links));
    ASSERT_EQ(server_->open(why), 0) << why;
    server_->start();
  }
  void TearDown() override {
    server_.reset();
    for (auto& thread : threads_)
      if (thread) thread->stop();
    unlink(path().c_str());
    rmdir(directory_);
  }
  std::string path() const { return std::string(directory_) + "/control.sock"; }

  char directory_[32] = "/tmp/pinion-unit-XXXXXX";
  SystemClock clock_;
  HandOver there_, back_;
  PortOwners owners_;
  testing::MemoryPort ports_[2]{testing::MemoryPort(Mac{{2, 0, 0, 0, 0, 1}}),
                                testing::MemoryPort(Mac{{2, 0, 0, 0, 0, 1}})};
  CoreLink links_[2];
  std::unique_ptr<CoreThread> threads_[2];
  std::unique_ptr<Kernel> kernels_[2];
  std::unique_ptr<AttachServer> server_;
};

rio::Socket bound(const rio::Session& session) {
  rio::Socket socket;
  rio_address local;
  rio_parse_address("10.0.0.1", kPort, &local);
  EXPECT_EQ(socket.create(session), 0) << rio_last_error();
  EXPECT_EQ(socket.bind(local), 0) << rio_last_error();
  return socket;
}

TEST_F(TwoCores, ASessionOnEachWithTheSamePort) {
  rio::Session home, first, none;
  ASSERT_EQ(home.open(path().c_str()), 0) << rio_last_error();
  ASSERT_EQ(first.open_on(0, path().c_str()), 0) << rio_last_error();
  EXPECT_EQ(none.open_on(2, path().c_str()), -ENXIO);
  EXPECT_EQ(home.core(), 1u);
  EXPECT_EQ(first.core(), 0u);
  const rio::Socket one = bound(home), other = bound(first);
  EXPECT_EQ(one.core(), 1);
  EXPECT_EQ(other.core(), 0);
}

// A claim is handed over: nothing else happens on the other core.
TEST_F(TwoCores, WhatIsHandedOverWakesASleeper) {
  rio::Session session;
  ASSERT_EQ(session.open_on(0, path().c_str()), 0) << rio_last_error();
  for (int round = 0; round < 20; ++round) {
    // It polls now and then until it sleeps; then nothing more comes.
    uint64_t before = threads_[1]->passes();
    ASSERT_TRUE(becomes_true([&] {
      usleep(20'000);
      return std::exchange(before, threads_[1]->passes()) == threads_[1]->passes();
    }));
    const rio::Socket socket = bound(session);
    ASSERT_TRUE(becomes_true([&] { return threads_[1]->passes() > before; })) << round;
  }
}

}  // namespace
}  // namespace pinion
