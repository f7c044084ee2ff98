// librio's cold calls against a real Kernel, in one process and one thread (the embedded host):
// what each call promises in rio.h, and that everything comes back.
#include <dirent.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <rio/rio.hpp>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "host/clock.h"
#include "host/embedded.h"
#include "kernel/kernel.h"

extern "C" void rio_set_ring_start_(rio_session* session, uint32_t start);

namespace pinion {
namespace {

constexpr size_t kPage = 4096;

KernelConfig kernel_config(const Hooks& hooks) {
  KernelConfig config;
  config.server.sessions_max = 4;
  config.server.session_cqs_max = 64;
  config.hooks = hooks;
  return config;
}

EmbeddedConfig host_config(bool threaded) {
  EmbeddedConfig config;
  config.threaded = threaded;
  config.policy.memory_bytes_max = uint64_t{16} << 20;
  config.sessions.sessions_max = 4;
  return config;
}

struct Embedded {
  EmbeddedHost host;
  Kernel kernel;
  Nanos now = kSecond;

  explicit Embedded(bool threaded = false)
      : host(host_config(threaded)), kernel(kernel_config(host.hooks())) {
    host.attach_kernel(kernel);
  }
  void poll(int passes = 3) {
    for (; passes > 0; --passes) host.poll(now += kMicro);
  }
};

size_t open_descriptors() {
  size_t n = 0;
  DIR* dir = opendir("/proc/self/fd");
  while (readdir(dir) != nullptr) ++n;
  closedir(dir);
  return n;
}

class Librio : public ::testing::Test {
 protected:
  void SetUp() override {
    descriptors_ = open_descriptors();
    ASSERT_EQ(session_.open(bed_.host.transport()), 0) << rio_last_error();
  }
  void TearDown() override {
    session_ = {};
    EXPECT_EQ(bed_.host.sessions(), 0u);
    EXPECT_EQ(open_descriptors(), descriptors_);
    const auto usage = bed_.kernel.server().usage();
    EXPECT_EQ(usage.sessions + usage.sockets + usage.request_queues + usage.requests, 0u);
  }
  // Posts n nops with contexts from `first` and polls them through.
  void nops(rio_rq* rq, uint64_t first, uint64_t n) {
    for (uint64_t i = 0; i < n; ++i) ASSERT_EQ(rio_nop(rq, 0, first + i), 0);
    bed_.poll();
  }
  // Dequeues n results with contexts from `first`, `step` at a time.
  void expect(rio_cq* cq, uint64_t first, uint64_t n, uint32_t step = 16) {
    rio_result results[64];
    for (uint64_t got = 0; got < n;) {
      const int taken = rio_dequeue(cq, results, std::min<uint32_t>(step, uint32_t(n - got)));
      ASSERT_GT(taken, 0) << "after " << got;
      for (int i = 0; i < taken; ++i) ASSERT_EQ(results[i].request_context, first + got++);
    }
  }

