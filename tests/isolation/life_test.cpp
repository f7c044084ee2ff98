// Hostile rows (README.md): coming, going, stopping and dying, at any moment and at every step,
// beside a bystander that must not notice. README.md lists which row is where.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "base/rng.h"
#include "isolation/application.h"
#include "isolation/bystander.h"

namespace pinion::testing {
namespace {

class Life : public BystanderTest {};

// What the bystander's numbers are compared to.
TEST_F(Life, QuietRun) {
  start();
  bystander_goes_on(1000);
}

// A sanitizer keeps what was freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kWatchesMemory = false;
#else
constexpr bool kWatchesMemory = true;
#endif

// How often a test does its thing: more by tests/isolation/run.
uint32_t times(const char* name, uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<uint32_t>(std::strtoul(text, nullptr, 10)) : otherwise;
}

// Dies at the n-th place that asks.
struct Fuse {
  uint32_t left;
  void place() {
    if (left-- == 0) raise(SIGKILL);
  }
};

// A whole life: attach, memory, a datagram socket and a connection, sends and receives of both that
// are and are not outstanding, close. Between any two steps the fuse may blow.
int whole_life(const std::string& path, Fuse fuse) {
  RawClient client(path);
  client.asked = [&] { fuse.place(); };
  client.replied = [&](const rio_control&) { fuse.place(); };
  Application app;
  if (app.session.open(client.transport()) != 0) return 1;
  int status = app.make_queues(RIO_NOTIFY_FD);
  if (status == 0) status = app.connect();
  if (status != 0) return status;
  SelfStream stream{app, {}, {}};
  if (status = stream.connect(); status != 0) return status;
  const rio_slice in = app.slice(0, 2048), out = app.slice(4096, 1400);
  for (int i = 0; i < 4; ++i) {
    if (app.socket.receive(&in) != 0) return 2;
    fuse.place();
    if (app.socket.send(&out, i % 2 != 0 ? RIO_DEFER : 0) != 0) return 3;
    fuse.place();
    if (stream.socket.send(&out) != 0 || stream.socket.receive(&in) != 0) return 4;
    fuse.place();
  }
  if (app.cq.notify() < 0) return 5;
  fuse.place();
  rio_result results[8];
  for (int i = 0; i < 4; ++i) {
    if (app.cq.dequeue(results, 8) < 0 || stream.cq.dequeue(results, 8) < 0) return 6;
    fuse.place();
  }
  stream.socket.shutdown();
  fuse.place();
  stream.socket.close();
  app.socket.close();
  fuse.place();
  app.session.deregister_buffer(app.buffer);
  app.session.unmap_memory(app.memory);
  fuse.place();
  return 0;
}

// A23: at every step. The last life ends by itself.
TEST_F(Life, A23KilledAtEveryStep) {
  start();
  uint32_t steps = 0;
  for (int status = -SIGKILL; status == -SIGKILL; ++steps) {
    Process app([&] { return whole_life(path_, {steps}); });
    status = app.wait();
    ASSERT_TRUE(status == 0 || status == -SIGKILL) << status << " at step " << steps;
    expect_alone();
  }
  EXPECT_GT(steps, 40u);
}

// A23: at random moments, while all of it goes on for ever.
TEST_F(Life, A23KilledAtRandomMoments) {
  start();
  Rng rng(23);
  const uint32_t kills = times("PINION_KILLS", 100);
  for (uint32_t i = 0; i < kills; ++i) {
    Process app([&] {
      for (;;) whole_life(path_, {UINT32_MAX});
      return 0;
    });
    usleep(static_cast<useconds_t>(rng.next() % 12'000));
    app.kill();
    EXPECT_EQ(app.wait(), -SIGKILL);
    expect_alone();
  }
}

// A23: while a NIC reads its memory by DMA. What it reads late is still there, and is what was
// sent.
TEST_F(Life, A23KilledWithTransmitsInDma) {
  start({.dma_delay = 5 * kMilli});
  for (int i = 0; i < 20; ++i) {
    Process app([&] {
      Application a;
      int status = a.attach(path_);
      if (status == 0) status = a.connect();
      if (status != 0) return status;
      const rio_slice out = a.slice(0, 1400);
      Process::ready();
      for (;;) {
        rio_result results[32];
        while (a.socket.send(&out) == 0) {
        }
        if (a.cq.dequeue(results, 32) < 0) return 1;
      }
    });
    ASSERT_TRUE(app.wait_ready());
    const uint64_t reads = daemon_->nic().dma_reads();
    EXPECT_GE(ms_until([&] { return daemon_->nic().dma_reads() > reads + 20; }), 0);
    app.kill();
    app.wait();
    expect_alone();
  }
}

// A24: stopped in the middle of its work, for as long as one likes.
TEST_F(Life, A24StoppedForEver) {
  start();
  Process app([&] {
    Application a;
    int status = a.attach(path_, RIO_NOTIFY_FD);
    if (status == 0) status = a.connect();
    SelfStream stream{a, {}, {}};
    if (status == 0) status = stream.connect();
    if (status != 0) return status;
    Process::ready();
    for (uint64_t round = 0;; ++round) {
      if (status = a.echo(round); status != 0) return status;
      if (status = stream.echo(round); status != 0) return status;
      (void)a.cq.notify();
      if (round == 2000) Process::ready();
    }
  });
  ASSERT_TRUE(app.wait_ready());
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(kill(app.pid(), SIGSTOP), 0);
    const uint64_t passes = daemon_->core().passes();
    bystander_goes_on(50);
    EXPECT_GT(daemon_->core().passes(), passes);
    ASSERT_EQ(kill(app.pid(), SIGCONT), 0);
    usleep(1000);
  }
  ASSERT_TRUE(app.wait_ready());  // nothing of its own is lost either
  EXPECT_EQ(daemon_->status().sessions.load(), 2u);
  ASSERT_EQ(kill(app.pid(), SIGSTOP), 0);
  app.kill();
  app.wait();
  expect_alone();
}

// A28: comes and goes, halfway and all the way; attaches and then does nothing.
TEST_F(Life, A28StormsAtTheDoor) {
  start({.half_open_per_user_max = 8});
  std::vector<std::unique_ptr<Process>> stormers;
  for (int i = 0; i < 3; ++i) {
    stormers.push_back(std::make_unique<Process>([&, i] {
      Process::ready();
      for (uint64_t n = 0;; ++n) {
        if (i == 0) {
          rio::Session session;
          session.open(path_.c_str());
        } else if (i == 1) {
          RawClient half(path_);
          if (half.connected() && half.send(RawClient::attach()) && n % 2 == 0) half.status();
        } else {
          std::vector<std::unique_ptr<RawClient>> silent;
          for (int k = 0; k < 16; ++k) silent.push_back(std::make_unique<RawClient>(path_));
        }
      }
      return 0;
    }));
    ASSERT_TRUE(stormers.back()->wait_ready());
  }
  // Each of at most 8 sessions and 8 halves: connection, pidfd, signal, memory on its way.
  const size_t limit = baseline_.descriptors + 16 * 4 + 8;
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(Holdings::now().descriptors, limit);
    usleep(5000);
  }
  bystander_goes_on();
  for (auto& stormer : stormers) stormer->kill(), stormer->wait();
  EXPECT_GT(daemon_->status().attached.load(), 10u);
  expect_alone();
}

// A28, 100,000 times by tests/isolation/run: afterwards everything is as before.
TEST_F(Life, A28AttachAndKillManyTimes) {
  start();
  const uint32_t cycles = times("PINION_CYCLES", 300);
  const auto resident = [] {
    long pages = 0;
    std::FILE* f = std::fopen("/proc/self/statm", "r");
    EXPECT_EQ(std::fscanf(f, "%*d %ld", &pages), 1);
    std::fclose(f);
    return pages * 4;
  };
  const auto free_hugepages = [] {
    long pages = -1;
    char line[128];
    std::FILE* f = std::fopen("/proc/meminfo", "r");
    while (std::fgets(line, sizeof line, f) != nullptr)
      (void)std::sscanf(line, "HugePages_Free: %ld", &pages);
    std::fclose(f);
    return pages;
  };
  Holdings held;
  long kb = 0;
  const long hugepages = free_hugepages();
  for (uint32_t i = 0; i < cycles; ++i) {
    Process app([&] {
      Application a;
      if (const int status = a.attach(path_); status != 0) return status;
      rio_address at;
      if (rio_parse_address("10.0.0.1", 6000, &at) != 0 || a.socket.bind(at) != 0) return 1;
      Process::ready();
      pause();
      return 0;
    });
    ASSERT_TRUE(app.wait_ready()) << "cycle " << i << ": " << app.wait();
    app.kill();
    app.wait();
    ASSERT_GE(ms_until([&] { return daemon_->status().sessions.load() == 1; }), 0) << i;
    if (i == cycles / 10) held = Holdings::now(), kb = resident();
  }
  EXPECT_EQ(Holdings::now(), held);
  if (kWatchesMemory) {
    EXPECT_LE(resident(), kb + 1024);
  }
  EXPECT_EQ(free_hugepages(), hugepages);
  std::printf("%u cycles: %zu descriptors, %zu regions, %ld KiB, %ld free hugepages, as before\n",
              cycles, held.descriptors, held.regions, resident(), hugepages);
}

// A32: a child that posts faults; its parent, and the core, go on.
TEST_F(Life, A32AForkedChildCannotPost) {
  start();
  Process app([&] {
    signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would make an exit of it
    Application a;
    if (const int status = a.begin(path_); status != 0) return status;
    const std::function<void()> acts[] = {
        [&] { rio_nop(a.socket.queue(), 0, 1); },
        [&] { a.memory[0] = std::byte{1}; },
        [&] { rio_word_store(&a.socket.queue()->session_header->signalled, 1); },
        [&] {
          rio_result r;
          a.cq.dequeue(&r, 1);
        },
    };
    for (const auto& act : acts) {
      const pid_t child = fork();
      if (child == 0) {
        act();
        _exit(0);
      }
      int ended = 0;
      waitpid(child, &ended, 0);
      if (!WIFSIGNALED(ended) || WTERMSIG(ended) != SIGSEGV) return 1;
      if (const int status = a.echo(2); status != 0) return status;
    }
    const pid_t child = fork();  // cold calls are refused with a sentence
    if (child == 0) {
      rio_socket_t socket;
      _exit(rio_socket(a.session.get(), RIO_FAMILY_IPV4, RIO_TYPE_DATAGRAM, 0, &socket) == -ECHILD
                ? 0
                : 1);
    }
    int ended = 0;
    waitpid(child, &ended, 0);
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0) return 2;
    return a.echo(3);
  });
  EXPECT_EQ(app.wait(), 0);
  EXPECT_EQ(daemon_->status().broken.load(), 0u);
}

// A32: a child that went round MADV_DONTFORK posts into its parent's rings at the same time.
TEST_F(Life, A32BothProcessesPost) {
  start();
  Process app([&] {
    Application a;
    int status = a.attach(path_);
    if (status == 0) status = a.connect();
    if (status != 0) return status;
    rio_rq* rq = a.socket.queue();
    const auto writable = [](const void* at, size_t bytes) {
      const auto from = reinterpret_cast<uintptr_t>(at) & ~uintptr_t{kPage - 1};
      const auto to = reinterpret_cast<uintptr_t>(at) + bytes;
      return madvise(reinterpret_cast<void*>(from), to - from, MADV_DOFORK) == 0;
    };
    if (!writable(rq->header, sizeof *rq->header + (rq->mask + 1) * sizeof *rq->slots)) return 1;
    if (!writable(rq->session_header, RIO_SESSION_REGION_BYTES)) return 2;
    const pid_t child = fork();
    if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint64_t i = 0; i < 200'000; ++i) {
      rq->sends_done = rq->sends;
      rio_nop(rq, 0, i);
    }
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    return 0;
  });
  EXPECT_EQ(app.wait(), 0);
  expect_alone();
}

