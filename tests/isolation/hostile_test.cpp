// Hostile rows (README.md): what an application does with its memory, its descriptors and its
// place at the door hurts itself alone. Beside every case another application exchanges datagrams
// and looks at every byte. README.md lists which row is where.
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <memory>
#include <vector>

#include "base/rng.h"
#include "isolation/application.h"
#include "isolation/bystander.h"

namespace pinion::testing {
namespace {

// What a descriptor of a memfd answers, and no other.
bool is_memfd(int fd) { return fcntl(fd, F_GET_SEALS) >= 0; }

class Hostile : public BystanderTest {};

// A07. One registered buffer in the middle of the memory; receives are posted for its last bytes,
// where a length that changed after it was checked would write behind it.
struct Flipped {
  static constexpr uint32_t kBegin = 256u << 10, kBytes = 64u << 10, kShort = 64, kBatch = 8;
  Application app, honest;  // the second one tells when everything was taken out

  int attach(const std::string& path) {
    int status = app.attach(path, 0, kBatch);
    if (status == 0) status = app.connect();
    if (status == 0) status = honest.attach(path);
    if (status != 0) return status;
    std::memset(app.memory, static_cast<int>(Application::kUntouched), Application::kMemory);
    std::memset(app.memory + kBegin, 0, kBytes);
    app.session.deregister_buffer(app.buffer);
    return app.session.register_buffer(app.memory + kBegin, kBytes, &app.buffer) == 0 ? 0 : 31;
  }

  // Changes slots at full speed while the core takes them out. A process of its own, since it
  // writes where the one that posts writes too.
  pid_t start_flipping() {
    rio_rq* rq = app.socket.queue();
    const auto from = reinterpret_cast<uintptr_t>(rq->header) & ~uintptr_t{kPage - 1};
    const auto to = reinterpret_cast<uintptr_t>(rq->slots + rq->mask + 1);
    madvise(reinterpret_cast<void*>(from), to - from, MADV_DOFORK);
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Rng rng(7);
    const uint32_t lengths[] = {0, kShort, kBytes, kBytes + 1, 1u << 20, 1u << 31, ~0u};
    for (;;) {
      volatile rio_abi_request& slot = rq->slots[rng.next() & rq->mask];
      slot.length = slot.length == kShort ? Application::kDatagram : kShort;
      if (rng.next() % 64 != 0) continue;
      switch (rng.next() % 4) {
        case 0: slot.length = lengths[rng.next() % 7]; break;
        case 1: slot.offset = lengths[rng.next() % 7]; break;
        case 2: slot.opcode = static_cast<uint8_t>(rng.next() % 4); break;
        case 3: slot.buffer_id = app.buffer ^ static_cast<uint32_t>(rng.next() % 2); break;
      }
    }
  }