  Embedded bed_;
  rio::Session session_;
  size_t descriptors_ = 0;
};

struct Queues {
  rio::CompletionQueue cq;
  rio::Socket socket;
  Queues(const rio::Session& session, uint32_t receives, uint32_t sends, uint32_t notify = 0) {
    EXPECT_EQ(cq.create(session, receives + sends, 0, notify), 0) << rio_last_error();
    EXPECT_EQ(socket.create(session), 0) << rio_last_error();
    EXPECT_EQ(socket.create_queue(receives, sends, cq, cq, 77), 0) << rio_last_error();
  }
  rio_rq* rq() const { return socket.queue(); }
};

TEST_F(Librio, NopsGoRoundManyTimes) {
  Queues q(session_, 0, 8);
  for (uint64_t round = 0; round < 1000; ++round) {
    nops(q.rq(), round * 8, 8);
    ASSERT_EQ(rio_nop(q.rq(), 0, 0), -ENOBUFS);  // the quota, until it is dequeued
    expect(q.cq.get(), round * 8, 8);
  }
  rio_result none;
  EXPECT_EQ(q.cq.dequeue(&none, 1), 0);
}

TEST_F(Librio, PositionsWrap) {
  for (const uint32_t start : {0xFFFFFFFFu, 0xFFFFFFFDu, 0x7FFFFFFEu}) {
    rio_set_ring_start_(session_.get(), start);
    for (const uint32_t sends : {1u, 2u, 4u}) {
      Queues q(session_, 0, sends);
      for (uint64_t i = 0; i < 40; i += sends) {
        nops(q.rq(), i, sends);
        expect(q.cq.get(), i, sends);
      }
      rio_result none;
      EXPECT_EQ(q.cq.dequeue(&none, 1), 0);  // also publishes what was consumed
      q.socket.close();
      bed_.poll(20);
    }
  }
}

TEST_F(Librio, CompletionQueueGrowsAndShrinksWithoutLoss) {
  Queues q(session_, 0, 8);
  nops(q.rq(), 0, 8);
  expect(q.cq.get(), 0, 3);
  ASSERT_EQ(q.cq.resize(64), 0) << rio_last_error();
  nops(q.rq(), 8, 3);  // behind the switch
  EXPECT_EQ(q.cq.resize(32), -EBUSY);
  expect(q.cq.get(), 3, 8, 4);
  ASSERT_EQ(q.cq.resize(8), 0) << rio_last_error();
  for (uint64_t i = 11; i < 211; i += 8) {
    nops(q.rq(), i, 8);
    expect(q.cq.get(), i, 8);
  }
  EXPECT_EQ(q.cq.resize(7), -EINVAL);  // 8 are reserved
  EXPECT_EQ(q.cq.resize(0), -EINVAL);
  nops(q.rq(), 1000, 8);
  expect(q.cq.get(), 1000, 8);
}

TEST_F(Librio, RequestQueueResizeCarriesOver) {
  Queues q(session_, 0, 2);
  ASSERT_EQ(q.cq.resize(32), 0);
  nops(q.rq(), 0, 2);
  ASSERT_EQ(rio_nop(q.rq(), 0, 2), -ENOBUFS);
  const int status = q.socket.resize_queue(0, 16);
  if (status == -EOPNOTSUPP) GTEST_SKIP() << "the core does not resize request queues yet";
  ASSERT_EQ(status, 0) << rio_last_error();
  nops(q.rq(), 2, 14);
  EXPECT_EQ(q.socket.resize_queue(0, 4), -EINVAL);  // 16 are outstanding
  expect(q.cq.get(), 0, 16);
  ASSERT_EQ(q.socket.resize_queue(0, 4), 0) << rio_last_error();
  nops(q.rq(), 16, 4);
  expect(q.cq.get(), 16, 4);
}

TEST_F(Librio, ClosedQueuesGiveTheirMemoryBack) {
  for (int i = 0; i < 2000; ++i) {  // 2000 rings of 64 KiB would need 128 MiB; 16 are allowed
    Queues q(session_, 0, 256);
    nops(q.rq(), 0, 4);
    q.socket.close();
    rio_result results[8];
    ASSERT_EQ(q.cq.dequeue(results, 8), 4);
    ASSERT_EQ(q.cq.dequeue(results, 8), 0);
    bed_.poll(10);
    ASSERT_EQ(q.cq.close(), 0) << rio_last_error();
  }
}

TEST_F(Librio, NotifySignalsOnceAndIsArmedAgain) {
  Queues q(session_, 0, 8, RIO_NOTIFY_FD);
  const int fd = q.cq.notify_fd();
  ASSERT_GE(fd, 0);
  const auto signalled = [fd] {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 0) == 1;
  };
  char byte[8];
  nops(q.rq(), 0, 1);
  bed_.poll();
  EXPECT_FALSE(signalled());  // not asked for
  ASSERT_EQ(q.cq.notify(), 0);
  bed_.poll();
  EXPECT_TRUE(signalled());  // something was queued: at once
  EXPECT_EQ(recv(fd, byte, sizeof byte, MSG_DONTWAIT), 1);
  expect(q.cq.get(), 0, 1);
  ASSERT_EQ(q.cq.notify(), 0);
  EXPECT_EQ(q.cq.notify(), -EALREADY);
  bed_.poll();
  EXPECT_EQ(q.cq.notify(), -EALREADY);
  EXPECT_FALSE(signalled());
  ASSERT_EQ(rio_nop(q.rq(), RIO_DONT_NOTIFY, 1), 0);
  bed_.poll();
  EXPECT_FALSE(signalled());
  nops(q.rq(), 2, 2);
  EXPECT_TRUE(signalled());
  EXPECT_EQ(recv(fd, byte, sizeof byte, MSG_DONTWAIT), 1);  // one signal for both
  expect(q.cq.get(), 1, 3);
  ASSERT_EQ(q.cq.notify(), 0);
}

// From the resize on the core counts its signals in the new queue's header, also while the reader
// still finishes the old ring. Looking into the old one, librio took a sent signal for pending.
TEST_F(Librio, NotifyGoesOnWhileAResizedQueueDrains) {
  Queues q(session_, 0, 8, RIO_NOTIFY_FD);
  char byte[8];
  nops(q.rq(), 0, 4);
  ASSERT_EQ(q.cq.resize(16), 0) << rio_last_error();
  for (uint64_t round = 0; round < 4; ++round) {
    ASSERT_EQ(q.cq.notify(), 0) << "round " << round;
    bed_.poll();
    ASSERT_EQ(recv(q.cq.notify_fd(), byte, sizeof byte, MSG_DONTWAIT), 1);
    expect(q.cq.get(), round, 1);
  }
  ASSERT_EQ(q.cq.notify(), 0);  // empty, and in the new ring
  bed_.poll();
  EXPECT_EQ(q.cq.notify(), -EALREADY);
  nops(q.rq(), 4, 1);
  EXPECT_EQ(recv(q.cq.notify_fd(), byte, sizeof byte, MSG_DONTWAIT), 1);
  expect(q.cq.get(), 4, 1);
}

// What was dequeued of the old ring is told to the core, which looks into the new header only.
TEST_F(Librio, NotifyOfADrainingQueueKnowsWhatWasDequeued) {
  Queues q(session_, 0, 8, RIO_NOTIFY_FD);
  char byte[8];
  nops(q.rq(), 0, 1);
  ASSERT_EQ(rio_nop(q.rq(), RIO_DONT_NOTIFY, 1), 0);
  bed_.poll();
  ASSERT_EQ(q.cq.resize(16), 0) << rio_last_error();
  expect(q.cq.get(), 0, 1);
  ASSERT_EQ(q.cq.notify(), 0);  // what is left asks for no signal
  bed_.poll();
  EXPECT_EQ(recv(q.cq.notify_fd(), byte, sizeof byte, MSG_DONTWAIT), -1);
  expect(q.cq.get(), 1, 1);
}

TEST_F(Librio, NotifyNeedsADescriptor) {
  Queues q(session_, 0, 1);
  EXPECT_EQ(q.cq.notify_fd(), -1);
  EXPECT_EQ(q.cq.notify(), -EINVAL);
}

// Posts and commits of two threads: each rings, and each ring is counted.
TEST_F(Librio, DoorbellsAreCountedExactlyBesideACommitter) {
  constexpr uint32_t kPosts = 32768;
  Queues q(session_, 0, kPosts);  // nobody polls, so the queue stays cold
  std::atomic<bool> posted{false};
  uint32_t commits = 0;
  std::thread committer([&] {
    for (; !posted.load(); ++commits) q.socket.commit();
  });
  while (rio_word_load(&q.rq()->header->commits) == 0) std::this_thread::yield();
  for (uint32_t i = 0; i < kPosts; ++i) EXPECT_EQ(rio_nop(q.rq(), 0, i), 0);
  posted.store(true);
  committer.join();
  EXPECT_EQ(rio_word_load(&q.rq()->header->commits), commits);
  EXPECT_EQ(rio_word64_load(&q.rq()->header->doorbells), uint64_t{kPosts} + commits);
  rio_result results[64];
  uint32_t done = 0;
  for (int passes = 0; passes < 2000 && done < kPosts; ++passes) {
    bed_.poll(1);
    done += uint32_t(std::max(0, q.cq.dequeue(results, 64)));
  }
  EXPECT_EQ(done, kPosts);
}

TEST_F(Librio, AMovedSocketLeavesNoQueueBehind) {
  Queues q(session_, 0, 4);
  rio_rq* rq = q.rq();
  rio::Socket other = std::move(q.socket);
  EXPECT_EQ(q.socket.queue(), nullptr);
  EXPECT_EQ(other.queue(), rq);
  ASSERT_EQ(other.create(session_), 0);  // the old one is closed, and its queue with it
  EXPECT_EQ(other.queue(), nullptr);
}

// A queue that cannot be made does not keep the memory that was mapped for it.
TEST_F(Librio, AFailedQueueGivesItsMemoryBack) {
  void* memory = nullptr;
  ASSERT_EQ(session_.map_memory(kPage, &memory), 0);
  std::vector<rio_buffer_id> ids(SessionQuota{}.buffers_max);
  for (rio_buffer_id& id : ids) ASSERT_EQ(session_.register_buffer(memory, 1, &id), 0);
  rio::CompletionQueue cq;
  for (int i = 0; i < 20; ++i) ASSERT_EQ(cq.create(session_, 16), -ENOSPC) << rio_last_error();
  ASSERT_EQ(session_.deregister_buffer(ids[0]), 0);
  EXPECT_EQ(cq.create(session_, 16), 0) << rio_last_error();
}

TEST_F(Librio, AQueueThatFitsIntoNoBufferIsRefused) {
  rio::CompletionQueue cq;
  EXPECT_EQ(cq.create(session_, RIO_CQ_ENTRIES_MAX + 1), -EINVAL);
  EXPECT_EQ(cq.create(session_, (1u << 24) + 1), -ENOMEM);
  EXPECT_NE(strstr(rio_last_error(), "one registered buffer"), nullptr);
}

TEST_F(Librio, MappedMemoryRegistersAndUnmaps) {
  void* memory = nullptr;
  rio_buffer_id id = 0, second = 0;
  ASSERT_EQ(session_.map_memory(100, &memory), 0) << rio_last_error();
  auto* bytes = static_cast<char*>(memory);
  EXPECT_EQ(bytes[kPage - 1], 0);  // whole pages of zeros
  ASSERT_EQ(session_.register_buffer(bytes, kPage, &id), 0) << rio_last_error();
  ASSERT_EQ(session_.register_buffer(bytes + 10, 20, &second), 0) << rio_last_error();
  EXPECT_NE(id, second);
  EXPECT_EQ(session_.register_buffer(bytes + 10, kPage, &second), -EINVAL);
  EXPECT_EQ(session_.unmap_memory(memory), -EBUSY);
  EXPECT_EQ(session_.unmap_memory(bytes + 1), -EINVAL);
  EXPECT_EQ(session_.deregister_buffer(id), 0);
  EXPECT_EQ(session_.deregister_buffer(id), 0);  // as RIO: ignored
  EXPECT_EQ(session_.deregister_buffer(id + 2), 0);
  ASSERT_EQ(session_.register_buffer(bytes, 1, &id), 0);
  session_.deregister_buffer(id);
}

TEST_F(Librio, MemoryOverTheQuotaIsRefused) {
  void* memory = nullptr;
  EXPECT_EQ(session_.map_memory(size_t{17} << 20, &memory), -EDQUOT);
  EXPECT_EQ(memory, nullptr);
  EXPECT_STRNE(rio_last_error(), "");
  EXPECT_EQ(session_.map_memory(0, &memory), -EINVAL);
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(session_.map_memory(size_t{12} << 20, &memory), 0) << rio_last_error();
    ASSERT_EQ(session_.unmap_memory(memory), 0) << rio_last_error();
  }
}