// A36: as many sockets, ports and waiting connections as it can get; the bystander gets its own.
TEST_F(Life, A36EverythingThatItsQuotaGives) {
  SessionQuota quota;
  quota.sockets_max = 64;
  start({.quota = quota});
  Process app([&] {
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    std::vector<rio::Socket> sockets;
    int refused = 0;
    for (uint16_t port = 1; port < 1000; ++port) {
      rio::Socket socket;
      rio_address at;
      const int made = socket.create(a.session, port % 2 ? RIO_TYPE_STREAM : RIO_TYPE_DATAGRAM);
      if (made == -ENOSPC) {
        ++refused;
        continue;
      }
      if (made != 0 || rio_parse_address("10.0.0.1", port, &at) != 0) return 1;
      if (socket.bind(at) != 0) return 2;
      if (port % 2 != 0 && socket.listen(1u << 31) != 0) return 3;
      sockets.push_back(std::move(socket));
    }
    if (sockets.size() != 63 || refused != 999 - 63) return 4;
    Process::ready();
    pause();
    return 0;
  });
  ASSERT_TRUE(app.wait_ready()) << app.wait();
  Process other([&] {  // as much is there for somebody else, but for the ports themselves
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    std::vector<rio::Socket> sockets(63);
    for (rio::Socket& socket : sockets)
      if (socket.create(a.session) != 0) return 1;
    rio_address at;
    if (rio_parse_address("10.0.0.1", 2, &at) != 0 || sockets[0].bind(at) != -EADDRINUSE) return 2;
    if (const int status = a.connect(); status != 0) return status;
    return a.echo(1);
  });
  EXPECT_EQ(other.wait(), 0);
  bystander_goes_on();
  app.kill();
  app.wait();
  expect_alone();
}

