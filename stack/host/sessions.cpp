// What control messages of applications mean to a host; see sessions.h.
#include "host/sessions.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace pinion {

namespace {

using Next = Sessions::Next;

constexpr uint64_t kPopulateSlice = 16u << 20;  // some milliseconds

void close_fd(int& fd) {
  if (fd >= 0) close(std::exchange(fd, -1));
}

// A stream of single bytes. The core's end comes first. It gets a small send buffer: a signal that
// does not fit has been sent already.
int make_signal_pair(int ends[2]) {
  const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (socketpair(AF_UNIX, type, 0, ends) != 0) return -errno;
  const int smallest = 1;
  setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest);
  setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest);
  return 0;
}

Next refuse(HostSession& s, int status, const char* why) {
  refuse_control(s.reply, status, why);
  return Next::reply;
}

constexpr char kNoDescriptors[] = "the daemon has no descriptors left";

// The application's copy, to be sent with the reply. -1: none is left.
int copy_fd(int fd) { return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0); }

bool wants_notification(const rio_control& m) { return m.opcode == RIO_CTL_CQ_CREATE && m.c != 0; }

}  // namespace

void refuse_control(rio_control& m, int status, const char* why) {
  m.status = status;
  std::strncpy(m.why, why, sizeof m.why - 1);
  m.why[sizeof m.why - 1] = '\0';
}

Sessions::Sessions(const SessionsConfig& config) : config_(config), slots_(config.sessions_max) {
  for (uint32_t i = 0; i < capacity(); ++i) slots_[i].slot = i;
}

Sessions::~Sessions() {
  for (HostSession& s : slots_) release(s);
}

HostSession* Sessions::open(uint32_t index, const SessionPolicy& policy) {
  HostSession* free_slot = nullptr;
  uint32_t of_policy = 0;
  for (HostSession& s : slots_) {
    if (s.state == HostSession::State::free) free_slot = free_slot ? free_slot : &s;
    else of_policy += s.policy == index;
  }
  if (free_slot == nullptr || of_policy >= policy.sessions_max) return nullptr;
  free_slot->policy = index;
  free_slot->granted = policy;
  free_slot->regions = std::vector<HostSession::Held>(policy.quota.regions_max);
  free_slot->state = HostSession::State::offered;
  return free_slot;
}

uint32_t Sessions::used() const {
  uint32_t n = 0;
  for (const HostSession& s : slots_) n += s.state != HostSession::State::free;
  return n;
}

bool Sessions::evicted(const HostSession& s) {
  if (s.header.evicted()) return true;
  for (const HostSession::Held& held : s.regions)
    if (held.region.exists() && held.region.evicted()) return true;
  return false;
}

Next Sessions::request(HostSession& s, const rio_control& m) {
  s.reply = m;
  s.reply.status = 0;
  const bool attaching = m.opcode == RIO_CTL_ATTACH || m.opcode == RIO_CTL_ATTACH_COMMIT;
  if (attaching != (s.state == HostSession::State::offered))
    return refuse(s, -EPROTO, attaching ? "attached already" : "not attached yet");
  switch (m.opcode) {
    case RIO_CTL_ATTACH: return attach(s, m);
    case RIO_CTL_ATTACH_COMMIT: return attach_commit(s);
    case RIO_CTL_REGION_CREATE: return create_region(s, m);
    case RIO_CTL_REGION_COMMIT: return commit_region(s, m);
    case RIO_CTL_REGION_DESTROY: return destroy_region(s, m);
    default: return forward(s, m);
  }
}

