// The control thread's loop, its sessions and their ends; see attach_server.h. Who may come in is
// in attach_admit.cpp.
#include "host/attach_server.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "host/clock.h"
#include "host/control_check.h"
#include "host/membarrier.h"
#include "host/sigbus.h"
#include "host/signaller.h"

namespace pinion {

namespace {

constexpr int kEventsPerTurn = 64;
constexpr Nanos kEndRetry = kMilli;           // of a session that is still draining
constexpr Nanos kEvictionLook = 20 * kMilli;  // an evicted session ends within 100 ms
constexpr Nanos kTurn = 50 * kMilli;          // of the thread: how soon it sees stop()
constexpr Nanos kStopPatience = kSecond;
constexpr uint32_t kRatesRemembered = 64;
constexpr Nanos kSignalPause = 64;  // of a user, as a multiple of the last one's cost
constexpr Nanos kHonestPart = 50;   // of reply_max: 100 us, where an honest turn takes a few

}  // namespace

AttachServer::AttachServer(const AttachServerConfig& config, std::vector<CoreLink*> cores)
    : config_(config),
      cores_(std::move(cores)),
      sessions_(config.sessions),
      connections_(config.sessions.sessions_max + config.half_open_max),
      rates_(kRatesRemembered) {
  STACK_CHECK(config_.sessions.cores == cores_.size());
  for (const SessionPolicy& p : config_.policies) STACK_CHECK(p.core < cores_.size());
}

AttachServer::~AttachServer() {
  stop();
  for (Connection& c : connections_)
    for (const int fd : {c.fd, c.pidfd})
      if (fd >= 0) close(fd);
  // Its name stays, as after a kill: the daemon may remove none by now.
  if (listener_ >= 0) close(listener_);
  if (epoll_ >= 0) close(epoll_);
  if (spare_ >= 0) close(spare_);
  for (KernelMessage* m : idle_barriers_) delete m;
}

int AttachServer::open(std::string& why) {
  install_sigbus_backstop();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) {
    why = std::string("epoll_create1: ") + std::strerror(errno);
    return -errno;
  }
  spare_ = open_spare();
  if (const int status = listen_at(why); status != 0) return status;
  int status = watch(listener_, Source::listener, 0, 0, EPOLLIN);
  for (uint32_t i = 0; i < cores_.size() && status == 0; ++i)
    status = watch(cores_[i]->note_event(), Source::core, i, 0, EPOLLIN);
  if (status != 0) why = "epoll_ctl failed";
  return status;
}

void AttachServer::start() {
  stop_.store(false);
  thread_ = std::thread([this] {
    while (!stop_.load()) run_once(kTurn);
    end_all(kStopPatience);
  });
}

void AttachServer::stop() {
  stop_.store(true);
  if (thread_.joinable()) thread_.join();
}

// Tag of an event: 4 bits source, 28 bits generation, 32 bits index.
int AttachServer::watch(int fd, Source source, uint32_t index, uint32_t generation,
                        uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = uint64_t{static_cast<uint8_t>(source)} << 60 |
                   uint64_t{generation & 0xFFFFFFFu} << 32 | index;
  const int add = epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  if (add != 0 && errno == EEXIST) return epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
  return add == 0 ? 0 : -errno;
}

void AttachServer::set_events(const Connection& c, uint32_t events) {
  const auto index = static_cast<uint32_t>(&c - connections_.data());
  watch(c.fd, Source::connection, index, c.generation, events);
}

void AttachServer::run_once(Nanos timeout) {
  const Nanos before = monotonic_now();
  const Nanos wait = std::clamp<Nanos>(std::min(timeout, next_tick(before)), 0, timeout);
  epoll_event events[kEventsPerTurn];
  const int wait_ms = static_cast<int>((wait + kMilli - 1) / kMilli);
  const int n = epoll_wait(epoll_, events, kEventsPerTurn, wait_ms);
  for (int i = 0; i < n; ++i) dispatch(events[i].data.u64, events[i].events);
  tick(monotonic_now());
}

