// The core's thread; see core_thread.h.
#include "host/core_thread.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/membarrier.h"
#include "kernel/kernel.h"

namespace pinion {

namespace {

void count(std::atomic<uint64_t>& counter) {  // one writer
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

CoreThread::CoreThread(const CoreThreadConfig& config, CoreLink& link)
    : config_(config),
      link_(link),
      signaller_(link, config.clock),
      wakes_(config.wakes, link) {}

Hooks CoreThread::hooks() {
  Hooks hooks;
  hooks.self = this;
  hooks.signal = [](void* self, uint32_t session, int fd) {
    static_cast<CoreThread*>(self)->signaller_.signal(session, fd);
  };
  hooks.barrier = [](void* self, uint32_t value) {
    CoreNote note;
    note.kind = CoreNote::Kind::barrier;
    note.value = value;
    static_cast<CoreThread*>(self)->link_.note(note);
  };
  hooks.session_broken = [](void* self, uint32_t session, int why) {
    CoreNote note;
    note.kind = CoreNote::Kind::broken;
    note.value = session;
    note.number = why;
    static_cast<CoreThread*>(self)->link_.note(note);
  };
  hooks.release_fd = [](void* self, int fd) {
    CoreNote note;
    note.kind = CoreNote::Kind::release_fd;
    note.number = fd;
    auto& core = *static_cast<CoreThread*>(self);
    core.signaller_.forget(fd);
    core.link_.note(note);
  };
  hooks.wake_core = [](void* self, uint32_t core) {
    static_cast<CoreThread*>(self)->config_.peers[core]->wake();
  };
  return hooks;
}

int CoreThread::start(Kernel& kernel, std::string& why) {
  attach_kernel(kernel);
  if (config_.sleep_after != kNever && global_membarrier() != 0) {
    why = "this Linux has no membarrier(GLOBAL_EXPEDITED): cores must be idle: busy";
    return -ENOSYS;
  }
  if (config_.rehearse) {
    std::string lacking;  // without, it is as fast but after silence: rehearsals() tells
    rehearsal_ = Rehearsal::create(kernel, config_.clock, lacking);
  }
  stop_.store(false);
  thread_ = std::thread([this] {
    while (!stop_.load(std::memory_order_relaxed)) run_once();
  });
  pthread_setname_np(thread_.native_handle(), config_.name.substr(0, 15).c_str());
  const int status = pin(why);
  if (status != 0) stop();
  return status;
}

int CoreThread::pin(std::string& why) {
  if (config_.cpu < 0) return 0;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (config_.cpu < CPU_SETSIZE) CPU_SET(static_cast<size_t>(config_.cpu), &cpus);
  const int error = pthread_setaffinity_np(thread_.native_handle(), sizeof cpus, &cpus);
  if (error == 0) return 0;
  why = config_.name + ": CPU " + std::to_string(config_.cpu) + ": " + std::strerror(error);
  return -error;
}

void CoreThread::stop() {
  stop_.store(true);
  if (!thread_.joinable()) return;
  link_.wake();
  thread_.join();
}

void CoreThread::run_once() {
  const Nanos now = config_.clock.now(config_.clock.self);
  if (now >= next_clock_ && config_.clock.words != nullptr) {
    next_clock_ = now + config_.clock_every;
    rio_abi_clock words{};
    config_.clock.words(config_.clock.self, &words);
    kernel_->publish_clock(words);
  }
  KernelMessage* const answered = take_mail(now);
  kernel_->poll(now);
  if (answered != nullptr) answer(answered);
  count(passes_);
  if (rehearsal_ != nullptr) rehearsal_->after_pass(now);
  if (kernel_->busy() || link_.mail_waiting() || idle_since_ == 0) idle_since_ = now;
  else if (config_.sleep_after != kNever && now - idle_since_ >= config_.sleep_after) sleep(now);
}

// At most one message a pass, so that cold calls cannot hold up the hot ones. Null: there was none.
KernelMessage* CoreThread::take_mail(Nanos now) {
  link_.flush_notes();
  signaller_.flush();
  KernelMessage* message = link_.take_mail();
  if (message == nullptr) return nullptr;
  if (message->op == KernelMessage::Op::session_open)
    signaller_.opened(message->session, message->value);
  kernel_->control(*message, now);
  idle_since_ = now;
  return message;
}

// Behind the pass: what an application is told has been told to the other cores before. Else what
// it says to a peer could come back to a core that does not know of its port yet.
void CoreThread::answer(KernelMessage* message) {
  CoreNote note;
  note.message = message;
  link_.note(note);
}

// An application that stored a request before it saw the mark is seen by look_again(); one that
// stored later sees the mark and signals. The barrier leaves no third case. It disturbs every
// process that has registered, so it is made only when nothing speaks against sleeping before; and
// an attempt that failed, or a sleep that was cut short, puts the next one off by sleep_after:
// whatever an application does, it cannot have one barrier a pass.
void CoreThread::sleep(Nanos now) {
  if (!may_sleep(now)) {
    idle_since_ = now;
    return;
  }
  kernel_->prepare_sleep(now);
  bool timed_out = false;
  if (global_membarrier() == 0 && may_sleep(now)) {
    if (wakes_.arm()) {
      count(sleeps_);
      timed_out = !link_.sleep(sleep_limit(now));
      wakes_.judge(timed_out);
    }
    wakes_.disarm();
  }
  const Nanos awake = config_.clock.now(config_.clock.self);
  kernel_->wake(awake);
  if (!timed_out) idle_since_ = awake;
}

bool CoreThread::may_sleep(Nanos now) const {
  return sleep_limit(now) > 0 && !kernel_->look_again() && !link_.mail_waiting();
}

Nanos CoreThread::sleep_limit(Nanos now) const {
  Nanos limit = config_.beat_at_least;
  // Applications are shown each bend of the clock before its time.
  if (config_.clock.words != nullptr) limit = std::min(limit, next_clock_ - now);
  if (config_.nap > 0 && !wakes_.all_work()) limit = std::min(limit, config_.nap);
  const Nanos deadline = kernel_->next_deadline();
  return deadline == kNever ? limit : std::min(limit, deadline - now);
}

}  // namespace pinion