class InPlace : public Librio {
 protected:
  char* map(size_t pages, int flags = MAP_PRIVATE | MAP_ANONYMOUS) {
    void* p = mmap(nullptr, pages * kPage, PROT_READ | PROT_WRITE, flags, -1, 0);
    return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
  }
};

TEST_F(InPlace, SameAddressContentsKeptAndGivenBack) {
  char* memory = map(4);
  strcpy(memory + kPage - 3, "across pages");
  rio_buffer_id id = 0;
  ASSERT_EQ(session_.register_buffer(memory + kPage - kPage, 3 * kPage, &id), 0)
      << rio_last_error();
  EXPECT_STREQ(memory + kPage - 3, "across pages");
  strcpy(memory + 2 * kPage, "written while registered");
  memory[3 * kPage] = 'x';  // the page behind stayed what it was
  ASSERT_EQ(session_.deregister_buffer(id), 0) << rio_last_error();
  EXPECT_STREQ(memory + kPage - 3, "across pages");
  EXPECT_STREQ(memory + 2 * kPage, "written while registered");
  ASSERT_EQ(session_.register_buffer(memory, 4 * kPage, &id), 0) << rio_last_error();
  session_ = {};  // ends with the buffer registered: the memory stays the application's
  EXPECT_STREQ(memory + 2 * kPage, "written while registered");
  EXPECT_EQ(memory[3 * kPage], 'x');
  munmap(memory, 4 * kPage);
}

