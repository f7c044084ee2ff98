// A46 (README.md): the daemon dies by SIGKILL while applications poll. They are told within a
// bounded time; a daemon that is started again serves them as new sessions, and what they held of
// the old one stays dead.
#include <signal.h>

#include <cerrno>
#include <memory>

#include "isolation/application.h"
#include "isolation/daemon.h"

namespace pinion::testing {
namespace {

constexpr uint32_t kSilentMs = 300;

// A daemon in a process of its own.
std::unique_ptr<Process> start_daemon(const std::string& dir, uint32_t epoch, Nanos sleep_after) {
  auto process = std::make_unique<Process>(
      [=] {
        Daemon daemon(
            {.sleep_after = sleep_after, .core_silent_ms = kSilentMs, .epoch = epoch, .dir = dir});
        Process::ready();
        for (;;) pause();
        return 0;
      },
      geteuid());
  EXPECT_TRUE(process->wait_ready());
  return process;
}

struct Followed {
  Application app;
  uint32_t epoch = 0;

  int attach(const std::string& path) {
    int status = app.attach(path, RIO_NOTIFY_FD);
    if (status == 0) status = app.connect();
    if (status == 0) status = app.echo(1);
    epoch = app.socket.queue()->session_header->epoch;
    return status;
  }
  // How long until dequeue says that the daemon is gone; -1: never.
  int64_t ms_until_told() {
    return ms_until(
        [&] {
          rio_result r;
          for (int i = 0; i < 10'000; ++i)
            if (app.cq.dequeue(&r, 1) == -EHOSTDOWN) return true;
          return false;
        },
        20 * kSecond);
  }
  bool is_dead() {
    rio_socket_t socket;
    void* memory;
    const rio_slice out = app.slice(0, 64);
    (void)app.socket.send(&out);  // into memory that nobody reads
    rio_result r;
    return rio_socket(app.session.get(), RIO_FAMILY_IPV4, RIO_TYPE_DATAGRAM, 0, &socket) ==
               -EHOSTDOWN &&
           app.session.map_memory(kPageBytes, &memory) == -EHOSTDOWN &&
           app.session.status() == -EHOSTDOWN && app.cq.dequeue(&r, 1) <= 0;
  }
  static constexpr size_t kPageBytes = 4096;
};

class DaemonDeath : public ::testing::TestWithParam<Nanos> {};

TEST_P(DaemonDeath, A46IsToldAndSurvived) {
  const std::string dir = make_daemon_dir();
  const std::string path = dir + "/control.sock";
  auto first = start_daemon(dir, 1, GetParam());
  Process app([&] {
    Followed old, fresh;
    if (const int status = old.attach(path); status != 0) return status;
    usleep(50'000);  // a core that may sleep does so now
    Process::ready();
    const int64_t ms = old.ms_until_told();
    if (ms < 0) return 1;
    // The silence that is allowed, once more for a core that slept, and this machine's delays.
    if (ms > 10 * kSilentMs) return 2;
    if (!old.is_dead()) return 3;
    rio::Session nobody;
    if (nobody.open(path.c_str()) >= 0) return 4;
    Process::ready();
    if (ms_until([&] { return nobody.open(path.c_str()) == 0; }, 20 * kSecond) < 0) return 5;
    if (const int status = fresh.attach(path); status != 0) return status;
    if (fresh.epoch == old.epoch) return 6;
    if (!old.is_dead()) return 7;
    for (uint64_t round = 0; round < 100; ++round)
      if (const int status = fresh.app.echo(round); status != 0) return status;
    return 0;
  });
  ASSERT_TRUE(app.wait_ready()) << app.wait();
  first->kill();
  EXPECT_EQ(first->wait(), -SIGKILL);
  ASSERT_TRUE(app.wait_ready()) << app.wait();
  auto second = start_daemon(dir, 2, GetParam());
  EXPECT_EQ(app.wait(), 0);
  second->kill();
  second->wait();
  unlink(path.c_str());
  rmdir(dir.c_str());
}

INSTANTIATE_TEST_SUITE_P(Idle, DaemonDeath, ::testing::Values(kNever, kMilli),
                         [](const auto& idle) { return idle.param == kNever ? "Busy" : "Asleep"; });

}  // namespace
}  // namespace pinion::testing
