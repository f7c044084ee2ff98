// Attach, live, die: real processes with an ordinary user's rights against the daemon's host. What
// an application can do to the daemon by coming, going, dying or misbehaving at the door.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "isolation/application.h"
#include "isolation/daemon.h"

namespace pinion::testing {
namespace {

class Attach : public DaemonTest {};

// What somebody else has just let go is on its way back.
int attaches_soon(const std::string& path) {
  rio::Session session;
  return ms_until([&] { return session.open(path.c_str()) == 0; }, 20 * kSecond) >= 0 ? 0 : 10;
}

TEST_F(Attach, NopsOfAnUnprivilegedProcess) {
  start();
  Process app([&] {
    Application a;
    const int status = a.attach(path_);
    return status != 0 ? status : a.nops(10'000);
  });
  EXPECT_EQ(app.wait(), 0);
  EXPECT_EQ(daemon_->status().attached.load(), 1u);
}

TEST_F(Attach, AKilledProcessIsGoneWithin100Ms) {
  start();
  for (int round = 0; round < 5; ++round) {
    Process app([&] {
      Application a;
      if (const int status = a.attach(path_, RIO_NOTIFY_FD); status != 0) return status;
      void* memory = nullptr;
      rio_buffer_id id;
      if (a.session.map_memory(1 << 20, &memory) != 0) return 31;
      if (a.session.register_buffer(memory, 1 << 20, &id) != 0) return 32;
      Process::ready();
      for (;;) a.nops(1000);
      return 0;
    });
    ASSERT_TRUE(app.wait_ready());
    EXPECT_GT(Holdings::now().regions, baseline_.regions);
    app.kill();
    expect_gone();
    app.wait();
    expect_baseline();
  }
}

// The child keeps the control socket open, so only the pidfd can tell.
TEST_F(Attach, AProcessThatDiesBeforeItsForkedChildIsGoneToo) {
  start();
  int hold[2];
  ASSERT_EQ(pipe(hold), 0);
  {
    Process app([&] {
      auto a = std::make_unique<Application>();
      if (const int status = a->attach(path_); status != 0) return status;
      if (fork() == 0) {  // inherits every descriptor, and waits for the test's end
        close(hold[1]);
        char byte;
        (void)!read(hold[0], &byte, 1);
        _exit(0);
      }
      Process::ready();
      pause();
      return 0;
    });
    ASSERT_TRUE(app.wait_ready());
    app.kill();
    app.wait();
    expect_gone();
  }
  close(hold[0]), close(hold[1]);
}

TEST_F(Attach, AStrangerIsRefusedWithASentence) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  start();
  Process app(
      [&] {
        rio::Session session;
        if (session.open(path_.c_str()) != -EPERM) return 1;
        return std::strstr(rio_last_error(), "sessions") != nullptr ? 0 : 2;
      },
      kNobody - 1);
  EXPECT_EQ(app.wait(), 0);
  EXPECT_EQ(daemon_->status().refused.load(), 1u);
}

TEST_F(Attach, DescriptorsOfApplicationsAreNeverTaken) {
  start({.handshake_timeout = 30 * kSecond});
  Process app([&] {
    RawClient client(path_);
    const int file = memfd_create("foreign", MFD_ALLOW_SEALING);
    for (int i = 0; i < 1000; ++i)
      if (!client.send(RawClient::attach(), {file}) || client.status() != -EINVAL) return 1;
    Process::ready();
    pause();
    return 0;
  });
  ASSERT_TRUE(app.wait_ready());
  // At most the connection itself and its pidfd.
  EXPECT_LE(Holdings::now().descriptors, baseline_.descriptors + 3);
  app.kill();
}

// Whoever knocks is told; and when there are descriptors again, comes in.
TEST_F(Attach, WithoutDescriptorsTheDaemonRefusesAndGoesOn) {
  start();
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  Process app([&] {
    char byte;
    if (read(go[0], &byte, 1) != 1) return 1;
    rio::Session session;
    const rlimit plenty{64, 64};
    setrlimit(RLIMIT_NOFILE, &plenty);
    if (session.open(path_.c_str()) != -EAGAIN) return 2;
    if (std::strstr(rio_last_error(), "descriptors") == nullptr) return 3;
    Process::ready();
    if (read(go[0], &byte, 1) != 1) return 4;
    return session.open(path_.c_str()) == 0 ? 0 : 5;
  });
  const int lowest_free = dup(go[0]);
  close(lowest_free);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_EQ(write(go[1], "g", 1), 1);
  EXPECT_TRUE(app.wait_ready());
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(write(go[1], "g", 1), 1);
  EXPECT_EQ(app.wait(), 0);
  EXPECT_EQ(daemon_->status().refused.load(), 1u);
  close(go[0]), close(go[1]);
}

TEST_F(Attach, AnApplicationWithoutDescriptorsIsTold) {
  start();
  Process app([&] {
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    const int lowest_free = dup(2);
    close(lowest_free);
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    rio::CompletionQueue notified;
    void* memory = nullptr;
    if (notified.create(a.session, 16, 0, RIO_NOTIFY_FD) != -EMFILE) return 1;
    if (a.session.map_memory(4096, &memory) != -EMFILE) return 2;
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 200; ++i) {  // none of the failed ones stays behind
      rio::CompletionQueue again;
      if (again.create(a.session, 16, 0, RIO_NOTIFY_FD) != 0) return 3;
    }
    if (a.session.map_memory(4096, &memory) != 0) return 4;
    return a.nops(100);
  });
  EXPECT_EQ(app.wait(), 0);
}

// Populated in slices; one application may die in the middle, the other gets all of it.
TEST_F(Attach, LargeMemoryIsPopulatedInSlices) {
  start();
  constexpr size_t kBytes = size_t{100} << 20;
  Process dies([&] {
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    Process::ready();
    for (void* memory; a.session.map_memory(kBytes, &memory) == 0;) a.session.unmap_memory(memory);
    return 0;
  });
  ASSERT_TRUE(dies.wait_ready());
  Process app([&] {
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    void* memory = nullptr;
    if (a.session.map_memory(kBytes, &memory) != 0) return 1;
    std::memset(memory, 1, kBytes);
    return a.nops(100);
  });
  EXPECT_EQ(app.wait(), 0);
  dies.kill();
}

TEST_F(Attach, HalfOpenHandshakesTimeOut) {
  start({.handshake_timeout = 200 * kMilli});
  Process app([&] {
    RawClient silent(path_), offered(path_);
    if (!silent.connected() || !offered.send(RawClient::attach()) || offered.status() != 0)
      return 1;
    Process::ready();
    return silent.status() == -EPIPE && offered.status() == -EPIPE ? 0 : 2;
  });
  ASSERT_TRUE(app.wait_ready());
  EXPECT_GE(ms_until([&] { return daemon_->status().half_open.load() == 0; }), 0);
  EXPECT_EQ(app.wait(), 0);
}

TEST_F(Attach, ManyHalfOpenHandshakesDoNotPileUp) {
  start({.half_open_per_user_max = 4});
  Process app([&] {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<RawClient>(path_));
    int refused = 0;
    for (int i = 4; i < 200; ++i) refused += clients[size_t(i)]->status() == -EAGAIN;
    Process::ready();
    if (refused != 196) return 1;
    clients.clear();  // soon there is room again
    return attaches_soon(path_);
  });
  ASSERT_TRUE(app.wait_ready());
  EXPECT_LE(Holdings::now().descriptors, baseline_.descriptors + 2 * 4 + 8);
  EXPECT_EQ(app.wait(), 0);
}

