// A client of one of the housekeeping thread's servers: a socket that never blocks, what came from
// it and what is to go to it. How much of either there may be is the server's business.
#pragma once
#include <poll.h>

#include <string>

#include "base/types.h"

namespace pinion::control {

class Connection {
 public:
  Connection() = default;
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void open(int fd, Nanos now);
  void close();
  bool is_open() const { return fd_ >= 0; }

  // Reads until there are `limit` bytes unused, or no more now. False: the client is gone.
  bool read(size_t limit, Nanos now);
  std::string_view received() const { return in_; }
  void use(size_t bytes) { in_.erase(0, bytes); }

  void send(std::string_view text) { out_ += text; }
  bool sending() const { return sent_ != out_.size(); }
  // Writes what goes out now. False: the client is gone.
  bool flush(Nanos now);

  Nanos moved() const { return moved_; }  // when bytes last went either way
  pollfd interest() const { return {fd_, static_cast<short>(sending() ? POLLOUT : POLLIN), 0}; }

 private:
  int fd_ = -1;
  std::string in_, out_;
  size_t sent_ = 0;
  Nanos moved_ = 0;
};

}  // namespace pinion::control