Next Sessions::attach(HostSession& s, const rio_control& m) {
  if (s.header.exists()) return refuse(s, -EPROTO, "attached already");
  if (m.a >> 16 != RIO_ABI_MAJOR)
    return refuse(s, -EPROTO, "librio speaks another major version of the ABI than this daemon");
  if (m.c > 1) return refuse(s, -EINVAL, "c is 0 or 1");
  if (m.d > config_.cores) return refuse(s, -ENXIO, "the daemon has no such core");
  if (m.d != 0) s.granted.core = m.d - 1;
  std::string why;
  // Small pages: a session's header must not cost a hugepage.
  const int status = s.header.create(config_.region, RIO_SESSION_REGION_BYTES, true, why);
  if (status != 0) return refuse(s, status, why.c_str());
  s.signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  s.reply_fds[0] = copy_fd(s.header.fd());
  s.reply_fds[1] = copy_fd(s.signal_fd);
  if (s.reply_fds[0] < 0 || s.reply_fds[1] < 0) {
    close_fd(s.reply_fds[0]), close_fd(s.reply_fds[1]);
    return refuse(s, -EMFILE, kNoDescriptors);
  }
  s.reply.handle = s.slot;
  s.reply.a = RIO_ABI_VERSION;
  s.reply.b = m.b & config_.features;
  s.reply.c = 0;
  s.reply.d = s.granted.core;
  s.reply.size = s.header.size();
  return Next::reply;
}

Next Sessions::attach_commit(HostSession& s) {
  if (!s.header.exists()) return refuse(s, -EPROTO, "not attached yet");
  std::string why;
  if (const int status = s.header.go_live(why); status != 0)
    return refuse(s, status, why.c_str());
  // What the application may have written in there before it was sealed means nothing.
  std::memset(s.header.base(), 0, s.header.size());
  s.state = HostSession::State::opening;
  s.mail.base = s.header.base();
  s.mail.size = s.header.size();
  s.mail.quota = s.granted.quota;
  s.mail.value = s.user;
  return to_core(s, KernelMessage::Op::session_open);
}

Next Sessions::create_region(HostSession& s, const rio_control& m) {
  if (m.a != 0 && m.a != Region::kSmallPage)
    return refuse(s, -EINVAL, "pages are the daemon's choice (0) or of 4096 bytes");
  if (m.size == 0) return refuse(s, -EINVAL, "a region has at least one byte");
  if (m.size > s.granted.memory_bytes_max - s.memory_bytes)
    return refuse(s, -EDQUOT, "over the session's memory_mb");
  uint32_t uncommitted = 0;
  for (const HostSession::Held& h : s.regions) uncommitted += h.region.fd() >= 0;
  if (uncommitted == kUncommittedMax) return refuse(s, -EBUSY, "commit earlier regions first");
  uint32_t id = 0;
  while (id < s.regions.size() && s.regions[id].region.exists()) ++id;
  if (id == s.regions.size()) return refuse(s, -ENOSPC, "the session's regions_max is reached");
  HostSession::Held& held = s.regions[id];
  std::string why;
  if (const int status = held.region.create(config_.region, m.size, m.a != 0, why); status != 0)
    return refuse(s, status, why.c_str());
  if (held.region.size() > s.granted.memory_bytes_max - s.memory_bytes) {
    held.region.reset();
    return refuse(s, -EDQUOT, "over the session's memory_mb, in whole pages");
  }
  s.reply_fds[0] = copy_fd(held.region.fd());
  if (s.reply_fds[0] < 0) {
    held.region.reset();
    return refuse(s, -EMFILE, kNoDescriptors);
  }
  s.memory_bytes += held.region.size();
  s.reply.handle = id;
  s.reply.size = held.region.size();
  return Next::reply;
}

Next Sessions::commit_region(HostSession& s, const rio_control& m) {
  if (m.handle >= s.regions.size() || !s.regions[m.handle].region.exists())
    return refuse(s, -ENOENT, "no such region");
  Region& region = s.regions[m.handle].region;
  if (region.live()) return refuse(s, -EALREADY, "the region is live already");
  if (region.fd() < 0) return refuse(s, -EPROTO, "the region could not be made live before");
  s.mail.region = m.handle;
  return go_on(s);
}

Next Sessions::go_on(HostSession& s) {
  Region& region = s.regions[s.mail.region].region;
  std::string why;
  const int status = region.go_live(why, kPopulateSlice);
  if (status == -EINPROGRESS) return Next::again;
  if (status != 0) return refuse(s, status, why.c_str());
  s.regions[s.mail.region].in_core = true;
  s.mail.base = region.base();
  s.mail.size = region.size();
  s.mail.reach = reach_of(s, region.reach());
  return to_core(s, KernelMessage::Op::region_add);
}