// As many as its policy says, and soon some more.
TEST_F(Attach, HowFastAUserAttachesIsLimited) {
  start({.attaches_per_s_max = 4});
  Process app([&] {
    int refused = 0;
    for (int i = 0; i < 100; ++i) {
      rio::Session session;
      const int status = session.open(path_.c_str());
      if (status != 0 && status != -EAGAIN) return 1;
      if (status == 0) continue;
      ++refused;
      if (std::strstr(rio_last_error(), "a second") == nullptr) return 2;
    }
    if (refused < 50) return 3;  // a machine that is slower than four a second
    return attaches_soon(path_);
  });
  EXPECT_EQ(app.wait(), 0);
  EXPECT_GE(daemon_->status().attached.load(), 4u);
}

// A place for control sockets, and what a server there needs.
struct DoorBed {
  const std::string dir = make_daemon_dir(), path = dir + "/control.sock";
  CoreLink link;
  std::string why;
  AttachServerConfig config;

  DoorBed() {
    config.path = path;
    EXPECT_EQ(link.open(why), 0) << why;
  }
  ~DoorBed() {
    unlink(path.c_str());
    rmdir(dir.c_str());
  }
};

// The path is the configuration's, and a mistake there cost whoever made it the file.
TEST(Door, OnlyAStaleSocketIsReplaced) {
  DoorBed bed;
  const std::string& path = bed.path;
  std::string& why = bed.why;
  {
    const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ASSERT_EQ(write(file, "mine", 4), 4);
    close(file);
    AttachServer server(bed.config, {&bed.link});
    EXPECT_EQ(server.open(why), -EEXIST);
    EXPECT_EQ(why, path + ": a file that is no socket is there");
    struct stat now {};
    ASSERT_EQ(stat(path.c_str(), &now), 0);
    EXPECT_TRUE(S_ISREG(now.st_mode) && now.st_size == 4);
    unlink(path.c_str());
  }
  {
    AttachServer first(bed.config, {&bed.link});
    ASSERT_EQ(first.open(why), 0) << why;
    AttachServer second(bed.config, {&bed.link});
    EXPECT_EQ(second.open(why), -EADDRINUSE);
    EXPECT_EQ(why, path + ": another daemon answers there");
  }
  AttachServer after_a_death(bed.config, {&bed.link});  // the socket is still there
  EXPECT_EQ(after_a_death.open(why), 0) << why;
}

