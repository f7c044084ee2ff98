// Control calls as function calls; see embedded.h.
#include "host/embedded.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "host/control_check.h"
#include "host/membarrier.h"
#include "host/sigbus.h"
#include "host/signaller.h"
#include "kernel/kernel.h"

namespace pinion {

EmbeddedHost::EmbeddedHost(const EmbeddedConfig& config)
    : config_(config), sessions_(config.sessions) {
  install_sigbus_backstop();
}

EmbeddedHost::~EmbeddedHost() = default;

Hooks EmbeddedHost::hooks() {
  Hooks hooks;
  hooks.self = this;
  hooks.signal = [](void*, uint32_t, int fd) { send_signal(fd); };
  hooks.release_fd = [](void*, int fd) { close(fd); };
  // A broken session is served no more; its application finds out and closes it.
  hooks.session_broken = [](void*, uint32_t, int) {};
  if (config_.threaded) {  // without an answer, what was to become cold stays polled
    hooks.barrier = [](void* self, uint32_t value) {
      if (global_membarrier() == 0) static_cast<EmbeddedHost*>(self)->barrier_ = value;
    };
  }
  return hooks;
}

rio_transport EmbeddedHost::transport() {
  const std::lock_guard lock(mutex_);
  callers_.push_back({this, nullptr});
  rio_transport t{};
  t.self = &callers_.back();
  t.one_thread = !config_.threaded;
  t.call = [](void* self, rio_control* message, int fds[2]) {
    auto* caller = static_cast<Caller*>(self);
    return caller->host->call(*caller, message, fds);
  };
  t.close = [](void* self) {
    auto* caller = static_cast<Caller*>(self);
    caller->host->close_caller(caller);
  };
  return t;
}

int EmbeddedHost::call(Caller& caller, rio_control* message, int fds[2]) {
  const std::lock_guard lock(mutex_);
  const char* why = "";
  if (const int status = check_control(*message, sizeof *message, &why); status != 0) {
    refuse_control(*message, status, why);
    return 0;
  }
  if (caller.session == nullptr) caller.session = sessions_.open(0, config_.policy);
  if (caller.session == nullptr) {
    refuse_control(*message, -ENOSPC, "all sessions are taken");
    return 0;
  }
  HostSession& s = *caller.session;
  Sessions::Next next = sessions_.request(s, *message);
  while (next == Sessions::Next::again) next = sessions_.go_on(s);
  if (next == Sessions::Next::core) {
    to_core(s.mail);
    sessions_.answered(s);
  }
  *message = s.reply;
  for (int i = 0; i < 2; ++i) fds[i] = std::exchange(s.reply_fds[i], -1);
  return 0;
}

void EmbeddedHost::to_core(KernelMessage& m) {
  if (!config_.threaded) return kernel_->control(m, time_of_call());
  waiting_.store(&m);
  waiting_.wait(&m);  // until poll() has answered in place
}

Nanos EmbeddedHost::time_of_call() {
  if (config_.clock.now != nullptr) now_ = std::max(now_, config_.clock.now(config_.clock.self));
  return now_;
}

void EmbeddedHost::close_caller(Caller* caller) {
  const std::lock_guard lock(mutex_);
  if (caller->session != nullptr) end(*caller->session);
  callers_.remove_if([caller](const Caller& c) { return &c == caller; });
}

// As far as it goes now; what still drains is finished by later polls.
void EmbeddedHost::end(HostSession& s) {
  while (sessions_.end(s) == Sessions::Next::core) {
    to_core(s.mail);
    sessions_.answered(s);
    if (s.mail.status != -EINPROGRESS) continue;
    ending_.fetch_add(1);
    return;
  }
}

void EmbeddedHost::finish_endings() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;  // a control call waits for this very thread
  for (uint32_t i = 0; i < sessions_.capacity(); ++i) {
    HostSession& s = sessions_.at(i);
    if (s.state != HostSession::State::ending) continue;
    while (sessions_.end(s) == Sessions::Next::core) {
      kernel_->control(s.mail, now_);
      sessions_.answered(s);
      if (s.mail.status == -EINPROGRESS) break;
    }
    if (s.state == HostSession::State::free) ending_.fetch_sub(1);
  }
}

void EmbeddedHost::poll(Nanos now) {
  now_ = now;
  if (barrier_) {
    KernelMessage m;
    m.op = KernelMessage::Op::barrier_done;
    m.value = *std::exchange(barrier_, std::nullopt);
    kernel_->control(m, now);
  }
  if (KernelMessage* m = waiting_.load()) {
    kernel_->control(*m, now);
    waiting_.store(nullptr);
    waiting_.notify_one();
  }
  kernel_->poll(now);
  if (ending_.load() != 0) finish_endings();
}

uint32_t EmbeddedHost::sessions() {
  const std::lock_guard lock(mutex_);
  return sessions_.used();
}

}  // namespace pinion
