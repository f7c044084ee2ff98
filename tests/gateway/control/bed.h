// A directory of the test's own, and a client of the control socket or of the metrics that says
// what it wants and never waits.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

namespace pinion::control {

struct ScratchDirectory {
  ScratchDirectory() {
    char name[] = "/tmp/pinion-control-XXXXXX";
    path = mkdtemp(name);
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

class RawClient {
 public:
  explicit RawClient(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  }
  explicit RawClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  }
  ~RawClient() { leave(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  void leave() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Everything that is there; notices the end.
  std::string read() {
    std::string all;
    char piece[4096];
    for (;;) {
      const ssize_t n = recv(fd_, piece, sizeof piece, MSG_DONTWAIT);
      if (n > 0) {
        all.append(piece, static_cast<size_t>(n));
        continue;
      }
      ended_ = ended_ || n == 0 || errno != EAGAIN;
      return all;
    }
  }
  bool ended() {
    (void)read();
    return ended_;
  }

 private:
  int fd_;
  bool connected_ = false, ended_ = false;
};

}  // namespace pinion::control