// A42: everything is queued and then everything is taken away at once, in every order.
TEST_F(Life, A42ClosedWithDataQueued) {
  start({.dma_delay = 2 * kMilli});
  for (uint32_t order = 0; order < 6; ++order) {
    Process app([&] {
      Application a;
      int status = a.attach(path_);
      if (status == 0) status = a.connect();
      SelfStream stream{a, {}, {}};
      if (status == 0) status = stream.connect();
      if (status != 0) return status;
      const rio_slice in = a.slice(65536, 4096), out = a.slice(0, 1400), large = a.slice(0, 65536);
      for (int i = 0; i < 8; ++i) {
        if (a.socket.send(&out) != 0 || a.socket.receive(&in) != 0) return 1;
        if (stream.socket.send(&large) != 0 || stream.socket.receive(&in) != 0) return 2;
      }
      const std::function<void()> acts[] = {
          [&] { stream.socket.close(), a.socket.close(); },
          [&] { a.session.deregister_buffer(a.buffer); },
          [&] { munmap(a.memory, Application::kMemory); },
      };
      const uint32_t first = order / 2, second = (first + 1 + order % 2) % 3;
      acts[first](), acts[second](), acts[3 - first - second]();
      _exit(0);
    });
    EXPECT_EQ(app.wait(), 0);
    expect_alone();
  }
  EXPECT_EQ(daemon_->status().broken.load(), 0u);
}

}  // namespace
}  // namespace pinion::testing
