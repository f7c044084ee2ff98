// Which core a session lives on, and what that core is told of the NICs.
#include "host/sessions.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <tuple>
#include <utility>

namespace pinion {
namespace {

// Every region is reached by these NICs.
class ReachedBy final : public AddressArena {
 public:
  explicit ReachedBy(uint64_t nics) : nics_(nics) {}
  void* take(size_t bytes) override {
    void* at = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? nullptr : at;
  }
  void give(void* at, size_t bytes) override { munmap(at, bytes); }
  uint64_t map(void*, size_t) override { return nics_; }

 private:
  uint64_t nics_;
};

SessionPolicy on_core(uint32_t core) {
  SessionPolicy policy;
  policy.core = core;
  return policy;
}

rio_control to_session(uint16_t opcode, uint32_t handle = 0) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode, m.handle = handle;
  return m;
}

// The reply to ATTACH with the core wanted, as d says it.
rio_control attach(Sessions& sessions, HostSession& s, uint32_t d) {
  rio_control m = to_session(RIO_CTL_ATTACH);
  m.a = RIO_ABI_VERSION, m.d = d;
  EXPECT_EQ(sessions.request(s, m), Sessions::Next::reply);
  for (int& fd : s.reply_fds)
    if (fd >= 0) close(std::exchange(fd, -1));
  return s.reply;
}

TEST(SessionsCore, TheApplicationsWishOrThePolicys) {
  SessionsConfig config;
  config.cores = 3;
  Sessions sessions(config);
  for (const auto& [wish, status, core] :
       {std::tuple(0u, 0, 1u), {1u, 0, 0u}, {2u, 0, 1u}, {3u, 0, 2u}, {4u, -ENXIO, 0u},
        {0xFFFFFFFFu, -ENXIO, 0u}}) {
    HostSession* s = sessions.open(0, on_core(1));
    ASSERT_NE(s, nullptr);
    const rio_control reply = attach(sessions, *s, wish);
    EXPECT_EQ(reply.status, status) << wish;
    if (status == 0) {
      EXPECT_EQ(reply.d, core) << wish;
      EXPECT_EQ(s->granted.core, core) << wish;
    }
    EXPECT_EQ(sessions.end(*s), Sessions::Next::reply);
  }
}

// The NICs 0 and 2 reach it. Core 0 knows 2 as its first and 1 as its second, core 1 all of them.
TEST(SessionsCore, ReachIsInTheCoresOwnNumbers) {
  ReachedBy arena(0b101);
  SessionsConfig config;
  config.cores = 2;
  config.nics_of_core = {{2, 1}, {1, 0, 2}};
  config.region.arena = &arena;
  Sessions sessions(config);
  for (const auto& [core, reach] : {std::pair{0u, 0b01u}, {1u, 0b110u}}) {
    HostSession* s = sessions.open(0, on_core(core));
    ASSERT_NE(s, nullptr);
    ASSERT_EQ(attach(sessions, *s, 0).status, 0);
    ASSERT_EQ(sessions.request(*s, to_session(RIO_CTL_ATTACH_COMMIT)), Sessions::Next::core);
    sessions.answered(*s);
    rio_control create = to_session(RIO_CTL_REGION_CREATE);
    create.size = Region::kSmallPage, create.a = Region::kSmallPage;
    ASSERT_EQ(sessions.request(*s, create), Sessions::Next::reply);
    ASSERT_EQ(s->reply.status, 0) << s->reply.why;
    close(std::exchange(s->reply_fds[0], -1));
    ASSERT_EQ(sessions.request(*s, to_session(RIO_CTL_REGION_COMMIT, s->reply.handle)),
              Sessions::Next::core);
    EXPECT_EQ(s->mail.reach, reach) << core;
    sessions.answered(*s);
    while (sessions.end(*s) == Sessions::Next::core) sessions.answered(*s);
  }
}

}  // namespace
}  // namespace pinion
