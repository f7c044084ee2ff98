// The core's signals: a byte on the socket of a completion queue whose other end an application
// holds. Sending never blocks, but it walks the wait queue of that end, and how long that is is the
// application's choice (160,000 epoll entries made of 400 copies of the descriptor: 48 ms). So each
// signal is timed, and a user's whose signals are slow are sent by the control thread.
#pragma once
#include <rio/ring.h>

#include <deque>
#include <vector>

#include "host/clock.h"
#include "host/mailbox.h"

namespace pinion {

// EAGAIN: the last signal has not been read. EPIPE: nobody listens. Both are the reader's business.
void send_signal(int fd);

// Not a session's account but a user's: a new session must not begin with a clean sheet.
class Signaller {
 public:
  static constexpr Nanos kSlow = 100 * kMicro;     // an honest one takes a few microseconds
  static constexpr Nanos kSuspect = 60 * kSecond;  // a second slow one within it is no accident
  static constexpr Nanos kByControl = 600 * kSecond;

  Signaller(CoreLink& link, const Clock& clock);

  // The core's thread.
  void opened(uint32_t session, uint32_t user);
  void signal(uint32_t session, int fd);
  void forget(int fd);  // it is about to be closed
  void flush();         // each pass: hands the next one over

  // Readable from any thread.
  uint64_t slow() const { return rio_word64_load(&slow_); }
  uint64_t handed_over() const { return rio_word64_load(&handed_over_); }

 private:
  struct User {
    uint32_t uid = 0;
    bool used = false;
    Nanos suspect_until = 0, by_control_until = 0;
  };
  struct Waiting {
    uint32_t session;
    int fd;
  };

  void hand_over(uint32_t session, int fd);

  CoreLink& link_;
  Clock clock_;
  std::vector<User> users_;
  std::vector<uint32_t> user_of_;  // by session
  std::deque<Waiting> waiting_;    // each descriptor once
  uint64_t slow_ = 0, handed_over_ = 0;
};

}  // namespace pinion