void AttachServer::dispatch(uint64_t tag, uint32_t events) {
  const auto index = static_cast<uint32_t>(tag);
  const auto generation = static_cast<uint32_t>(tag >> 32) & 0xFFFFFFFu;
  switch (static_cast<Source>(tag >> 60)) {
    case Source::listener: return accept_some();
    case Source::core: return take_notes(*cores_[index]);
    case Source::connection:
    case Source::process: break;
  }
  Connection& c = connections_[index];
  if (c.fd < 0 || (c.generation & 0xFFFFFFFu) != generation) return;
  const bool died = static_cast<Source>(tag >> 60) == Source::process;
  if (died || (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0) return drop(c);
  if (c.waiting) return;
  if (!in_debt(c.uid, monotonic_now())) return readable(c);
  c.paused = true;
  set_events(c, EPOLLRDHUP);
}

void AttachServer::readable(Connection& c) {
  rio_control message;
  iovec io{&message, sizeof message};
  msghdr header{};
  header.msg_iov = &io;
  header.msg_iovlen = 1;
  const Nanos before = thread_cpu_now();
  const ssize_t n = recvmsg(c.fd, &header, MSG_DONTWAIT);
  charge(c.uid, thread_cpu_now() - before);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0 || (header.msg_flags & MSG_TRUNC) != 0) return drop(c);
  const char* why = "";
  int status = check_control(message, static_cast<size_t>(n), &why);
  if (status == -EPROTO) return drop(c);  // not even a message: there is nothing to answer
  if (status == 0 && (header.msg_flags & MSG_CTRUNC) != 0)
    status = -EINVAL, why = "descriptors of applications are not accepted";
  if (status == 0) return handle(c, message);
  refuse_control(message, status, why);
  int none[2] = {-1, -1};
  if (!answer(c, message, none)) drop(c);
}

void AttachServer::handle(Connection& c, const rio_control& message) {
  if (c.session == nullptr) {
    rio_control reply = message;
    const bool is_attach = message.opcode == RIO_CTL_ATTACH;
    if (!is_attach) refuse_control(reply, -EPROTO, "not attached yet");
    if (!is_attach || !attach(c, reply)) {
      int none[2] = {-1, -1};
      answer(c, reply, none);
      return drop(c);
    }
  }
  // From here on the process is watched; one that died before its pidfd was opened shows here.
  if (message.opcode == RIO_CTL_ATTACH_COMMIT && is_gone(c)) return drop(c);
  take(c, sessions_.request(*c.session, message));
}

bool AttachServer::attach(Connection& c, rio_control& reply) {
  c.session = sessions_.open(c.policy, config_.policies[c.policy]);
  if (c.session == nullptr) {
    refuse_control(reply, -ENOSPC, "all sessions are taken: sessions_max of the daemon or user");
    return false;
  }
  c.session->user = c.uid;
  return true;
}

