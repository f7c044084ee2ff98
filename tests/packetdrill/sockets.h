// What a script calls a socket: POSIX on top of librio. Every result is what the call returns, or a
// negative errno; kWouldBlock stands for "not yet", of a socket that may wait or not. Receives are
// posted when the script reads, so that what it leaves unread stays unread in the stack.
#pragma once
#include <sys/socket.h>

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "packetdrill/world.h"

namespace pinion::packetdrill {

inline constexpr int64_t kWouldBlock = INT64_MIN;

class Sockets {
 public:
  Sockets(World& world, Settings::Profile profile) : world_(world), profile_(profile) {}

  int64_t socket(int domain, int type, int protocol);
  int64_t bind(int fd, const sockaddr* address, socklen_t length);
  int64_t listen(int fd, int backlog);
  int64_t accept(int fd, sockaddr* address, socklen_t* length);
  // kWouldBlock: begun; ask connected().
  int64_t connect(int fd, const sockaddr* address, socklen_t length);
  int64_t connected(int fd);
  int64_t receive(int fd, size_t length, int flags, std::string& out);
  int64_t send(int fd, Bytes data, int flags);
  int64_t shutdown(int fd, int how);
  int64_t close(int fd);
  int64_t get_option(int fd, int level, int option, void* value, socklen_t* length);
  int64_t set_option(int fd, int level, int option, const void* value, socklen_t length);
  int64_t flags(int fd) const;
  int64_t set_flags(int fd, int flags);
  int64_t unread(int fd);  // SIOCINQ
  int64_t unsent(int fd);  // SIOCOUTQ: sent and not acknowledged, too
  short events(int fd);    // of poll()
  bool may_wait(int fd, int call_flags) const;

 private:
  struct Send {
    uint32_t begin = 0, length = 0;
  };
  struct Socket {
    rio_socket_t handle = nullptr;
    rio_cq* cq = nullptr;
    rio_rq* rq = nullptr;
    std::byte* memory = nullptr;
    rio_buffer_id buffer = RIO_INVALID_BUFFER;
    bool nonblocking = false, listening = false, connecting = false, connected = false;
    bool receive_posted = false, ended = false, shut = false, cannot_send = false, failed = false;
    int error = 0;                  // pending, positive
    std::string inbox;              // received and not read
    std::deque<Send> sent;          // outstanding
    std::map<int, int> remembered;  // options without an effect here
  };

  Socket* find(int fd);
  int adopt(rio_socket_t handle);
  int give_queue(Socket& s);
  int64_t progress(Socket& s);
  void pump(Socket& s);
  void fill(Socket& s, size_t length);
  bool reserve(const Socket& s, uint32_t length, uint32_t& at) const;
  void fail(Socket& s, int error);
  // SHUT_RD: a read does not wait any more. On Linux it gives what comes later, on BSD nothing.
  bool reads_when_shut() const { return profile_ == Settings::Profile::linux_; }

  World& world_;
  const Settings::Profile profile_;
  std::map<int, std::unique_ptr<Socket>> sockets_;
};

}  // namespace pinion::packetdrill
