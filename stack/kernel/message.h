// What a host tells a Kernel, on the core's own thread: through its mailbox (daemon) or as a
// function call (embedded). The host owns descriptors and memory; the Kernel owns everything that
// an application names in a control message.
#pragma once
#include <rio/control.h>

#include "base/recorder.h"
#include "base/types.h"

namespace pinion {

// Local endpoints that a session may bind. Ephemeral ports need no grant.
struct BindGrant {
  bool any_address = false;
  Ip address;
  uint16_t first = 0, last = 0;
};

// Groups that a session may join.
struct GroupGrant {
  Ip prefix;
  uint8_t prefix_length = 0;
};

// How much of the core one session may have.
struct SessionQuota {
  uint32_t requests_per_pass = 64;
  uint32_t sockets_max = 1024;
  uint32_t queues_max = 2048;      // request queues
  uint32_t requests_max = 131072;  // quotas of all its request queues
  uint32_t cqs_max = 64;
  uint32_t buffers_max = 1024;
  uint32_t regions_max = 64;
  static constexpr uint32_t kGrantsMax = 16;
  bool bind_anything = true;  // else only what grants say
  uint32_t grants = 0;
  BindGrant grant[kGrantsMax];
  bool join_anything = true;  // else only what group grants say
  uint32_t group_grants = 0;
  GroupGrant group_grant[kGrantsMax];
  uint32_t joins_max = 64;
  uint64_t waiting_bytes_max = 16u << 20;  // received data without a posted receive
};

struct KernelMessage {
  enum class Op : uint8_t {
    session_open,   // base/size: the session region, live (sealed, populated); quota;
                    // value: whose it is. Sessions of one user may have the same port on
                    // several cores; another user may not
    session_end,    // every socket is reset. Reply -EINPROGRESS: still draining, ask again
    region_add,     // region, base, size: live memory of this session; reach
    region_remove,  // region. -EBUSY: a buffer of it is registered or in use
    application,    // app: a rio_control from the session's application; reply in place.
                    // CQ_CREATE with app.c: signal_fd is the core's end of its socketpair
    barrier_done,   // a membarrier asked for by Hooks::barrier has completed; value as given
  };
  Op op = Op::application;
  uint32_t session = 0;  // host's slot, 0..sessions_max-1
  int32_t status = 0;    // reply: 0 or a negative errno
  uint32_t region = 0;
  std::byte* base = nullptr;
  uint64_t size = 0;
  uint64_t reach = 0;  // bit i: the i-th port that NetConfig names can transmit from there
  uint32_t value = 0;
  int signal_fd = -1;
  SessionQuota quota;
  rio_control app{};
};

// What a Kernel asks of its host while it polls. Neither may block; both are rare.
struct Hooks {
  void* self = nullptr;
  // Send one non-blocking signal on the core's end of a completion queue's socketpair, of this
  // session.
  void (*signal)(void* self, uint32_t session, int fd) = nullptr;
  // Have one membarrier made for everything marked so far; answer with barrier_done{value}.
  // Null: the application runs in this thread, no barrier is needed.
  void (*barrier)(void* self, uint32_t value) = nullptr;
  // A session broke the rules: have it ended (the Kernel has already stopped serving it).
  void (*session_broken)(void* self, uint32_t session, int why) = nullptr;
  // A queue or session lets go of a descriptor that came as signal_fd: close it.
  void (*release_fd)(void* self, int fd) = nullptr;
  // That core of NetConfig::mesh sleeps, or is about to, and something was handed over to it: make
  // it poll. Called at the end of a pass. Null: it never sleeps.
  void (*wake_core)(void* self, uint32_t core) = nullptr;
  // Records or replays what comes in. Ports have theirs in port/recorded_port.h.
  Recorder record;
};

}  // namespace pinion