  // How many requests failed; -1: the session was ended.
  int64_t post(uint32_t requests) {
    rio_rq* rq = app.socket.queue();
    int64_t failed = 0;
    rio_result results[4 * kBatch];
    for (uint32_t i = 0; i < requests; ++i) {
      const rio_slice out = app.slice(0, Application::kDatagram);
      const rio_slice in = app.slice(kBytes - kShort, kShort);
      // The counts mean nothing any more: a send may have become a receive.
      rq->receives_done = rq->receives, rq->sends_done = rq->sends;
      if ((i % 2 != 0 ? app.socket.send(&out, 0, i) : app.socket.receive(&in, 0, i)) != 0)
        return -1;
      if (i % kBatch != kBatch - 1) continue;
      // Two batches fill the ring: the last but one was taken before this nop was.
      const int n = honest.nops(1) != 0 ? -1 : app.cq.dequeue(results, 4 * kBatch);
      if (n < 0) return -1;
      for (int k = 0; k < n; ++k) failed += results[k].status != 0;
    }
    return failed;
  }
  // Nothing outside the one registered buffer changed.
  bool untouched() const {
    for (uint32_t i = 0; i < Application::kMemory; ++i)
      if ((i < kBegin || i >= kBegin + kBytes) && app.memory[i] != Application::kUntouched)
        return false;
    return true;
  }
};

TEST_F(Hostile, A07WhatWasCheckedIsWhatIsUsed) {
  start();
  Process attacker([&] {
    Flipped flipped;
    if (const int status = flipped.attach(path_); status != 0) return status;
    alarm(100);
    const pid_t flipper = flipped.start_flipping();
    // At least once, and until something was hit: on a busy machine the flipper may not run at all.
    int64_t failed = 0, hit = 0;
    do hit = flipped.post(6'000), failed += hit;
    while (hit == 0);
    kill(flipper, SIGKILL);
    waitpid(flipper, nullptr, 0);
    if (failed <= 0) return 32;  // the session ended, or nothing was hit
    return flipped.untouched() ? 0 : 33;
  });
  EXPECT_EQ(attacker.wait(), 0);
  EXPECT_EQ(daemon_->status().broken.load(), 0u);
}

// A16: the daemon makes every region itself; whatever else is offered is refused, at every step.
TEST_F(Hostile, A16ForeignDescriptorsAreRefused) {
  std::vector<int> foreign = {
      memfd_create("unsealed", MFD_ALLOW_SEALING),
      memfd_create("hugetlb", MFD_HUGETLB),
      open("/tmp", O_TMPFILE | O_RDWR, 0600),
      open("/dev/mem", O_RDWR),
      open("/dev/zero", O_RDWR),
      open("/dev/fuse", O_RDWR),
      open("/", O_RDONLY | O_DIRECTORY),
      open("/proc/self/exe", O_RDONLY),
      socket(AF_INET, SOCK_DGRAM, 0),
      epoll_create1(0),
  };
  std::erase_if(foreign, [](int fd) { return fd < 0; });  // this machine has not all of them
  start();
  Process attacker([&] {
    RawClient other(path_), client(path_);
    rio::Session others, session;
    if (others.open(other.transport()) != 0 || session.open(client.transport()) != 0) return 1;
    for (const int fd : other.kept) foreign.push_back(fd);  // another application's region
    Process::ready();
    rio_control create = RawClient::attach(), commit = create;
    create.opcode = RIO_CTL_REGION_CREATE, create.a = 0, create.size = kPage;
    commit.opcode = RIO_CTL_REGION_COMMIT, commit.a = 0;
    for (const int fd : foreign) {
      RawClient stranger(path_);
      if (!stranger.send(RawClient::attach(), {fd}) || stranger.status() != -EINVAL) return 2;
      if (!client.send(create, {fd}) || client.status() != -EINVAL) return 3;
      if (!client.send(commit, {fd, fd}) || client.status() != -EINVAL) return 4;
    }
    if (!client.send(create, std::vector<int>(200, foreign[0])) || client.status() != -EINVAL)
      return 5;
    const int closed = dup(foreign[0]);
    close(closed);
    if (client.send(create, {closed})) return 6;  // Linux refuses that one itself
    void* memory = nullptr;
    if (session.map_memory(kPage, &memory) != 0) return 7;  // none of it did the session harm
    Process::ready();
    pause();
    return 0;
  });
  ASSERT_TRUE(attacker.wait_ready());
  const size_t before = Holdings::now().descriptors;
  ASSERT_TRUE(attacker.wait_ready());
  EXPECT_GE(ms_until([&] { return Holdings::now().descriptors <= before; }), 0);
  attacker.kill();
  attacker.wait();
  finish();
  for (const int fd : foreign) close(fd);
}

// A17, A18: the seals. Whoever holds a descriptor of live memory can take no page of it away.
TEST_F(Hostile, A17A18NothingTakesPagesOfLiveMemoryAway) {
  start();
  Process attacker([&] {
    RawClient client(path_);
    Application a;
    if (a.session.open(client.transport()) != 0) return 1;
    int status = a.make_queues();
    if (status == 0) status = a.connect();
    if (status != 0) return status;
    int regions = 0;
    for (const int fd : client.kept) {
      if (!is_memfd(fd)) continue;
      ++regions;
      const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
      if (ftruncate(fd, 0) == 0 || ftruncate(fd, 1 << 30) == 0) return 2;
      if (fallocate(fd, punch, 0, kPage) == 0) return 3;
      if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0) return 4;
      if (mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED) return 5;
      if (status = a.echo(1); status != 0) return status;
    }
    if (madvise(a.memory, kPage, MADV_REMOVE) == 0) return 6;
    return regions == 3 ? a.echo(2) : 7;
  });
  EXPECT_EQ(attacker.wait(), 0);
  EXPECT_EQ(daemon_->status().evicted.load(), 0u);
}

// A17 as if there were no seals: the core meets the hole, goes on, and the session ends.
TEST_F(Hostile, A17WithoutSealsTheSessionEndsAndTheCoreLives) {
  start({.region = {.skip_seals = true}});
  Process attacker([&] {
    RawClient client(path_);
    Application a;
    if (a.session.open(client.transport()) != 0) return 1;
    int status = a.make_queues();
    if (status == 0) status = a.connect();
    if (status == 0) status = a.echo(1);  // the core polls its queue now
    if (status != 0) return status;
    for (const int fd : client.kept)
      if (is_memfd(fd) && ftruncate(fd, 0) != 0) return 2;
    Process::ready();
    pause();
    return 0;
  });
  ASSERT_TRUE(attacker.wait_ready());
  EXPECT_GE(ms_until([&] { return daemon_->status().evicted.load() == 1; }), 0);
  EXPECT_GE(ms_until([&] { return daemon_->status().sessions.load() == 1; }), 0);
  attacker.kill();
}

// A19: the same before the seals. Refused, or harmless; never touched before it is sealed.
TEST_F(Hostile, A19ChangesBeforeTheSealAreRefusedOrHarmless) {
  start();
  Process attacker([&] {
    const auto shrink = [](int fd) { return ftruncate(fd, 0); };
    const auto grow = [](int fd) { return ftruncate(fd, 1 << 30); };
    const auto seal = [](int fd) { return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL); };
    const auto punch = [](int fd) {
      return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage);
    };
    const struct {
      std::function<int(int)> act;
      int expected;
    } cases[] = {{shrink, -EPROTO}, {grow, -EPROTO}, {seal, -EPROTO}, {punch, 0}};
    for (const auto& c : cases) {
      for (const uint16_t step : {RIO_CTL_ATTACH, RIO_CTL_REGION_CREATE}) {
        RawClient client(path_);
        int acted = 0;
        client.replied = [&](const rio_control& reply) {
          if (reply.opcode == step && acted++ == 0)
            acted += c.act(client.kept[step == RIO_CTL_ATTACH ? 0 : client.kept.size() - 1]) != 0;
        };
        rio::Session session;
        const bool attaching = step == RIO_CTL_ATTACH;
        if (session.open(client.transport()) != (attaching ? c.expected : 0)) return 1;
        void* memory = nullptr;
        if (!attaching && session.map_memory(kPage, &memory) != c.expected) return 2;
        if (acted != 1) return 3;
        if (!attaching && session.map_memory(kPage, &memory) != 0) return 4;
      }
    }
    return 0;
  });
  EXPECT_EQ(attacker.wait(), 0);
  EXPECT_EQ(daemon_->status().evicted.load(), 0u);
}

