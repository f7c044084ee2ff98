// The link between the control thread and a core; see mailbox.h.
#include "host/mailbox.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/check.h"

namespace pinion {

namespace {

// These eventfds never leave this process, so nobody can make the write block.
void raise_event(int fd) {
  const uint64_t one = 1;
  while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void clear_event(int fd) {
  uint64_t count;
  while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace

CoreLink::CoreLink(uint32_t sessions_max)
    : mail_(sessions_max), notes_(sessions_max), signals_(sessions_max) {}

CoreLink::~CoreLink() {
  for (const int fd : {mail_event_, note_event_, epoll_})
    if (fd >= 0) close(fd);
}

int CoreLink::open(std::string& why) {
  mail_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  note_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (mail_event_ < 0 || note_event_ < 0 || epoll_ < 0 || watch(mail_event_, 0) != 0) {
    why = std::string("making a core's mailbox: ") + std::strerror(errno);
    return -errno;
  }
  return 0;
}

void CoreLink::send(KernelMessage* message) {
  // Each session has one message on its way at most, and the mailbox is sized for all of them.
  STACK_CHECK(mail_.push(message));
  wake();
}

void CoreLink::wake() { raise_event(mail_event_); }

void CoreLink::signal_sent(uint32_t session) {
  signals_[session].store(false);
  wake();
}

void CoreLink::clear_note_event() { clear_event(note_event_); }

int CoreLink::watch_port(int fd) { return watch(fd, EPOLLET); }
int CoreLink::watch_session(int fd) { return watch(fd, EPOLLET); }

int CoreLink::watch(int fd, uint32_t mode) {
  epoll_event event{};
  event.events = EPOLLIN | mode;
  event.data.fd = fd;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void CoreLink::unwatch(int fd) { epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

KernelMessage* CoreLink::take_mail() {
  KernelMessage* message = nullptr;
  return mail_.pop(message) ? message : nullptr;
}

void CoreLink::note(const CoreNote& note) {
  if (!kept_back_.empty() || !notes_.push(note)) kept_back_.push_back(note);
  raise_event(note_event_);
}

void CoreLink::flush_notes() {
  if (kept_back_.empty()) return;
  while (!kept_back_.empty() && notes_.push(kept_back_.front())) kept_back_.pop_front();
  raise_event(note_event_);
}

bool CoreLink::sleep(Nanos timeout) {
  epoll_event events[kEventsPerWake];
  const timespec limit{timeout / kSecond, timeout % kSecond};
  int n = epoll_pwait2(epoll_, events, kEventsPerWake, &limit, nullptr);
  if (n < 0 && errno == ENOSYS)  // before Linux 5.11
    n = epoll_wait(epoll_, events, kEventsPerWake,
                   static_cast<int>(std::min<Nanos>((timeout + kMilli - 1) / kMilli, 1000)));
  fired_count_ = std::max(n, 0);
  for (int i = 0; i < n; ++i) {
    fired_[i] = events[i].data.fd;
    if (fired_[i] == mail_event_) clear_event(mail_event_);
  }
  return n != 0;
}

bool CoreLink::fired(int fd) const {
  return std::find(fired_, fired_ + fired_count_, fd) != fired_ + fired_count_;
}

}  // namespace pinion
