// The sessions of a host: what each attached application has been given (memory, descriptors), and
// what its control messages mean. Knows neither sockets nor threads: the attach server and the
// embedded host carry the messages, and take to the core what needs the core.
#pragma once
#include <string>
#include <vector>

#include "host/region.h"
#include "kernel/message.h"

namespace pinion {

// Who may attach, and how much of everything each of its sessions may have.
struct SessionPolicy {
  enum class Who : uint8_t { user, group } who = Who::user;
  uint32_t id = 0;
  uint32_t sessions_max = 8;
  uint64_t memory_bytes_max = uint64_t{256} << 20;
  uint32_t attaches_per_s_max = 1000;  // of one user; 0: any number
  uint32_t core = 0;  // where its sessions live, unless they ask for another
  SessionQuota quota;
};

struct SessionsConfig {
  uint32_t sessions_max = 64;
  uint32_t cores = 1;
  // [core][i]: the NIC that is the i-th of that core's Kernel, as a bit of Region::reach(). Empty:
  // they are the same for all.
  std::vector<std::vector<uint32_t>> nics_of_core;
  uint32_t features = 0;  // RIO_FEATURE_*
  RegionConfig region;
};

struct HostSession {
  // offered: its memory was handed out; opening: on its way into the core; ending: out of it.
  enum class State : uint8_t { free, offered, opening, live, ending };
  struct Held {
    Region region;
    bool in_core = false;
  };
  State state = State::free;
  uint32_t slot = 0;
  uint32_t policy = 0;  // index
  uint32_t user = 0;    // uid, for whom the host keeps accounts
  SessionPolicy granted;
  Region header;
  std::vector<Held> regions;  // by region id
  uint64_t memory_bytes = 0;
  int signal_fd = -1;  // the eventfd that wakes the core
  KernelMessage mail;  // one on its way at most
  bool in_flight = false;
  bool in_core = false;  // the core knows this session
  // The answer: descriptors of it are the session's until the carrier has sent and closed them.
  rio_control reply{};
  int reply_fds[2] = {-1, -1};
  int keep_fd = -1;  // the application's end of a new completion queue's signal
};

class Sessions {
 public:
  // Regions of a session that were handed out and not made live yet: each holds a descriptor.
  static constexpr uint32_t kUncommittedMax = 4;

  explicit Sessions(const SessionsConfig& config);
  ~Sessions();

  // A slot for an application under policy number `index`. Null: sessions_max of the host or of
  // the policy is reached.
  HostSession* open(uint32_t index, const SessionPolicy& policy);

  enum class Next : uint8_t { reply, core, again };
  // What to do with a message whose form was checked. reply: session.reply is the answer. core:
  // session.mail goes to the core first, and answered() makes the reply of it. again: it takes
  // long (populating memory), go_on() does the next part.
  Next request(HostSession& session, const rio_control& message);
  Next go_on(HostSession& session);
  void answered(HostSession& session);

  // Ends a session, step by step; call again while it returns `core` and the mail has come back.
  // reply: everything was given back, the slot is free.
  Next end(HostSession& session);

  HostSession& at(uint32_t slot) { return slots_[slot]; }
  uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }
  uint32_t used() const;
  // A region of it lost a page: it must be ended.
  static bool evicted(const HostSession& session);

 private:
  Next attach(HostSession& s, const rio_control& m);
  Next attach_commit(HostSession& s);
  Next create_region(HostSession& s, const rio_control& m);
  Next commit_region(HostSession& s, const rio_control& m);
  Next destroy_region(HostSession& s, const rio_control& m);
  Next forward(HostSession& s, const rio_control& m);
  Next to_core(HostSession& s, KernelMessage::Op op);
  uint64_t reach_of(const HostSession& s, uint64_t nics) const;
  void drop_region(HostSession& s, HostSession::Held& held);
  void release(HostSession& s);

  SessionsConfig config_;
  std::vector<HostSession> slots_;
};

// Shared by the carriers: fails `m` in place.
void refuse_control(rio_control& m, int status, const char* why);

}  // namespace pinion