// A22: its own view goes; the core's stays. Who then posts into nothing faults alone.
TEST_F(Hostile, A22UnmappingItsOwnViewHurtsOnlyItself) {
  start();
  Process attacker([&] {
    signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would make an exit of it
    Application a;
    if (const int status = a.begin(path_); status != 0) return status;
    const rio_slice in = a.slice(0, 64), out = a.slice(64, 64);
    if (munmap(a.memory, Application::kMemory) != 0) return 1;
    if (a.socket.receive(&in, 0, 1) != 0 || a.socket.send(&out, 0, 2) != 0) return 2;
    rio_result r;
    for (int left = 2; left > 0;) {
      const int got = a.cq.dequeue(&r, 1);
      if (got < 0 || (got == 1 && r.status != 0)) return 3;
      if (got == 0) sched_yield();
      left -= got;
    }
    const uintptr_t ring = reinterpret_cast<uintptr_t>(a.socket.queue()->header);
    if (mprotect(reinterpret_cast<void*>(ring & ~uintptr_t{kPage - 1}), kPage, PROT_NONE) != 0)
      return 4;
    a.nops(1);
    return 5;
  });
  EXPECT_EQ(attacker.wait(), -SIGSEGV);
  EXPECT_EQ(daemon_->status().broken.load(), 0u);
}

// A25: it posts for ever and reads nothing. What it may post ends; nothing overflows.
TEST_F(Hostile, A25CompletionsThatNobodyReads) {
  start();
  Process attacker([&] {
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    rio_rq* rq = a.socket.queue();
    for (uint64_t i = 0; i < 500'000; ++i) {
      rq->sends_done = rq->sends;  // librio's quota would have stopped it
      if (rio_nop(rq, 0, i) != 0) return 1;
    }
    return a.session.status();
  });
  EXPECT_EQ(attacker.wait(), 0);
  EXPECT_EQ(daemon_->status().broken.load(), 0u);
}

// A31: what the configuration does not grant. (A user who may not attach at all:
// Attach.AStrangerIsRefusedWithASentence.)
TEST_F(Hostile, A31AddressesAndPortsThatWereNotGranted) {
  SessionQuota quota;
  quota.bind_anything = false, quota.grants = 1;
  quota.grant[0] = {.address = kOurs, .first = 6000, .last = 6001};
  start({.quota = quota});
  Process attacker([&] {
    Application a;
    if (const int status = a.attach(path_); status != 0) return status;
    const auto bind = [&](const char* address, uint16_t port) {
      rio::Socket socket;
      rio_address at;
      if (socket.create(a.session) != 0 || rio_parse_address(address, port, &at) != 0) return 1;
      return socket.bind(at);
    };
    for (const uint16_t port : {1, 53, 5999, 6002, 65535})
      if (bind("10.0.0.1", port) != -EPERM || bind("0.0.0.0", port) != -EPERM) return 2;
    if (bind("0.0.0.0", 6000) != -EPERM) return 3;  // more than the one address
    if (bind("10.0.0.2", 6000) != -EADDRNOTAVAIL) return 4;
    if (bind("10.0.0.1", 6000) != 0 || bind("10.0.0.1", 6001) != 0) return 5;
    rio::CompletionQueue cq;
    return cq.create(a.session, 1, 1) == -ENXIO ? 0 : 6;  // a core that is not its own
  });
  EXPECT_EQ(attacker.wait(), 0);
}

