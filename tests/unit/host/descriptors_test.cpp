// Descriptors are a limit that all sessions share: counted in advance, and bounded for each.
#include "host/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "host/attach_server.h"
#include "host/embedded.h"
#include "kernel/kernel.h"

namespace pinion {
namespace {

AttachServerConfig config_of(std::initializer_list<uint32_t> sessions) {
  AttachServerConfig config;
  config.half_open_max = 0;
  for (const uint32_t n : sessions) {
    SessionPolicy policy;
    policy.sessions_max = n;
    config.policies.push_back(policy);
  }
  return config;
}

TEST(Descriptors, NeededGrowsWithSessionsUpToTheDaemonsOwnMaximum) {
  const uint64_t none = descriptors_needed(config_of({}));
  const uint64_t one = descriptors_needed(config_of({1})) - none;
  EXPECT_GE(one, 3 + SessionQuota{}.cqs_max);  // connection, process, signals
  EXPECT_EQ(descriptors_needed(config_of({2, 3})), none + 5 * one);
  EXPECT_EQ(descriptors_needed(config_of({60, 1000})),
            none + SessionsConfig{}.sessions_max * one);
}

// In a process of its own, whose limit is lowered for good.
int in_child(int (*body)()) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Descriptors, TheLimitIsRaisedToWhatIsNeeded) {
  EXPECT_EQ(in_child([] {
              rlimit limit{};
              getrlimit(RLIMIT_NOFILE, &limit);
              limit.rlim_cur = 32;
              if (limit.rlim_max < 1000 || setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
              std::string why;
              if (raise_descriptor_limit(500, why) != 0) return 2;
              getrlimit(RLIMIT_NOFILE, &limit);
              return limit.rlim_cur >= 500 ? 0 : 3;
            }),
            0);
}

TEST(Descriptors, ALimitThatCannotBeRaisedIsNamed) {
  EXPECT_EQ(in_child([] {
              const rlimit low{32, 32};
              if (setrlimit(RLIMIT_NOFILE, &low) != 0) return 1;
              if (geteuid() == 0 && setuid(65534) != 0) return 2;
              std::string why;
              if (raise_descriptor_limit(500, why) != -EPERM) return 3;
              return why.find("LimitNOFILE=5") != std::string::npos ? 0 : 4;
            }),
            0);
}

TEST(Descriptors, RegionsThatAreNotCommittedAreFew) {
  EmbeddedConfig config;
  EmbeddedHost host(config);
  Kernel kernel({.net = {}, .server = {}, .hooks = host.hooks()});
  host.attach_kernel(kernel);
  const rio_transport transport = host.transport();
  const auto call = [&](uint16_t opcode, uint32_t a, uint64_t size) {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode, m.tag = 1, m.a = a, m.size = size;
    int fds[2] = {-1, -1};
    EXPECT_EQ(transport.call(transport.self, &m, fds), 0);
    for (const int fd : fds)
      if (fd >= 0) close(fd);
    return m.status;
  };
  EXPECT_EQ(call(RIO_CTL_ATTACH, RIO_ABI_VERSION, 0), 0);
  EXPECT_EQ(call(RIO_CTL_ATTACH_COMMIT, 0, 0), 0);
  for (uint32_t i = 0; i < Sessions::kUncommittedMax; ++i)
    EXPECT_EQ(call(RIO_CTL_REGION_CREATE, 4096, 4096), 0);
  EXPECT_EQ(call(RIO_CTL_REGION_CREATE, 4096, 4096), -EBUSY);
  transport.close(transport.self);
}

}  // namespace
}  // namespace pinion
