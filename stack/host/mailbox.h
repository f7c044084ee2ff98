// Between the control thread and one core: a mailbox each way, and the events that wake a sleeper.
// One producer, one consumer, fixed slots. The core takes at most one message a pass.
#pragma once
#include <atomic>
#include <bit>
#include <deque>
#include <string>
#include <vector>

#include "kernel/message.h"

namespace pinion {

template <class T>
class Mailbox {
 public:
  explicit Mailbox(uint32_t capacity) : slots_(std::bit_ceil(capacity)) {}

  bool push(const T& value) {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    // Pairs with the release in pop(): the slot has been read before it is written again.
    if (tail - head_.load(std::memory_order_acquire) == slots_.size()) return false;
    slots_[tail & (slots_.size() - 1)] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  bool pop(T& out) {
    const uint32_t head = head_.load(std::memory_order_relaxed);
    // Pairs with the release in push(): the slot is complete.
    if (head == tail_.load(std::memory_order_acquire)) return false;
    out = slots_[head & (slots_.size() - 1)];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  bool empty() const {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
  }

 private:
  std::vector<T> slots_;
  alignas(64) std::atomic<uint32_t> head_{0};  // consumer
  alignas(64) std::atomic<uint32_t> tail_{0};  // producer
};

// What a core tells the control thread. One queue for all kinds: a session's end must not overtake
// what was said about it before.
struct CoreNote {
  enum class Kind : uint8_t { answer, barrier, broken, release_fd, signal };
  Kind kind = Kind::answer;
  KernelMessage* message = nullptr;  // answer: comes back to its owner
  uint32_t value = 0;                // barrier: the value asked for; broken, signal: the session
  int number = 0;                    // broken: why; release_fd, signal: the descriptor
};

class CoreLink {
 public:
  // Each session has one message on its way at most.
  explicit CoreLink(uint32_t sessions_max = 1024);
  ~CoreLink();
  CoreLink(const CoreLink&) = delete;
  CoreLink& operator=(const CoreLink&) = delete;

  // Makes the descriptors. 0 or a negative errno.
  int open(std::string& why);

  // The control thread's side.
  void send(KernelMessage* message);
  bool take_note(CoreNote& out) { return notes_.pop(out); }
  int note_event() const { return note_event_; }  // readable when there are notes
  void clear_note_event();
  // Descriptors that wake the sleeping core, each time something is added to them; the core reads
  // none of them. A port's: its frames are taken by other means. A session's eventfd: a read walks
  // the wait queue of everybody who watches it, and that may be long (signaller.h). unwatch before
  // the session's end is sent: then the core is past it when it answers, and it can be closed.
  int watch_port(int fd);
  int watch_session(int fd);
  void unwatch(int fd);
  void wake();
  // The signal that the core has handed over for this session was sent: the next may come.
  void signal_sent(uint32_t session);

  // The core's side.
  KernelMessage* take_mail();
  bool mail_waiting() const { return !mail_.empty(); }
  void note(const CoreNote& note);
  void flush_notes();  // what a full mailbox kept back
  // May a signal of this session be handed over? One at a time.
  bool claim_signal(uint32_t session) { return !signals_[session].exchange(true); }
  uint32_t sessions_max() const { return static_cast<uint32_t>(signals_.size()); }
  // Sleeps until a watched descriptor, mail, wake() or the timeout. 0 < timeout. False: timeout.
  bool sleep(Nanos timeout);
  // This descriptor is one of those that ended the last sleep.
  bool fired(int fd) const;

 private:
  static constexpr int kEventsPerWake = 16;

  int watch(int fd, uint32_t mode);

  Mailbox<KernelMessage*> mail_;
  Mailbox<CoreNote> notes_;
  std::vector<std::atomic<bool>> signals_;  // by session: the control thread has one to send
  std::deque<CoreNote> kept_back_;  // core only; empty but for a control thread that is stuck
  int fired_[kEventsPerWake], fired_count_ = 0;
  int mail_event_ = -1, note_event_ = -1, epoll_ = -1;
};

}  // namespace pinion