// A core knows the NICs that it polls, by numbers of its own.
uint64_t Sessions::reach_of(const HostSession& s, uint64_t nics) const {
  if (config_.nics_of_core.empty()) return nics;
  const std::vector<uint32_t>& own = config_.nics_of_core[s.granted.core];
  uint64_t reach = 0;
  for (size_t i = 0; i < own.size(); ++i) reach |= (nics >> own[i] & 1) << i;
  return reach;
}

Next Sessions::destroy_region(HostSession& s, const rio_control& m) {
  if (m.handle >= s.regions.size() || !s.regions[m.handle].region.exists())
    return refuse(s, -ENOENT, "no such region");
  if (!s.regions[m.handle].in_core) {
    drop_region(s, s.regions[m.handle]);
    return Next::reply;
  }
  s.mail.region = m.handle;
  return to_core(s, KernelMessage::Op::region_remove);
}

Next Sessions::forward(HostSession& s, const rio_control& m) {
  s.mail.signal_fd = -1;
  if (wants_notification(m)) {
    int ends[2];
    if (m.c > 1) return refuse(s, -EINVAL, "c is 0 or 1");
    if (const int status = make_signal_pair(ends); status != 0)
      return refuse(s, status, kNoDescriptors);
    shutdown(ends[0], SHUT_RD);  // the core never reads here: nothing shall pile up
    s.mail.signal_fd = ends[0];
    s.keep_fd = ends[1];
  }
  s.mail.app = m;
  return to_core(s, KernelMessage::Op::application);
}

Next Sessions::to_core(HostSession& s, KernelMessage::Op op) {
  s.mail.op = op;
  s.mail.session = s.slot;
  s.mail.status = 0;
  s.in_flight = true;
  if (op == KernelMessage::Op::session_open) s.in_core = true;
  return Next::core;
}

void Sessions::answered(HostSession& s) {
  s.in_flight = false;
  const int status = s.mail.status;
  switch (s.mail.op) {
    case KernelMessage::Op::session_open:
      s.in_core = status == 0;
      if (s.state == HostSession::State::opening)
        s.state = status == 0 ? HostSession::State::live : HostSession::State::offered;
      break;
    case KernelMessage::Op::region_add: s.regions[s.mail.region].in_core = status == 0; break;
    case KernelMessage::Op::region_remove:
      if (status == 0) drop_region(s, s.regions[s.mail.region]);
      break;
    case KernelMessage::Op::application: {
      s.reply = s.mail.app;
      if (s.keep_fd < 0) break;
      if (status == 0) {  // the other end is the core's now
        s.reply_fds[0] = std::exchange(s.keep_fd, -1);
      } else {
        close_fd(s.keep_fd);
        close_fd(s.mail.signal_fd);
      }
      s.mail.signal_fd = -1;
      break;
    }
    case KernelMessage::Op::session_end:
    case KernelMessage::Op::barrier_done: return;
  }
  s.reply.status = status;
  if (status != 0 && s.reply.why[0] == '\0')
    refuse_control(s.reply, status, std::strerror(-status));
}

Next Sessions::end(HostSession& s) {
  if (s.in_flight) return Next::core;
  const bool asked = s.mail.op == KernelMessage::Op::session_end &&
                     s.state == HostSession::State::ending;
  s.state = HostSession::State::ending;
  if (s.in_core && (!asked || s.mail.status == -EINPROGRESS))
    return to_core(s, KernelMessage::Op::session_end);
  release(s);
  return Next::reply;
}

void Sessions::drop_region(HostSession& s, HostSession::Held& held) {
  if (!held.region.exists()) return;
  s.memory_bytes -= held.region.size();
  held.region.reset();
  held.in_core = false;
}

void Sessions::release(HostSession& s) {
  for (HostSession::Held& held : s.regions) drop_region(s, held);
  s.regions.clear();
  s.header.reset();
  close_fd(s.signal_fd);
  close_fd(s.keep_fd);
  close_fd(s.reply_fds[0]);
  close_fd(s.reply_fds[1]);
  s.mail = {};
  s.memory_bytes = 0;
  s.in_core = s.in_flight = false;
  s.state = HostSession::State::free;
}

}  // namespace pinion