// A daemon that has bound its socket and does not listen yet answers nobody, and is not dead.
TEST(Door, ADaemonThatIsStartingKeepsItsSocket) {
  DoorBed bed;
  const std::string path = bed.path, lock = path + ".lock";
  std::string& why = bed.why;
  const int starting = open(lock.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_EQ(flock(starting, LOCK_EX), 0);
  const int bound = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un address = RawClient::address_of(path);
  ASSERT_EQ(bind(bound, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  struct stat before {
  }, after{};
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  {
    AttachServer server(bed.config, {&bed.link});
    EXPECT_EQ(server.open(why), -EADDRINUSE);
    EXPECT_EQ(why, path + ": another daemon is starting there");
    ASSERT_EQ(stat(path.c_str(), &after), 0);
    EXPECT_EQ(after.st_ino, before.st_ino);
  }
  close(starting);  // killed: its file stays
  close(bound);
  {
    AttachServer server(bed.config, {&bed.link});
    EXPECT_EQ(server.open(why), 0) << why;
    EXPECT_EQ(stat(lock.c_str(), &after), -1) << "nothing stays";
  }
  const int file = open(lock.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ASSERT_EQ(write(file, "mine", 4), 4);
  close(file);
  AttachServer server(bed.config, {&bed.link});
  EXPECT_EQ(server.open(why), -EEXIST) << why;
  EXPECT_EQ(stat(lock.c_str(), &after), 0);
  unlink(lock.c_str());
}

TEST_F(Attach, NonsenseAtTheDoor) {
  start();
  Process app([&] {
    const rio_control good = RawClient::attach();
    rio_control bad_version = good, bad_field = good, too_early = good;
    bad_version.a += 1u << 16;
    bad_field.handle = 1;
    too_early.opcode = RIO_CTL_SOCKET;
    char junk[1000];
    std::memset(junk, 0xa5, sizeof junk);
    if (RawClient(path_).raw(&bad_version, sizeof bad_version) != -EPROTO) return 1;
    if (RawClient(path_).raw(&bad_field, sizeof bad_field) != -EINVAL) return 2;
    too_early.a = 0;
    if (RawClient(path_).raw(&too_early, sizeof too_early) != -EPROTO) return 3;
    if (RawClient(path_).raw(&good, sizeof good - 1) != -EPIPE) return 4;
    if (RawClient(path_).raw(junk, sizeof junk) != -EPIPE) return 5;
    if (RawClient(path_).raw(junk, sizeof good) != -EPIPE) return 6;
    RawClient twice(path_);
    if (!twice.send(good) || twice.status() != 0) return 7;
    return twice.raw(&good, sizeof good) == -EPROTO ? 0 : 8;
  });
  EXPECT_EQ(app.wait(), 0);
}

TEST_F(Attach, SessionsMaxIsReachedAndComesBack) {
  start({.sessions_max = 2});
  Process app([&] {
    rio::Session a, b, c;
    if (a.open(path_.c_str()) != 0 || b.open(path_.c_str()) != 0) return 1;
    if (c.open(path_.c_str()) != -ENOSPC) return 2;
    a = {};
    return attaches_soon(path_);
  });
  EXPECT_EQ(app.wait(), 0);
}

TEST_F(Attach, AttachAndDetachManyTimes) {
  start();
  Process app([&] {
    for (int i = 0; i < 200; ++i) {
      Application a;
      const int status = a.attach(path_);
      if (status == 11 && a.session.get() == nullptr) {  // the last ones are still on their way out
        usleep(1000);
        continue;
      }
      if (status != 0) return status;
    }
    return 0;
  });
  EXPECT_EQ(app.wait(), 0);
  EXPECT_GT(daemon_->status().attached.load(), 50u);
}

// A position that was never posted: the session ends, the bystander does not notice.
TEST_F(Attach, ABrokenSessionEndsAndItsNeighbourLives) {
  start();
  Process neighbour([&] {
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    Process::ready();
    for (int i = 0; i < 200; ++i) {
      if (const int status = a.nops(50); status != 0) return status;
      usleep(1000);
    }
    return 0;
  });
  ASSERT_TRUE(neighbour.wait_ready());
  Process app([&] {
    Application a;
    if (const int status = a.attach(path_, RIO_NOTIFY_FD); status != 0) return status;
    a.cq.get()->position += 1000;
    if (a.cq.notify() != 0) return 1;
    for (int i = 0; i < 2000; ++i) {
      if (a.session.status() == -EBADMSG) {
        rio_socket_t socket;
        return rio_socket(a.session.get(), RIO_FAMILY_IPV4, RIO_TYPE_DATAGRAM, 0, &socket) ==
                       -EBADMSG
                   ? 0
                   : 2;
      }
      usleep(1000);
    }
    return 3;
  });
  EXPECT_EQ(app.wait(), 0);
  EXPECT_EQ(daemon_->status().broken.load(), 1u);
  EXPECT_EQ(neighbour.wait(), 0);
}

TEST_F(Attach, ASleepingCoreIsWokenByOneSignal) {
  start({.sleep_after = 200 * kMicro, .core_silent_ms = 300});
  Process app([&] {
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    for (int i = 0; i < 100; ++i) {
      usleep(3000);  // it sleeps by now
      if (const int status = a.nops(5); status != 0) return status;
    }
    // "Signals" are system calls: one a sleep at most, not one a request.
    const rio_abi_session* shown = a.socket.queue()->session_header;
    const uint64_t signals = rio_word64_load(&shown->signals);
    if (signals < 10 || signals > rio_word_load(&shown->sleeps) / 2 + 1) return 41;
    usleep(400'000);  // longer than core_silent_ms
    return a.session.status() == 0 ? 0 : 42;
  });
  EXPECT_EQ(app.wait(), 0);
  EXPECT_GT(daemon_->core().sleeps(), 10u);
}

TEST_F(Attach, ASilentCoreIsNoticed) {
  start({.core_silent_ms = 300});
  Process app([&] {
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    if (a.nops(100) != 0 || a.session.status() != 0) return 1;
    Process::ready();
    rio_result r;
    alarm(10);
    for (;;) {  // spins on dequeue alone, as an application does
      const int n = a.cq.dequeue(&r, 1);
      if (n == 0) continue;
      // Cold calls do not wait for it either.
      return n == -EHOSTDOWN && a.cq.close() == -EHOSTDOWN ? 0 : 2;
    }
  });
  ASSERT_TRUE(app.wait_ready());
  daemon_->core().stop();
  EXPECT_EQ(app.wait(), 0);
  daemon_.reset();  // its core is gone: the session cannot be returned
}

}  // namespace
}  // namespace pinion::testing
