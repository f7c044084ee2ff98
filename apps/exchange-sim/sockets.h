// The few kernel sockets of the venue simulator. A failure ends the program at start with a
// sentence (std::runtime_error); afterwards every socket is non-blocking.
#pragma once
#include <netinet/in.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace pinion::exchange {

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// "10.0.0.1:8003" or "10.0.0.1".
sockaddr_in parse_endpoint(const std::string& text);
std::string to_text(const sockaddr_in& address);

Fd listen_tcp(const sockaddr_in& at);
Fd bind_udp(const sockaddr_in& at);
// A UDP socket for a line: multicast leaves by the interface that has this address.
Fd open_line(const sockaddr_in& from, int ttl);
// An accepted connection, without Nagle; -1 if there is none.
Fd accept_tcp(int listener);
uint16_t port_of(int fd);

}  // namespace pinion::exchange