// A43: what one application left in memory, the next does not find.
TEST_F(Hostile, A43NothingOfAnEarlierApplicationIsReadable) {
  constexpr size_t kBytes = 8u << 20;
  constexpr uint64_t kSecret = 0x5ec2e75ec2e75ec2;
  start();
  Process first([&] {
    Application a;
    void* memory = nullptr;
    if (const int status = a.attach(path_); status != 0) return status;
    if (a.session.map_memory(kBytes, &memory) != 0) return 1;
    std::fill_n(static_cast<uint64_t*>(memory), kBytes / 8, kSecret);
    rio_rq* rq = a.socket.queue();
    std::fill_n(reinterpret_cast<uint64_t*>(rq->slots), (rq->mask + 1) * 8, kSecret);
    std::fill_n(reinterpret_cast<uint64_t*>(a.cq.get()->slots), (a.cq.get()->mask + 1) * 8,
                kSecret);
    return 0;
  });
  EXPECT_EQ(first.wait(), 0);
  EXPECT_GE(ms_until([&] { return daemon_->status().sessions.load() == 1; }), 0);
  Process second([&] {
    Application a;
    void* memory = nullptr;
    if (const int status = a.attach(path_); status != 0) return status;
    if (a.session.map_memory(kBytes, &memory) != 0) return 1;
    const auto* words = static_cast<const uint64_t*>(memory);
    if (!std::all_of(words, words + kBytes / 8, [](uint64_t w) { return w == 0; })) return 2;
    // All of its rings' region and its header: whole mappings, used and unused.
    const auto* rq = a.socket.queue();
    const auto clean = [&](const void* from, size_t bytes) {
      const auto* w = static_cast<const uint64_t*>(from);
      return std::find(w, w + bytes / 8, kSecret) == w + bytes / 8;
    };
    if (!clean(rq->session_header, RIO_SESSION_REGION_BYTES)) return 3;
    if (!clean(rq->header, sizeof *rq->header + (rq->mask + 1) * sizeof *rq->slots)) return 4;
    const auto* cq = a.cq.get();
    if (!clean(cq->header, sizeof *cq->header + (cq->mask + 1) * sizeof *cq->slots)) return 5;
    return 0;
  });
  EXPECT_EQ(second.wait(), 0);
}

// A50: the descriptors that an application shares with the daemon, treated badly one after another.
int abuse_descriptors(const std::string& path) {
  RawClient client(path);
  Application a;
  if (a.session.open(client.transport()) != 0) return 1;
  if (const int status = a.make_queues(RIO_NOTIFY_FD); status != 0) return status;
  std::vector<int> all = client.kept;
  all.push_back(client.fd());
  for (const int fd : all) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  Process::ready();

  // Never read: each of these signals is asked for, and none is taken.
  for (int i = 0; i < 1000; ++i) {
    const int armed = a.cq.notify();
    if (armed != 0 && armed != -EALREADY) return 2;
    if (const int status = a.nops(1); status != 0) return status;
  }
  if (rio_word64_load(&a.cq.get()->header->signals) < 100) return 3;
  Process::ready();

  // Filled: what the daemon reads, and what it does not.
  const char byte = 0;
  for (const int fd : client.kept)
    for (int i = 0; i < 50'000; ++i) (void)!::send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (const int status = a.nops(100); status != 0) return status;
  Process::ready();

  // Closed, but for the control socket: its queues still work.
  for (const int fd : client.kept) close(fd);
  close(a.cq.notify_fd());
  if (const int status = a.nops(100); status != 0) return status;
  Process::ready();

  // Asks, and never reads an answer.
  rio_control ask = RawClient::attach();
  ask.opcode = RIO_CTL_SOCKET, ask.a = RIO_FAMILY_IPV4, ask.b = RIO_TYPE_DATAGRAM;
  for (int i = 0; i < 100'000; ++i)
    if (::send(client.fd(), &ask, sizeof ask, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE)
      break;
  Process::ready();
  pause();
  return 0;
}

TEST_F(Hostile, A50DescriptorsBlockedFilledAndClosed) {
  for (const Nanos sleep_after : {kNever, kMilli}) {
    start({.sleep_after = sleep_after});
    Process attacker([&] { return abuse_descriptors(path_); });
    for (int stage = 0; stage < 5; ++stage) {
      ASSERT_TRUE(attacker.wait_ready()) << attacker.wait();
      bystander_goes_on();
    }
    attacker.kill();
    attacker.wait();
    finish();
  }
}

}  // namespace
}  // namespace pinion::testing