TEST_F(InPlace, OnlyPrivateAnonymousWholePages) {
  char* memory = map(2);
  rio_buffer_id id = 0;
  EXPECT_EQ(session_.register_buffer(memory + 1, kPage, &id), -EINVAL);
  EXPECT_EQ(session_.register_buffer(memory, kPage - 1, &id), -EINVAL);
  EXPECT_EQ(session_.register_buffer(memory, 0, &id), -EINVAL);
  EXPECT_EQ(session_.register_buffer(nullptr, kPage, &id), -EINVAL);
  EXPECT_NE(strstr(rio_last_error(), "4 GiB"), nullptr);
  EXPECT_EQ(session_.register_buffer(memory, size_t{1} << 33, &id), -EINVAL);
  char* shared = map(1, MAP_SHARED | MAP_ANONYMOUS);
  EXPECT_EQ(session_.register_buffer(shared, kPage, &id), -EINVAL);
  EXPECT_NE(strstr(rio_last_error(), "rio_map_memory"), nullptr);
  mprotect(memory + kPage, kPage, PROT_READ);
  EXPECT_EQ(session_.register_buffer(memory, 2 * kPage, &id), -EINVAL);
  munmap(memory + kPage, kPage);
  EXPECT_EQ(session_.register_buffer(memory, 2 * kPage, &id), -EINVAL);
  EXPECT_EQ(id, RIO_INVALID_BUFFER);
  munmap(memory, kPage), munmap(shared, kPage);
}

