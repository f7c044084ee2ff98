// See connection.h.
#include "gateway/control/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace pinion::control {

void Connection::open(int fd, Nanos now) {
  fd_ = fd;
  moved_ = now;
}

void Connection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  in_.clear();
  out_.clear();
  sent_ = 0;
}

bool Connection::read(size_t limit, Nanos now) {
  std::array<char, 1024> piece;
  while (in_.size() < limit) {
    const ssize_t n = recv(fd_, piece.data(), std::min(piece.size(), limit - in_.size()), 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    in_.append(piece.data(), static_cast<size_t>(n));
    moved_ = now;
  }
  return true;
}

bool Connection::flush(Nanos now) {
  while (sending()) {
    const ssize_t n = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<size_t>(n);
    moved_ = now;
  }
  out_.clear();
  sent_ = 0;
  return true;
}

}  // namespace pinion::control