bool AttachServer::is_gone(const Connection& c) const {
  pollfd fds[2] = {{c.fd, POLLRDHUP, 0}, {c.pidfd, POLLIN, 0}};
  return poll(fds, 2, 0) > 0 &&
         ((fds[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0 || fds[1].revents != 0);
}

void AttachServer::take(Connection& c, Sessions::Next next) {
  if (next == Sessions::Next::reply) return reply_to(c);
  c.waiting = true;
  set_events(c, EPOLLRDHUP);
  if (next == Sessions::Next::again) unfinished_.push_back(c.session->slot);
  else core_of(*c.session).send(&c.session->mail);
}

// One part of one request a turn: between them, others are served and deaths are seen.
void AttachServer::go_on() {
  if (unfinished_.empty()) return;
  HostSession& s = sessions_.at(unfinished_.front());
  unfinished_.pop_front();
  if (Connection* c = connection_of(s)) take(*c, sessions_.go_on(s));
}

void AttachServer::reply_to(Connection& c) {
  HostSession& s = *c.session;
  const bool served = answer(c, s.reply, s.reply_fds);
  for (int& fd : s.reply_fds)
    if (fd >= 0) close(std::exchange(fd, -1));
  // Who fails the handshake is not served either.
  const bool attaching =
      s.reply.opcode == RIO_CTL_ATTACH || s.reply.opcode == RIO_CTL_ATTACH_COMMIT;
  if (!served || (attaching && s.reply.status != 0)) return drop(c);
  if (c.waiting) c.waiting = false, set_events(c, EPOLLIN | EPOLLRDHUP);
}

// False: who does not read answers, or whose wait queue makes each of them long (see signaller.h),
// is not served any more. One that was long says nothing: what interrupts this thread, as the
// kernel's work for the network does, counts as its own time.
bool AttachServer::answer(Connection& c, const rio_control& reply, int fds[2]) {
  const Nanos before = thread_cpu_now();
  const bool sent = send_reply(c.fd, reply, fds);
  const int error = errno;
  const Nanos cost = thread_cpu_now() - before;
  charge(c.uid, cost);
  if (!sent && (error == EPIPE || error == ECONNRESET)) return false;  // it has gone
  c.slow_replies = cost < config_.reply_max ? 0 : c.slow_replies + 1;
  const bool served = sent && c.slow_replies < config_.slow_replies_max;
  if (!served) status_.hung_up.fetch_add(1);
  return served;
}

// Receiving, answering and closing walk the application's wait queue alike. Who makes that long
// owes the time, on all connections and on those that it makes anew; an honest turn is free.
void AttachServer::charge(uint32_t uid, Nanos cost) {
  if (is_slow(cost)) rate_of(uid, monotonic_now()).debt += cost;
}

bool AttachServer::is_slow(Nanos cost) const { return cost >= config_.reply_max / kHonestPart; }

// What interrupts this thread is charged as well, so some debt is borne.
bool AttachServer::in_debt(uint32_t uid, Nanos now) {
  return rate_of(uid, now).debt > config_.slow_replies_max * config_.reply_max;
}

void AttachServer::resume_paused(Nanos now) {
  for (Connection& c : connections_) {
    if (!c.paused || in_debt(c.uid, now)) continue;
    c.paused = false;
    set_events(c, EPOLLIN | EPOLLRDHUP);
  }
}

bool AttachServer::send_reply(int fd, const rio_control& reply, int fds[2]) {
  iovec io{const_cast<rio_control*>(&reply), sizeof reply};
  msghdr header{};
  header.msg_iov = &io;
  header.msg_iovlen = 1;
  union {
    cmsghdr align;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
  } control{};
  const size_t count = fds[0] < 0 ? 0 : fds[1] < 0 ? 1 : 2;
  if (count > 0) {
    header.msg_control = &control;
    header.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(c), fds, count * sizeof(int));
  }
  ssize_t n;
  do n = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == static_cast<ssize_t>(sizeof reply);
}

void AttachServer::went_live(Connection& c) {
  c.deadline = kNever;
  core_of(*c.session).watch_session(c.session->signal_fd);
  status_.attached.fetch_add(1);
}

// The application is gone, or must go. Its connection is closed at once, its session step by step.
void AttachServer::drop(Connection& c) {
  const Nanos before = thread_cpu_now();
  close(std::exchange(c.fd, -1));
  charge(c.uid, thread_cpu_now() - before);
  if (c.pidfd >= 0) close(std::exchange(c.pidfd, -1));
  ++c.generation;
  c.waiting = c.paused = false;
  c.slow_replies = 0;
  HostSession* s = std::exchange(c.session, nullptr);
  if (s == nullptr) return;
  std::erase(unfinished_, s->slot);
  if (s->signal_fd >= 0) core_of(*s).unwatch(s->signal_fd);
  ending_.push_back(s->slot);
  step_end(*s);
}

void AttachServer::step_end(HostSession& s) {
  if (s.in_flight) return;  // its answer brings us back here
  if (sessions_.end(s) == Sessions::Next::core) {
    core_of(s).send(&s.mail);
    return;
  }
  std::erase(ending_, s.slot);
  status_.ended.fetch_add(1);
}

void AttachServer::take_notes(CoreLink& link) {
  link.clear_note_event();
  CoreNote note;
  while (link.take_note(note)) {
    switch (note.kind) {
      case CoreNote::Kind::answer: take_answer(*note.message); break;
      case CoreNote::Kind::barrier: barrier(link, note.value); break;
      case CoreNote::Kind::signal: signals_.push_back({&link, note.value, note.number}); break;
      case CoreNote::Kind::release_fd:
        forget_signal(note.number);
        close(note.number);
        break;
      case CoreNote::Kind::broken:
        status_.broken.fetch_add(1);
        if (Connection* c = connection_of(sessions_.at(note.value))) drop(*c);
        break;
    }
  }
}

// Signals that are too slow for the core. What one costs here is a small part of its user's time:
// the next one waits for many times as long.
void AttachServer::send_signals() {
  for (size_t i = 0; i < signals_.size();) {
    const Signal signal = signals_[i];
    UserRate& user = rate_of(sessions_.at(signal.session).user, monotonic_now());
    if (user.last < user.next_signal) {
      ++i;
      continue;
    }
    signals_.erase(signals_.begin() + static_cast<ptrdiff_t>(i));
    const Nanos before = thread_cpu_now();
    send_signal(signal.fd);
    const Nanos cost = thread_cpu_now() - before;
    user.next_signal = user.last + kSignalPause * cost;
    signal.link->signal_sent(signal.session);
    if (cost > Signaller::kSlow) return;  // one of those a turn: others wait, too
  }
}

void AttachServer::forget_signal(int fd) {
  for (size_t i = 0; i < signals_.size(); ++i) {
    if (signals_[i].fd != fd) continue;
    signals_[i].link->signal_sent(signals_[i].session);
    signals_.erase(signals_.begin() + static_cast<ptrdiff_t>(i));
    return;
  }
}

void AttachServer::take_answer(KernelMessage& m) {
  if (m.op == KernelMessage::Op::barrier_done) {
    idle_barriers_.push_back(&m);
    return;
  }
  HostSession& s = sessions_.at(m.session);
  const bool opened = m.op == KernelMessage::Op::session_open && m.status == 0;
  sessions_.answered(s);
  if (Connection* c = connection_of(s)) {
    if (opened) went_live(*c);
    reply_to(*c);
  } else if (m.op != KernelMessage::Op::session_end || m.status != -EINPROGRESS) {
    step_end(s);
  }  // else: tick() asks again a little later
}

// Without the barrier there is no answer: what was to become cold stays polled, nothing is lost.
void AttachServer::barrier(CoreLink& link, uint32_t value) {
  if (global_membarrier() != 0) {
    status_.barriers_failed.fetch_add(1);
    return;
  }
  KernelMessage* m = nullptr;
  if (idle_barriers_.empty()) {
    m = new KernelMessage;
  } else {
    m = idle_barriers_.back();
    idle_barriers_.pop_back();
  }
  m->op = KernelMessage::Op::barrier_done;
  m->value = value;
  link.send(m);
}

AttachServer::Connection* AttachServer::connection_of(const HostSession& s) {
  for (Connection& c : connections_)
    if (c.session == &s) return &c;
  return nullptr;
}

void AttachServer::tick(Nanos now) {
  uint32_t half_open = 0;
  for (Connection& c : connections_) {
    if (c.fd < 0 || c.deadline == kNever) continue;
    if (now >= c.deadline && !c.waiting) drop(c);
    else ++half_open;
  }
  resume_paused(now);
  send_signals();
  go_on();
  const std::vector<uint32_t> ending = ending_;  // step_end takes finished ones out
  for (const uint32_t slot : ending) step_end(sessions_.at(slot));
  if (now >= next_eviction_look_) {
    next_eviction_look_ = now + kEvictionLook;
    for (Connection& c : connections_) {
      if (c.session == nullptr || !Sessions::evicted(*c.session)) continue;
      status_.evicted.fetch_add(1);
      drop(c);
    }
  }
  if (spare_ < 0) spare_ = open_spare();
  if (now >= listen_again_) {
    listen_again_ = kNever;
    watch(listener_, Source::listener, 0, 0, EPOLLIN);
  }
  status_.half_open.store(half_open);
  status_.ending.store(static_cast<uint32_t>(ending_.size()));
  status_.sessions.store(sessions_.used());
}

Nanos AttachServer::next_tick(Nanos now) const {
  if (!unfinished_.empty()) return 0;
  if (!ending_.empty() || !signals_.empty()) return kEndRetry;
  Nanos next = sessions_.used() > 0 ? kEvictionLook : kNever;
  if (listen_again_ != kNever) next = std::min(next, listen_again_ - now);
  for (const Connection& c : connections_) {
    if (c.paused) next = std::min(next, kEndRetry);
    if (c.fd >= 0 && c.deadline != kNever && !c.waiting) next = std::min(next, c.deadline - now);
  }
  return std::max<Nanos>(next, 0);
}

bool AttachServer::end_all(Nanos patience) {
  for (Connection& c : connections_)
    if (c.fd >= 0) drop(c);
  const Nanos until = monotonic_now() + patience;
  while (!ending_.empty() && monotonic_now() < until) run_once(kEndRetry);
  tick(monotonic_now());
  return ending_.empty();
}

}  // namespace pinion