TEST_F(InPlace, UnmappedByItsOwnerNothingIsPutThere) {
  char* memory = map(1);
  rio_buffer_id id = 0;
  ASSERT_EQ(session_.register_buffer(memory, kPage, &id), 0) << rio_last_error();
  munmap(memory, kPage);
  void* other = mmap(memory, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  ASSERT_EQ(session_.deregister_buffer(id), 0);
  EXPECT_EQ(*static_cast<char*>(other), 0);
  EXPECT_EQ(mprotect(other, kPage, PROT_READ), 0);  // still there, still its owner's
  munmap(other, kPage);
}

TEST_F(Librio, RefusalsThatNeedNoCore) {
  rio::CompletionQueue cq;
  EXPECT_EQ(cq.create(session_, 0), -EINVAL);
  EXPECT_EQ(cq.create(session_, RIO_CQ_ENTRIES_MAX + 1), -EINVAL);
  EXPECT_EQ(cq.create(session_, 1, 9), -ENXIO);
  EXPECT_EQ(cq.create(session_, 1, 0, 2), -EINVAL);
  ASSERT_EQ(cq.create(session_, 8), 0);
  rio::Socket socket;
  ASSERT_EQ(socket.create(session_), 0);
  EXPECT_EQ(socket.create_queue(0, 0, cq, cq), -EINVAL);
  EXPECT_EQ(socket.create_queue(8, 1, cq, cq), -ENOSPC);
  ASSERT_EQ(socket.create_queue(4, 4, cq, cq), 0) << rio_last_error();
  EXPECT_EQ(rio_close_completion_queue(cq.get()), -EBUSY);
  EXPECT_EQ(socket.create_queue(1, 1, cq, cq), -EALREADY);
  socket.close();
  bed_.poll(20);
}

TEST_F(Librio, ASessionSaysWhereItLives) {
  EXPECT_EQ(session_.core(), 0u);
  rio::CompletionQueue cq, by_number;
  ASSERT_EQ(cq.create(session_, 8), 0);
  ASSERT_EQ(by_number.create(session_, 8, session_.core()), 0);
  rio::Socket socket;
  EXPECT_EQ(socket.create(session_, RIO_TYPE_DATAGRAM, 1), -ENXIO);
  ASSERT_EQ(socket.create(session_), 0);
  EXPECT_EQ(socket.core(), 0);
}

TEST_F(Librio, AForkedChildIsRefused) {
  const pid_t child = fork();
  if (child == 0) {
    rio_cq* cq = nullptr;
    _exit(rio_create_completion_queue(session_.get(), 1, 0, 0, &cq) == -ECHILD ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(LibrioSessions, MoreThanTheHostHasAreRefused) {
  Embedded bed;
  rio::Session sessions[5];
  for (int i = 0; i < 4; ++i) ASSERT_EQ(sessions[i].open(bed.host.transport()), 0);
  EXPECT_EQ(sessions[4].open(bed.host.transport()), -ENOSPC);
  sessions[0] = {};
  EXPECT_EQ(sessions[4].open(bed.host.transport()), 0) << rio_last_error();
}

TEST(LibrioAddress, StrictText) {
  rio_address a;
  ASSERT_EQ(rio_parse_address("10.0.255.1", 80, &a), 0);
  EXPECT_EQ(a.family, RIO_FAMILY_IPV4);
  EXPECT_EQ(a.port, 80);
  EXPECT_EQ(a.bytes[2], 255);
  EXPECT_EQ(a.bytes[4], 0);
  ASSERT_EQ(rio_parse_address("2001:db8::5", 1, &a), 0);
  EXPECT_EQ(a.family, RIO_FAMILY_IPV6);
  for (const char* text : {"", "10.0.0", "10.0.0.256", "010.0.0.1", "0x0a.0.0.1", " 10.0.0.1",
                           "10.0.0.1 ", "10.0.0.1:80", "host", "10.0.0.1.2"})
    EXPECT_EQ(rio_parse_address(text, 1, &a), -EINVAL) << text;
  EXPECT_EQ(rio_parse_address(nullptr, 1, &a), -EINVAL);
}

// The stack in its own thread, the application's cold and hot calls in this one.
TEST(LibrioThreaded, ColdAndHotCallsWhileAnotherThreadPolls) {
  Embedded bed(true);
  SystemClock clock;
  std::atomic<bool> stop{false};
  std::thread poller([&] {
    while (!stop.load()) {
      bed.host.poll(clock.now());
      std::this_thread::yield();
    }
  });
  {
    rio::Session session;
    ASSERT_EQ(session.open(bed.host.transport()), 0) << rio_last_error();
    Queues q(session, 0, 4);
    uint64_t posted = 0, done = 0;
    rio_result results[4];
    while (done < 10'000) {
      while (posted < 10'000 && rio_nop(q.rq(), 0, posted) == 0) ++posted;
      const int n = q.cq.dequeue(results, 4);
      ASSERT_GE(n, 0);
      if (n == 0) std::this_thread::yield();
      for (int i = 0; i < n; ++i) ASSERT_EQ(results[i].request_context, done++);
    }
  }
  EXPECT_EQ(bed.host.sessions(), 0u);
  stop.store(true);
  poller.join();
}

}  // namespace
}  // namespace pinion
