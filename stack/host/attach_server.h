// The daemon's control thread: accepts applications on a UNIX SOCK_SEQPACKET socket, carries their
// control messages to their core and the answers back, and watches them die. It does everything
// that can block, so that no core thread has to: memfds, populating, membarrier, closing.
//
//   accept -> policy (SO_PEERCRED) -> ATTACH -> ATTACH_COMMIT -> live -> hang-up or death -> ended
//
// A descriptor sent by an application is never installed: messages are received without room for
// ancillary data, so the kernel drops it, and the message that carried it is refused.
#pragma once
#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/mailbox.h"
#include "host/sessions.h"

namespace pinion {

struct AttachServerConfig {
  std::string path = "/run/pinion/control.sock";
  uint32_t mode = 0660;
  int64_t group = -1;                   // gid; -1: unchanged
  std::vector<SessionPolicy> policies;  // the first that fits an application is its own
  uint32_t half_open_max = 64;          // connections that are not attached yet, of all users
  uint32_t half_open_per_user_max = 16;
  Nanos handshake_timeout = kSecond;
  Nanos reply_max = 5 * kMilli;   // of the thread's own time: a longer one is slow
  uint32_t slow_replies_max = 3;  // in a row; then their reader is not served any more; as much
                                  // of the thread's time may a user owe
  SessionsConfig sessions;
};

class AttachServer {
 public:
  // cores[i] is the link to core number i. All outlive the server.
  AttachServer(const AttachServerConfig& config, std::vector<CoreLink*> cores);
  ~AttachServer();
  AttachServer(const AttachServer&) = delete;
  AttachServer& operator=(const AttachServer&) = delete;

  // Listens. -EADDRINUSE: another daemon answers there.
  int open(std::string& why);
  // One turn: waits at most timeout, then does what there is to do.
  void run_once(Nanos timeout);
  // Ends every session; false if some are still draining after `patience`. The cores must run.
  bool end_all(Nanos patience);

  // The same on a thread of its own. stop() ends all sessions first.
  void start();
  void stop();

  // Readable from any thread.
  struct Status {
    std::atomic<uint32_t> sessions{0}, half_open{0}, ending{0};
    std::atomic<uint64_t> attached{0}, refused{0}, ended{0}, broken{0}, evicted{0};
    std::atomic<uint64_t> hung_up{0};          // on applications: see answer()
    std::atomic<uint64_t> barriers_failed{0};  // membarrier is forbidden: queues stay hot
  };
  const Status& status() const { return status_; }

 private:
  struct Connection {
    int fd = -1;
    int pidfd = -1;
    uint32_t uid = 0;
    uint32_t policy = 0;
    uint32_t generation = 0;  // an event of an earlier connection in this place is stale
    Nanos deadline = 0;       // of the handshake; kNever once attached
    HostSession* session = nullptr;
    bool waiting = false;       // its request is at the core: nothing more is read
    bool paused = false;        // its user is in debt: nothing is read
    uint32_t slow_replies = 0;  // in a row
  };
  struct UserRate {
    uint32_t uid = 0;
    Nanos last = 0;  // 0: free
    double tokens = 0;
    uint32_t limit = 0;     // attaches a second
    Nanos next_signal = 0;  // of those that the core hands over
    Nanos debt = 0;         // of the thread's time, for slow turns at this user's sockets
  };
  // Handed over by a core: signals of this user are too slow for it.
  struct Signal {
    CoreLink* link = nullptr;
    uint32_t session = 0;
    int fd = -1;
  };
  struct Peer {
    int pid = 0;
    uint32_t uid = 0;
    std::vector<uint32_t> groups;
  };
  enum class Source : uint8_t { listener, connection, process, core };

  int listen_at(std::string& why);
  int watch(int fd, Source source, uint32_t index, uint32_t generation, uint32_t events);
  void set_events(const Connection& c, uint32_t events);
  void dispatch(uint64_t tag, uint32_t events);

  void accept_some();
  int accept_one();
  bool refuse_one();
  void pause_listener(Nanos time);
  static int open_spare();
  static int open_pidfd(int fd, int pid);
  void admit(int fd);
  bool read_peer(int fd, Peer& out) const;
  int find_policy(const Peer& peer) const;
  const char* too_many(uint32_t uid, uint32_t attaches_per_s_max);
  UserRate& rate_of(uint32_t uid, Nanos now);
  void charge(uint32_t uid, Nanos cost);
  bool is_slow(Nanos cost) const;
  bool in_debt(uint32_t uid, Nanos now);
  void resume_paused(Nanos now);
  void refuse(int fd, std::optional<uint32_t> uid, int status, const char* why);

  void readable(Connection& c);
  void handle(Connection& c, const rio_control& message);
  bool attach(Connection& c, rio_control& reply);
  bool is_gone(const Connection& c) const;
  void take(Connection& c, Sessions::Next next);
  void reply_to(Connection& c);
  bool answer(Connection& c, const rio_control& reply, int fds[2]);
  static bool send_reply(int fd, const rio_control& reply, int fds[2]);
  void went_live(Connection& c);
  void drop(Connection& c);

  void take_notes(CoreLink& link);
  void take_answer(KernelMessage& m);
  void barrier(CoreLink& link, uint32_t value);
  void step_end(HostSession& s);
  void send_signals();
  void forget_signal(int fd);
  void go_on();
  void tick(Nanos now);
  Nanos next_tick(Nanos now) const;
  Connection* connection_of(const HostSession& s);
  CoreLink& core_of(const HostSession& s) { return *cores_[s.granted.core]; }

  AttachServerConfig config_;
  std::vector<CoreLink*> cores_;
  Sessions sessions_;
  std::vector<Connection> connections_;
  std::vector<UserRate> rates_;
  std::vector<uint32_t> ending_;  // slots of sessions on their way out
  std::vector<KernelMessage*> idle_barriers_;
  std::deque<uint32_t> unfinished_;  // slots of sessions whose request takes several turns
  std::vector<Signal> signals_;      // one a session at most
  Status status_;
  int listener_ = -1, epoll_ = -1;
  int spare_ = -1;  // given up to tell an application that there are no descriptors
  Nanos listen_again_ = kNever;
  Nanos next_eviction_look_ = 0;
  std::thread thread_;
  std::atomic<bool> stop_{false};
};

}  // namespace pinion
