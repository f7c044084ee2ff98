// Sending signals, and who pays for slow ones; see signaller.h.
#include "host/signaller.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/check.h"

namespace pinion {

namespace {
constexpr size_t kUsersRemembered = 256;
}  // namespace

void send_signal(int fd) {
  // Per call, not by a flag of the descriptor: that flag could be the application's to clear.
  const char byte = 0;
  (void)!send(fd, &byte, sizeof byte, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Signaller::Signaller(CoreLink& link, const Clock& clock)
    : link_(link), clock_(clock), users_(kUsersRemembered), user_of_(link.sessions_max()) {}

// With more users than are remembered, the one whose account is oldest makes room.
void Signaller::opened(uint32_t session, uint32_t uid) {
  STACK_CHECK(session < user_of_.size());
  User* user = &users_[0];
  for (User& u : users_) {
    if (u.used && u.uid == uid) {
      user = &u;
      break;
    }
    const bool older = u.suspect_until < user->suspect_until;
    if (user->used && (!u.used || older)) user = &u;
  }
  if (!user->used || user->uid != uid) *user = {.uid = uid, .used = true};
  user_of_[session] = static_cast<uint32_t>(user - users_.data());
}

// The first slow one may be a core that was preempted. For a while after it the thread's own
// processor time is measured, which costs a system call and is not wrong about that.
void Signaller::signal(uint32_t session, int fd) {
  User& user = users_[user_of_[session]];
  const Nanos now = clock_.now(clock_.self);
  if (now < user.by_control_until) return hand_over(session, fd);
  const bool suspect = now < user.suspect_until;
  const Nanos before = suspect ? thread_cpu_now() : now;
  send_signal(fd);
  const Nanos after = suspect ? thread_cpu_now() : clock_.now(clock_.self);
  if (after - before <= kSlow) return;
  rio_count(&slow_);
  if (suspect) user.by_control_until = now + kByControl;
  user.suspect_until = std::max(now, user.by_control_until) + kSuspect;
}

// One signal of a session is with the control thread at a time, the others wait here: what an
// application can pile up is a descriptor for each of its completion queues.
void Signaller::hand_over(uint32_t session, int fd) {
  for (const Waiting& w : waiting_)
    if (w.fd == fd) return;  // not sent yet: one is enough
  waiting_.push_back({session, fd});
  rio_count(&handed_over_);
  flush();
}

void Signaller::flush() {
  if (waiting_.empty()) return;
  const Waiting next = waiting_.front();
  waiting_.pop_front();
  if (!link_.claim_signal(next.session)) return waiting_.push_back(next);
  CoreNote note;
  note.kind = CoreNote::Kind::signal;
  note.value = next.session;
  note.number = next.fd;
  link_.note(note);
}

void Signaller::forget(int fd) {
  std::erase_if(waiting_, [fd](const Waiting& w) { return w.fd == fd; });
}

}  // namespace pinion
