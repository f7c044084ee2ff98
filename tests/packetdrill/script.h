// One script at play: the world, its sockets, and the two threads of a packetdrill that call. Its
// main thread moves the clock; the other one makes the calls that may wait, asleep until the
// stack has what they wait for.
#pragma once
#include <poll.h>

#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "packetdrill/sockets.h"

namespace pinion::packetdrill {

class Script {
 public:
  explicit Script(const Settings& settings);

  // Runs a call on the sockets; the result as POSIX has it: errno and -1.
  template <class Call>
  int64_t posix(Call call) {
    const std::unique_lock lock = enter();
    return as_posix(call(sockets_));
  }
  // A call that may wait: as often as it takes. may_wait: else -EAGAIN.
  using Attempt = std::function<int64_t()>;
  int64_t wait_for(int fd, int flags, const Attempt& attempt, int error_at_once);
  int poll(pollfd* fds, nfds_t count, int timeout_ms);

  int connect(int fd, const sockaddr* address, socklen_t length);
  int accept(int fd, sockaddr* address, socklen_t* length);
  int64_t receive(int fd, size_t length, int flags, std::string& out);
  int64_t send(int fd, Bytes data, int flags);

  int netdev_send(Bytes packet);
  int netdev_receive(void* to, size_t* length, long long* time_us);
  void sleep(Nanos duration);
  Nanos clock();

 private:
  struct Waiter {
    const Attempt* attempt = nullptr;
    int64_t result = 0;
    bool done = false;   // somebody found the attempt to succeed
    bool read = false;   // and the caller has read the clock since
    std::thread::id thread = {};
  };

  std::unique_lock<std::mutex> enter();
  static int64_t as_posix(int64_t result);
  bool on_main_thread() const { return std::this_thread::get_id() == main_; }
  bool main_thread_sleeps() const;
  int64_t wait_here(std::unique_lock<std::mutex>& lock, const Attempt& attempt, Nanos until);
  int64_t wait_asleep(std::unique_lock<std::mutex>& lock, const Attempt& attempt);
  void advance(std::unique_lock<std::mutex>& lock, Nanos to);
  bool step(std::unique_lock<std::mutex>& lock, Nanos limit);
  void serve_waiters(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread::id main_;
  long main_tid_;
  uint64_t entries_ = 0;  // calls of the main thread
  std::list<Waiter> waiters_;
  World world_;
  Sockets sockets_;
};

}  // namespace pinion::packetdrill
