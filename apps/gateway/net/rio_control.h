// The calls of rio that ask the daemon (a system call, and a wait for its control thread): accept,
// connect, queues, shutdown, close. RioNetwork hands them over here, so that the polling thread
// never waits for one; a thread makes them, or, when the host runs inline, poll() itself does.
//
// Which thread may call what (rio.h): cold calls may be made by several threads at once; a hot call
// belongs to the one thread that uses the queue; a handle must not be used while another thread
// closes it. So each handle has one user at a time: a socket, and its request queue, is this
// class's until an answer hands it over, then the polling thread's until it asks to close it, and
// after that the polling thread only dequeues. That is allowed: librio frees a closed queue when
// its last completion has been dequeued, which it reads with acquire from where rio_dequeue stores
// it last of all. The completion queue is the polling thread's alone.
#pragma once
#include <rio/rio.h>

#include <bit>
#include <thread>
#include <vector>

namespace pinion::gateway {

// From one thread to another, without waiting. Full is an answer.
template <class T>
class Handoff {
 public:
  explicit Handoff(size_t capacity) : slots_(std::bit_ceil(capacity)) {}

  uint32_t room() const {  // the producer's
    return static_cast<uint32_t>(slots_.size()) - (end_ - rio_word_load(&begin_));
  }
  bool push(const T& value) {
    if (room() == 0) return false;
    slots_[end_ & mask()] = value;
    rio_word_store(&end_, end_ + 1);
    return true;
  }
  bool pop(T& out) {  // the consumer's
    if (rio_word_load(&end_) == begin_) return false;
    out = slots_[begin_ & mask()];
    rio_word_store(&begin_, begin_ + 1);
    return true;
  }

 private:
  uint32_t mask() const { return static_cast<uint32_t>(slots_.size()) - 1; }

  std::vector<T> slots_;
  alignas(64) uint32_t end_ = 0;
  alignas(64) uint32_t begin_ = 0;
};

inline constexpr uint32_t kNoSlot = UINT32_MAX;

struct ControlRequest {
  enum class What : uint8_t {
    watch,     // a listener: accept from now on
    queue,     // for a connection that was accepted
    connect,   // a new socket to `address`, and its queue
    shutdown,  // FIN behind what was posted
    close,
    abort,  // close with a reset
  };
  What what = What::close;
  uint32_t slot = kNoSlot;        // whose it is: answers name it
  uint64_t context = 0;           // of the queue's completions
  rio_socket_t socket = nullptr;  // null for close and abort: the one that connect made
  rio_address address{};
};

struct ControlAnswer {
  enum class What : uint8_t {
    accepted,  // slot: the listener's
    ready,     // to queue and connect: status 0, and the rest; or why not
    closed,    // to close and abort
    network,   // status: there is no network any more
  };
  What what = What::closed;
  uint32_t slot = kNoSlot;
  int status = 0;
  rio_socket_t socket = nullptr;
  rio_rq* rq = nullptr;
  rio_address peer{}, local{};
  char why[160] = {};  // if status is not 0
};

class RioControl {
 public:
  struct Config {
    uint32_t slots = 0, core = 0, sends = 0;
  };
  RioControl(const Config& config, rio_session* session);
  // Ends the thread. What was asked to be closed is closed, and what was accepted for nobody.
  ~RioControl();
  RioControl(const RioControl&) = delete;
  RioControl& operator=(const RioControl&) = delete;

  void set_queue(rio_cq* cq) { cq_ = cq; }
  // Without this, somebody calls turn(). The thread has the affinity of its maker.
  void start();
  void turn();  // everything that there is to do now

  Handoff<ControlRequest> requests;
  Handoff<ControlAnswer> answers;

 private:
  // A connection on its way to its slot: first the peer's answer, then a queue.
  struct Making {
    enum class Phase : uint8_t { none, connecting, queueing, done };
    rio_socket_t socket = nullptr;
    uint64_t context = 0;
    Phase phase = Phase::none;
    uint32_t tries = 0;
  };
  struct Listener {
    uint32_t slot;
    rio_socket_t socket;
  };

  void run();
  void answer(const ControlAnswer& answer);
  void do_request(const ControlRequest& request);
  void begin_connect(const ControlRequest& request);
  void look_at(uint32_t slot);
  void make_queue(uint32_t slot);
  void tell(uint32_t slot, int status, rio_rq* rq = nullptr);
  void close(const ControlRequest& request);
  void accept(const Listener& listener);
  void network_ended(int status, const char* what);

  Config config_;
  rio_session* session_;
  rio_cq* cq_ = nullptr;
  std::vector<Listener> listeners_;
  std::vector<Making> making_;  // by slot
  uint64_t events_ = 0;         // tells whether a turn did anything
  bool ended_ = false;
  uint32_t stop_ = 0;
  std::thread thread_;
};

}  // namespace pinion::gateway
