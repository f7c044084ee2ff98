// Where the control socket cannot be: told at the start, with the path.
#include "host/attach_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace pinion {
namespace {

class Listening : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(directory_), nullptr); }
  void TearDown() override {
    unlink(path("control.sock").c_str());
    rmdir(directory_);
  }

  // The status, and what was said.
  std::pair<int, std::string> open_at(const std::string& path) {
    std::string why;
    CoreLink link;
    EXPECT_EQ(link.open(why), 0) << why;
    AttachServerConfig config;
    config.path = path;
    AttachServer server(config, {&link});
    const int status = server.open(why);
    return {status, why};
  }
  std::string path(const std::string& name) const { return directory_ + ("/" + name); }

  char directory_[32] = "/tmp/pinion-unit-XXXXXX";
};

TEST_F(Listening, APathThatDoesNotFitIsRefused) {
  for (const std::string& bad : {std::string(), std::string(108, 'x')}) {
    const auto [status, why] = open_at(bad);
    EXPECT_EQ(status, -EINVAL);
    EXPECT_EQ(why, "control_socket.path: 1 to 107 bytes");
  }
}

TEST_F(Listening, WhatTheSystemRefusesIsSaidWithThePath) {
  const auto [status, why] = open_at(path("none/control.sock"));
  EXPECT_EQ(status, -ENOENT);
  EXPECT_EQ(why, path("none/control.sock") + ": its lock file (.lock): No such file or directory");
}

TEST_F(Listening, AnotherDaemonIsLeftAlone) {
  std::string why;
  CoreLink link;
  ASSERT_EQ(link.open(why), 0) << why;
  AttachServerConfig config;
  config.path = path("control.sock");
  AttachServer first(config, {&link});
  ASSERT_EQ(first.open(why), 0) << why;
  EXPECT_EQ(open_at(config.path), (std::pair{-EADDRINUSE, config.path + ": another daemon answers "
                                                                        "there"}));
  EXPECT_EQ(access(config.path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace pinion
